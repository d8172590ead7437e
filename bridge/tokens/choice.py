"""Which of a subject's grants a request means: pure.

Owns the rule that only usable grants compete, and that the bridge never picks between accounts.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import BridgeError, Code
from bridge.model import Grant, State
from bridge.tokens.demand import Demand
from bridge.vault.lifecycle import contenders
from bridge.vault.records import Held

_HOPEFUL = (State.REAUTH_REQUIRED, State.BLOCKED, State.REVOKING, State.REVOKED, State.MISSING)


def choose(found: Sequence[Held[Grant]], demand: Demand) -> Held[Grant]:
    """Return the grant to read, or the one whose state answers the request.

    Raises:
        BridgeError: `grant_missing`; `account_ambiguous`, if grants of several accounts could
            serve and the request names none.
    """
    named = [held for held in found if is_named(held.record, demand)]
    if len(named) == 1:
        return named[0]
    serving = [held for held in named if held.record.state in (State.ACTIVE, State.UNVERIFIED)]
    enough = [held for held in serving if _suffices(held.record, demand)]
    hopeful = [held for held in serving if contenders(held.record)]
    if best := enough or hopeful or serving:
        if len({held.record.account.sub for held in best}) > 1:
            raise BridgeError(
                Code.ACCOUNT_AMBIGUOUS,
                "This subject has several Google accounts; name one in `account` or pin a `grant`.",
                field="account",
            )
        return min(best, key=lambda held: _rank(held.record, demand))
    if not named:
        raise demand.no_grant()
    return min(named, key=lambda held: _HOPEFUL.index(held.record.state))


def is_named(grant: Grant, demand: Demand) -> bool:
    """Tell whether a grant is of the account and client that the request names, if it names any."""
    request = demand.request
    return request.account in (None, grant.account.sub) and request.client in (
        None,
        grant.client_id,
    )


def _suffices(grant: Grant, demand: Demand) -> bool:
    return grant.state is State.UNVERIFIED or not demand.lacking(demand.reach(grant))


def _rank(grant: Grant, demand: Demand) -> tuple[bool, int, str]:
    """Rank grants of one account: proven ones first, then those that lack least."""
    lacking = len(demand.lacking(demand.reach(grant)))
    return grant.state is not State.ACTIVE, lacking, grant.client_id
