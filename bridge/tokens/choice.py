"""Which of a subject's grants a request means: pure.

Owns the rule that only usable grants compete, and that the bridge never picks between accounts.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import BridgeError, Code
from bridge.model import Grant, State
from bridge.tokens.demand import Demand, no_grant
from bridge.vault.records import Held

_HOPEFUL = (State.REAUTH_REQUIRED, State.BLOCKED, State.REVOKING, State.REVOKED, State.MISSING)


def choose(found: Sequence[Held[Grant]], demand: Demand) -> Held[Grant]:
    """Return the grant to read, or the one whose state answers the request.

    Raises:
        BridgeError: `grant_missing`; `account_ambiguous`, if grants of several accounts could
            serve and the request names none.
    """
    named = [held for held in found if _is_named(held.record, demand)]
    serving = [held for held in named if held.record.state in (State.ACTIVE, State.UNVERIFIED)]
    enough = [held for held in serving if _may_suffice(held.record, demand)]
    if len({held.record.account.sub for held in enough or serving}) > 1:
        raise BridgeError(
            Code.ACCOUNT_AMBIGUOUS,
            "This subject has several Google accounts; name one in `account` or pin a `grant`.",
            field="account",
        )
    if candidates := enough or serving:
        return min(candidates, key=lambda held: held.record.state is not State.ACTIVE)
    if not named:
        raise no_grant()
    return min(named, key=lambda held: _HOPEFUL.index(held.record.state))


def _is_named(grant: Grant, demand: Demand) -> bool:
    request = demand.request
    return request.account in (None, grant.account.sub) and request.client in (
        None,
        grant.client_id,
    )


def _may_suffice(grant: Grant, demand: Demand) -> bool:
    return grant.state is State.UNVERIFIED or not demand.lacking(demand.reach(grant))
