"""Listing, showing, forgetting and revoking grants.

Owns the order of a revocation: first the record says so, then Google is asked, then what died with
it is marked. A revocation that was cut off is carried on from the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.admin.access import no_tenant, permit, visible
from bridge.admin.selecting import EVERY, Selection, guarded
from bridge.admin.views import GrantPage, RevokeAnswer, ShownState, view
from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.client import GoogleClient
from bridge.google.outcome import Revoked, Transient
from bridge.model import Caller, Cause, Filter, Grant, State
from bridge.tokens.clients import Clients
from bridge.vault import endings
from bridge.vault.grants import Grants
from bridge.vault.records import Held
from bridge.vault.refresh_tokens import RefreshTokens

_TRY_AGAIN_S: Final = 5
_WRONG_CLIENT: Final = "wrong_client"
_CARRIED_ON: Final = Cause(reason="carried_on")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantAdmin:
    """Acts on grants for callers."""

    grants: Grants
    tokens: RefreshTokens
    clients: Clients
    google: GoogleClient
    clock: Clock

    def page(
        self, caller: Caller, tenant: str, wanted: Filter, after: str | None, limit: int
    ) -> GrantPage:
        """Return a page of a tenant's grants that a filter selects, in the order of their ids.

        Raises:
            BridgeError: `not_found`, for a tenant that is not there or not for this caller.
        """
        permit(caller, "grants:read")
        self.see_tenant(caller, tenant)
        page = self.selection.page(tenant, wanted, after, limit)
        return GrantPage(grants=tuple(view(h.record) for h in page.found), next=page.next)

    def see_tenant(self, caller: Caller, tenant: str) -> None:
        """Refuse a tenant that is not there or not for this caller, by `not_found`."""
        if not caller.sees(tenant):
            raise no_tenant()
        if self.clients.of(tenant):
            return
        # One that was taken out of the configuration is still there as long as its grants are.
        if not self.grants.page(tenant, state=None, after=None, limit=1):
            raise no_tenant()

    @property
    def selection(self) -> Selection:
        """Finds grants by filters."""
        return Selection(self.grants)

    def show(self, caller: Caller, grant_id: str) -> Held[Grant]:
        """Return one grant. Raises BridgeError `grant_missing`."""
        permit(caller, "grants:read")
        return visible(self.grants, caller, grant_id)

    def forget(self, caller: Caller, grant_id: str, *, only: Filter = EVERY) -> None:
        """Drop a grant without telling Google; late messages will not bring it back.

        One that is being revoked goes once Google has taken that.

        Raises:
            BridgeError: `grant_missing`; `conflict`, if `only` does not select it, or no longer.
        """
        permit(caller, "grants:forget")
        held = visible(self.grants, caller, grant_id)
        self.selection.require(only, held.record)
        now = int(self.clock.now())
        forgotten = guarded(only, lambda g: endings.forget_now(g, now))
        self.grants.update(held.ref, forgotten, Cause(caller.name))
        log.info("forgotten", tenant=held.record.tenant, grant=grant_id, caller=caller.name)

    def revoke(
        self, caller: Caller, grant_id: str, *, dry_run: bool, only: Filter = EVERY
    ) -> RevokeAnswer:
        """Have Google revoke a grant, and mark what dies with it; what is revoked stays as it is.

        Raises:
            BridgeError: `forbidden`, also if grants of a tenant where the caller may not revoke
                would die with it; `upstream_unavailable`, the revocation goes on by itself;
                `conflict`, if `only` does not select the grant, or no longer.
        """
        permit(caller, "grants:revoke")
        held = visible(self.grants, caller, grant_id)
        self.selection.require(only, held.record)
        siblings = self._siblings(held.record)
        _permit_siblings(caller, siblings)
        if not dry_run and held.record.state is not State.REVOKED:
            log.info("revoking", tenant=held.record.tenant, grant=grant_id, caller=caller.name)
            now = int(self.clock.now())
            revoking = guarded(only, lambda g: endings.begin_revoking(g, now))
            self.grants.update(held.ref, revoking, Cause(caller.name))
            self.carry_on(held, Cause(caller.name))
        if not dry_run:
            # What is found ended may have been ended by a request that nobody acknowledged.
            self.grants.confirm()
        # One that was to be forgotten is gone by now.
        present = self.grants.get(grant_id)
        return RevokeAnswer(
            grant=grant_id,
            state=view(present.record).state if present else ShownState.REVOKED,
            also=tuple(sibling.record.id for sibling in siblings),
        )

    def carry_on(self, held: Held[Grant], cause: Cause = _CARRIED_ON) -> None:
        """Finish a revocation that the record says has begun; safe to repeat.

        Raises:
            BridgeError: `upstream_unavailable`.
        """
        present = self.grants.at(held.ref)
        if present is None or present.record.state is not State.REVOKING:
            return
        grant = present.record
        told = self._revoke_upstream(grant)
        revoked_at = grant.changed_at if told is None else told
        now = int(self.clock.now())

        def ended(sibling: Grant) -> Grant:
            if told is None:
                return endings.doubt(sibling, now)
            return endings.revoke_with_project(sibling, revoked_at, now)

        reason = "revocation_unclear" if told is None else "project_revoked"
        for sibling in self._siblings(grant):
            self.grants.update(sibling.ref, ended, Cause(cause.actor, reason))
        self.grants.update(held.ref, lambda g: endings.revoke(g, revoked_at, now), cause)
        log.info("revoked", tenant=grant.tenant, grant=grant.id)

    def _revoke_upstream(self, grant: Grant) -> int | None:
        """Ask Google, with each token until it takes one; return its time.

        None if there was nothing left to revoke. An attempt that was cut off may have done it, at
        any time since this one began: what the user consented to since then is left alone, to be
        tried, and so are the grants that would have died with this one.
        """
        began = grant.changed_at
        for token in (grant.live, grant.spare, *grant.candidates):
            if token is None or (token in grant.candidates and token.time > began):
                continue
            if token.verdict == _WRONG_CLIENT:
                continue  # what it would end is another project's
            outcome = self.google.revoke(self.tokens.reveal(self.grants.owner(grant), token))
            if isinstance(outcome, Transient):
                raise _not_taken(outcome)
            if isinstance(outcome, Revoked):
                return outcome.date if outcome.date is not None else int(self.clock.now())
        return None

    def _siblings(self, grant: Grant) -> Sequence[Held[Grant]]:
        """Return the other grants that a revocation ends: same account, same Google project."""
        if not grant.tokens:
            return ()  # there is nothing to revoke it by
        project = self._project(grant)
        return [
            held
            for held in self.grants.of_account(grant.account.sub)
            if held.record.id != grant.id
            and held.record.tokens
            and self._project(held.record) == project
        ]

    def _project(self, grant: Grant) -> str:
        client = self.clients.find(grant.tenant, grant.client_id)
        return client.project if client else grant.client_id.split("-", 1)[0]


def _not_taken(outcome: Transient) -> BridgeError:
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "Google has not taken the revocation yet. The grant no longer serves, and the bridge goes "
        "on trying.",
        reason=outcome.reason.value,
        retry_after=outcome.retry_after or _TRY_AGAIN_S,
    )


def _permit_siblings(caller: Caller, siblings: Sequence[Held[Grant]]) -> None:
    hidden = [held for held in siblings if not caller.sees(held.record.tenant)]
    if hidden:
        # The number alone: which tenants share a user is theirs to know.
        raise BridgeError(
            Code.FORBIDDEN,
            f"Google would end {len(hidden)} more grants of this account in tenants where this "
            "caller may not revoke.",
            reason="other_tenants",
        )
