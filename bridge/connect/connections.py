"""The connections page: what a user sees there, and can do.

Owns that a session reaches its own subject's grants alone. How a grant ends is `admin`'s business;
connecting is the connect flow's, with the same return and the same redemption.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from bridge.audit.act import USER
from bridge.config.permissions import Permission
from bridge.config.tenants import TenantSettings
from bridge.connect.connection_pages import ConnectionsPage, Disconnect, Done, Ends
from bridge.connect.overview import Overview
from bridge.connect.views import LinkAnswer, LinkRequest
from bridge.errors import BridgeError, Code
from bridge.model import Caller, Grant, UserSession
from bridge.secret import Secret

_RIGHTS: Final = (Permission.CONNECT, Permission.GRANTS_FORGET, Permission.GRANTS_REVOKE)


class Ended(Protocol):
    """What a revocation ends."""

    @property
    def also(self) -> tuple[str, ...]:
        """Ids of the other grants that end with it."""
        ...


class Ender(Protocol):
    """Ends grants for callers."""

    def forget(self, caller: Caller, grant_id: str) -> None:
        """Drop a grant without telling Google."""
        ...

    def revoke(self, caller: Caller, grant_id: str, *, dry_run: bool) -> Ended:
        """Have Google revoke a grant, or only tell what would end."""
        ...


class LinkMaker(Protocol):
    """Makes connection links for callers."""

    def create(self, caller: Caller, request: LinkRequest) -> LinkAnswer:
        """Return a new link."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Acts for users whose session was proven."""

    tenants: Mapping[str, TenantSettings]
    overview: Overview
    ender: Ender
    links: LinkMaker

    def app(self, tenant: str) -> str | None:
        """Return what a tenant calls its app."""
        settings = self.tenants.get(tenant)
        return settings.app_name if settings else None

    def show(self, session: UserSession, csrf: str, done: Done | None) -> ConnectionsPage:
        """Return the subject's accounts."""
        can_connect = session.return_to is not None and bool(self.overview.wanted(session))
        return ConnectionsPage(
            app=self.app(session.tenant),
            back=session.return_to,
            accounts=self.overview.accounts(session),
            csrf=csrf,
            can_connect=can_connect,
            done=done,
        )

    def disconnecting(self, session: UserSession, grant_id: str, csrf: str) -> Disconnect:
        """Return the choice between the two ways of disconnecting.

        Raises:
            BridgeError: `grant_missing`.
        """
        grant = self.overview.grant(session, grant_id)
        return Disconnect(
            app=self.app(session.tenant),
            back=session.return_to,
            connection=self.overview.connection(session, grant),
            email=grant.account.email,
            csrf=csrf,
            ends=self._ends(session, grant),
        )

    def forget(self, session: UserSession, grant_id: str) -> Done:
        """Disconnect here; Google is not told. Raises BridgeError `grant_missing`."""
        grant = self.overview.grant(session, grant_id)
        self.ender.forget(_user(session), grant.id)
        return Done.FORGOTTEN

    def revoke(self, session: UserSession, grant_id: str) -> Done:
        """Disconnect here and at Google; raises as `forget`, and `forbidden`."""
        grant = self.overview.grant(session, grant_id)
        user = _user(session)
        done = Done.REVOKED
        try:
            self.ender.revoke(user, grant.id, dry_run=False)
        except BridgeError as error:
            if error.code is not Code.UPSTREAM_UNAVAILABLE:
                raise
            done = Done.REVOKING
        # The user is done with it. Where Google has not taken the revocation yet, that goes on,
        # and the rest of the grant goes once it has.
        self.ender.forget(user, grant.id)
        return done

    def reconnect(self, session: UserSession, grant_id: str) -> Secret:
        """Return a link that mends or widens a connection; raises as `forget`."""
        grant = self.overview.grant(session, grant_id)
        return self._link(
            session,
            self.overview.wanted_of(session, grant),
            client=grant.client_id,
            account=grant.account.sub,
        )

    def connect(self, session: UserSession) -> Secret:
        """Return a link to connect an account of the user's choice."""
        return self._link(session, self.overview.wanted(session), choose_account=True)

    def _ends(self, session: UserSession, grant: Grant) -> Ends | None:
        if not grant.tokens:
            return None  # there is nothing to tell Google by
        try:
            also = self.ender.revoke(_user(session), grant.id, dry_run=True).also
        except BridgeError as error:
            if error.code is not Code.FORBIDDEN:
                raise
            return None  # it would end what another tenant holds, which is not for this one to end
        own = {its.id: its for its in self.overview.grants_of(session)}
        purposes = (self.overview.purpose(session, own[its]) for its in also if its in own)
        return Ends(own=tuple(purposes), others=sum(its not in own for its in also))

    def _link(
        self,
        session: UserSession,
        scopes: frozenset[str],
        *,
        client: str | None = None,
        account: str | None = None,
        choose_account: bool = False,
    ) -> Secret:
        if session.return_to is None or not scopes:
            raise BridgeError(Code.CONFLICT, "Nothing can be connected from this page.")
        request = LinkRequest(
            tenant=session.tenant,
            subject=session.subject,
            scopes=tuple(sorted(scopes)),
            return_to=session.return_to,
            client=client,
            account=account,
            choose_account=choose_account,
        )
        return self.links.create(_user(session), request).url


def _user(session: UserSession) -> Caller:
    """Return a session's user as a caller: all that it names is its own subject's."""
    return Caller(USER, frozenset({session.tenant}), None, frozenset(p.value for p in _RIGHTS))
