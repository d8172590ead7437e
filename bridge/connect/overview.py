"""A subject's grants as their user sees them on the connections page.

Owns what of a grant is shown, and which scopes a new consent should ask for. Changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.clock import Clock
from bridge.config.tenants import ClientSettings, Purpose, TenantSettings
from bridge.connect.connection_pages import ConnectedAccount, Connection
from bridge.errors import BridgeError, Code
from bridge.google.scopes import SIGN_IN, normalise
from bridge.model import Grant, State, UserSession
from bridge.vault.grants import Grants
from bridge.vault.needs import Needs

_MENDED_ELSEWHERE: Final = frozenset({State.BLOCKED, State.REVOKING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Looks at the grants of a session's subject, and at no other's."""

    tenants: Mapping[str, TenantSettings]
    grants: Grants
    needs: Needs
    clock: Clock

    def accounts(self, session: UserSession) -> tuple[ConnectedAccount, ...]:
        """Return the connected accounts, by address."""
        by_account: dict[str, list[Grant]] = defaultdict(list)
        for grant in self.grants_of(session):
            by_account[grant.account.sub].append(grant)
        accounts = [self._account(session, grants) for grants in by_account.values()]
        return tuple(sorted(accounts, key=lambda account: account.email or ""))

    def grant(self, session: UserSession, grant_id: str) -> Grant:
        """Return one of the subject's grants.

        Raises:
            BridgeError: `grant_missing`, also for a grant of somebody else.
        """
        found = (grant for grant in self.grants_of(session) if grant.id == grant_id)
        grant = next(found, None)
        if grant is None:
            raise BridgeError(Code.GRANT_MISSING, "There is no such connection, or no longer.")
        return grant

    def connection(self, session: UserSession, grant: Grant) -> Connection:
        """Return what is shown of a grant."""
        missing = self._more(session, grant) - frozenset(grant.granted)
        return Connection(
            grant=grant.id,
            purpose=self.purpose(session, grant),
            state=grant.state,
            reason=grant.reason,
            scopes=grant.granted,
            missing=tuple(sorted(missing)) if grant.granted else (),
            used=self._since(grant.refreshed_at),
            can_reconnect=self._can_reconnect(session, grant),
        )

    def purpose(self, session: UserSession, grant: Grant) -> Purpose:
        """Return what the app uses a grant's client for."""
        tenant = self.tenants.get(session.tenant)
        client = tenant.client(grant.client_id) if tenant else None
        return client.purpose if client else Purpose.DATA

    def wanted(self, session: UserSession) -> frozenset[str]:
        """Return the scopes to ask another account for: the app's wish, else what others gave."""
        client = self._client(session)
        if client is None:
            return frozenset()
        return self._wish(session) or self._given(session, client.client_id)

    def wanted_of(self, session: UserSession, grant: Grant) -> frozenset[str]:
        """Return the scopes to ask for when a grant is mended or widened."""
        known = frozenset(grant.granted) - SIGN_IN | self._more(session, grant)
        return known or self._given(session, grant.client_id)

    def _can_reconnect(self, session: UserSession, grant: Grant) -> bool:
        if session.return_to is None or grant.state in _MENDED_ELSEWHERE:
            return False
        tenant = self.tenants.get(session.tenant)
        if tenant is None or tenant.client(grant.client_id) is None:
            return False
        is_enough = grant.live is not None and self._more(session, grant) <= set(grant.granted)
        return bool(self.wanted_of(session, grant)) and not is_enough

    def _more(self, session: UserSession, grant: Grant) -> frozenset[str]:
        """Return what the app wants of a grant's client, or asked for in vain."""
        asked_in_vain = (
            scope
            for need in self.needs.of(session.tenant, session.subject)
            if need.client_id == grant.client_id
            for scope in need.scopes
        )
        client = self._client(session)
        is_meant = client is not None and client.client_id == grant.client_id
        wish = self._wish(session) if is_meant else frozenset()
        return (frozenset(asked_in_vain) | wish) - SIGN_IN

    def _wish(self, session: UserSession) -> frozenset[str]:
        tenant = self.tenants.get(session.tenant)
        required = tenant.required_scopes if tenant else ()
        return normalise(session.scopes or required, field=None) - SIGN_IN

    def _given(self, session: UserSession, client_id: str) -> frozenset[str]:
        grants = (grant for grant in self.grants_of(session) if grant.client_id == client_id)
        return frozenset(scope for grant in grants for scope in grant.granted) - SIGN_IN

    def _client(self, session: UserSession) -> ClientSettings | None:
        """Return the client that a connection link is for unless it names one."""
        tenant = self.tenants.get(session.tenant)
        clients = tenant.clients if tenant else ()
        data = (client for client in clients if client.purpose is Purpose.DATA)
        return next(data, clients[0] if clients else None)

    def _account(self, session: UserSession, grants: Sequence[Grant]) -> ConnectedAccount:
        return ConnectedAccount(
            email=next((grant.account.email for grant in grants if grant.account.email), None),
            connections=tuple(self.connection(session, grant) for grant in grants),
        )

    def grants_of(self, session: UserSession) -> list[Grant]:
        """Return the subject's grants, the oldest first."""
        found = self.grants.find(session.tenant, session.subject)
        grants = (held.record for held in found)
        return sorted(grants, key=lambda grant: (grant.created_at, grant.id))

    def _since(self, at: int | None) -> int | None:
        return None if at is None else max(0, int(self.clock.now()) - at)
