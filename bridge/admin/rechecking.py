"""Trying a grant again: every verdict is lifted, and Google is asked once.

Owns what a recheck may try. What the answer means is the refresher's, as at any other refresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bridge.admin.access import permit, visible
from bridge.admin.selecting import EVERY, Selection, guarded
from bridge.admin.views import RecheckAnswer, view
from bridge.audit.act import Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.model import Caller, Filter, Grant, State
from bridge.tokens.clients import Client, Clients
from bridge.tokens.refreshing import Refreshing, Want
from bridge.vault import endings
from bridge.vault.grants import Grants

_TRIABLE = (State.ACTIVE, State.UNVERIFIED)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecking:
    """Rechecks grants for callers."""

    grants: Grants
    clients: Clients
    refreshing: Refreshing
    audit: AuditLog
    clock: Clock

    def recheck(self, caller: Caller, grant_id: str, *, only: Filter = EVERY) -> RecheckAnswer:
        """Try a grant's refresh tokens again, also what Google refused before.

        A grant without a refresh token, or under revocation, is left as it is.

        Raises:
            BridgeError: `grant_missing`; `upstream_unavailable` or `client_fault`, Google told
                nothing about the grant; `conflict`, if `only` does not select it, or no longer.
        """
        permit(caller, "grants:recheck")
        held = visible(self.grants, caller, grant_id)
        Selection(self.grants).require(only, held.record)
        if not held.record.tokens or held.record.state is State.REVOKING:
            return RecheckAnswer(tried=False, grant=view(held.record))
        client = self._client(held.record)
        now = int(self.clock.now())
        cause = Cause(caller.name, "recheck")
        lifted = guarded(only, lambda g: endings.reconsider(g, now))
        before = self.grants.update(held.ref, lifted, cause)
        if before == held.record:
            self._tell(before, cause)
        log.info("recheck", tenant=before.tenant, grant=grant_id, caller=caller.name)
        want = Want(held.ref, client, None, _is_untried(before), "recheck")
        with self.refreshing.seen_to(want, patient=True):
            pass
        after = self.grants.get(grant_id)
        if after is None:
            raise BridgeError(Code.GRANT_MISSING, "The grant was forgotten meanwhile.")
        return RecheckAnswer(tried=True, grant=view(after.record))

    def _tell(self, grant: Grant, cause: Cause) -> None:
        """Tell the audit of an act that wrote nothing for the grant's own journal to tell."""
        act = Act(
            type=ActType.RECHECKED,
            tenant=grant.tenant,
            cause=cause,
            subject=grant.subject,
            account=grant.account.sub,
            client=grant.client_id,
            grant=grant.id,
            before=grant.state.value,
        )
        self.audit.note(act)

    def _client(self, grant: Grant) -> Client:
        client = self.clients.find(grant.tenant, grant.client_id)
        if client is None:
            raise BridgeError(
                Code.CLIENT_FAULT,
                "The grant belongs to a Google client that is not in the configuration.",
                reason="client_not_configured",
            )
        return client


def _is_untried(before: Grant) -> Callable[[Grant], bool]:
    """Return what tells whether nobody has asked Google since."""

    def is_untried(present: Grant) -> bool:
        return present.state in _TRIABLE and present.fence == before.fence

    return is_untried
