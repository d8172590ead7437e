"""Making connection links, and telling how far they have come.

Owns what a link may be made for: a tenant that the caller sees, scopes that it may have, an address
to return to that is on the tenant's list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.audit.act import BRIDGE, Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.config.tenants import Purpose, TenantSettings
from bridge.connect.redemption import may_connect
from bridge.connect.returning import check_return_to
from bridge.connect.showing import LINK_PATH
from bridge.connect.views import LinkAnswer, LinkRequest, LinkView, view
from bridge.errors import BridgeError, Code, invalid
from bridge.google.scopes import SIGN_IN, normalise
from bridge.model import Caller, Link, LinkPurpose
from bridge.secret import Secret
from bridge.vault.links import Links, no_link, partition_of, random_text

CONNECT_LIVES_S: Final = 3600
LOGIN_LIVES_S: Final = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectLinks:
    """Makes links."""

    links: Links
    tenants: Mapping[str, TenantSettings]
    public_url: str
    audit: AuditLog
    clock: Clock

    def create(self, caller: Caller, request: LinkRequest) -> LinkAnswer:
        """Return a new link for a user of the caller's.

        Raises:
            BridgeError: `forbidden`, `not_found` for a tenant that is not there or not for this
                caller, `invalid_request` with the field.
        """
        may_connect(caller)
        tenant = self.tenants.get(request.tenant)
        if tenant is None or not caller.sees(request.tenant):
            raise BridgeError(
                Code.NOT_FOUND, "There is no such tenant, or not for this caller.", field="tenant"
            )
        scopes = _allowed(caller, request.scopes)
        check_return_to(request.return_to, tenant.return_to, "return_to")
        is_address = request.account is not None and "@" in request.account
        text = random_text()
        link = replace(
            self._new(text, request.tenant, request.subject, caller.name, CONNECT_LIVES_S),
            client_id=_client(tenant, request.client),
            scopes=scopes,
            return_to=request.return_to,
            account_sub=None if is_address else request.account,
            account_email=request.account if is_address else None,
            chooses_account=request.choose_account,
        )
        self._keep(link)
        return LinkAnswer(id=link.id, url=Secret(self._url(text)), expires_at=link.expires_at)

    def show(self, caller: Caller, link_id: str) -> LinkView:
        """Return how far a link has come.

        Raises:
            BridgeError: `forbidden`; `not_found`, also for a login's link: that is the IdP's.
        """
        may_connect(caller)
        link = self.links.get(link_id)
        is_connect = link is not None and link.purpose is LinkPurpose.CONNECT
        if link is None or not is_connect or not caller.sees(link.tenant):
            raise no_link()
        return view(link, self.clock.now())

    def for_login(  # noqa: PLR0913 - what a link is about, all of it named
        self,
        *,
        tenant: str,
        subject: str,
        account_sub: str,
        email: str | None,
        client_id: str,
        scopes: Collection[str],
        login_id: str,  # noqa: ARG002 - the IdP's `state`, which comes with the browser, binds it
    ) -> str | None:
        """Return the URL of a consent in the middle of a login; None if it leads nowhere back."""
        its = self.tenants.get(tenant)
        if its is None or its.login_return_url is None or its.client(client_id) is None:
            return None
        text = random_text()
        link = replace(
            self._new(text, tenant, subject, BRIDGE, LOGIN_LIVES_S),
            client_id=client_id,
            scopes=tuple(sorted(normalise(scopes))),
            purpose=LinkPurpose.LOGIN,
            account_sub=account_sub,
            account_email=email,
        )
        self._keep(link)
        return self._url(text)

    def _new(self, text: Secret, tenant: str, subject: str, by: str, lives: int) -> Link:
        now = int(self.clock.now())
        return Link(
            id=self.links.id_of(text.reveal()),
            text=text,
            tenant=tenant,
            subject=subject,
            client_id="",
            scopes=(),
            purpose=LinkPurpose.CONNECT,
            created_by=by,
            created_at=now,
            expires_at=now + lives,
        )

    def _keep(self, link: Link) -> None:
        act = Act(
            type=ActType.LINK_CREATED,
            tenant=link.tenant,
            cause=Cause(link.created_by, link.purpose.value),
            subject=link.subject,
            account=link.account_sub,
            client=link.client_id,
            details=(("link", link.id), ("scopes", " ".join(link.scopes))),
        )
        self.links.commit([self.links.put(link), self.audit.op(partition_of(link), act)])

    def _url(self, text: Secret) -> str:
        return self.public_url + LINK_PATH + text.reveal()


def _allowed(caller: Caller, asked: Collection[str]) -> tuple[str, ...]:
    scopes = normalise(asked)
    if caller.scopes is not None and not scopes <= caller.scopes | SIGN_IN:
        # A user would be asked to consent to what this caller could not use.
        raise BridgeError(
            Code.FORBIDDEN,
            "This caller may not have a scope; an admin widens its allowance.",
            field="scopes",
        )
    return tuple(sorted(scopes))


def _client(tenant: TenantSettings, named: str | None) -> str:
    if named is not None:
        if tenant.client(named) is None:
            raise invalid("The tenant has no Google client of this id.", field="client")
        return named
    for_data = (its for its in tenant.clients if its.purpose is Purpose.DATA)
    return next(for_data, tenant.clients[0]).client_id
