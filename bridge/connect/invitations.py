"""Opening the connections page for a user: what the app's backend asks for, and gets.

Owns whom a link may be made for, and where it leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bridge.audit.act import Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.config.tenants import TenantSettings
from bridge.connect.redemption import may_connect
from bridge.connect.returning import check_return_to
from bridge.connect.views import Url
from bridge.errors import BridgeError, Code
from bridge.google.scopes import SIGN_IN, normalise
from bridge.model import Caller
from bridge.parsing import Name, Word
from bridge.secret import Secret
from bridge.vault.user_sessions import UserSessions

PAGE_PATH: Final = "/connections"


class ConnectionsLinkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link to a subject's connections page that is wanted.

    Attributes:
        tenant, subject: whose connections; the subject is that of the app's own session.
        return_to: the app's page, one of the tenant's `return_to`. It gets the codes of accounts
            that are connected from there; without it the page only shows and disconnects.
        scopes: what the app wants of an account; without it the tenant's `required_scopes`, else
            what the subject's accounts gave.
    """

    tenant: Name
    subject: Name
    return_to: Url | None = None
    scopes: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()


class ConnectionsLinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new link.

    Attributes:
        url: for the user's browser, once.
        expires_at: Unix seconds.
    """

    url: Secret
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    """Makes links to the connections page."""

    tenants: Mapping[str, TenantSettings]
    sessions: UserSessions
    audit: AuditLog
    public_url: str

    def create(self, caller: Caller, request: ConnectionsLinkRequest) -> ConnectionsLinkAnswer:
        """Return a new link, for a user of the caller's.

        Raises:
            BridgeError: `forbidden`, also for scopes that the caller may not have; `not_found` for
                a tenant that is not there or not for this caller; `invalid_request`, if `return_to`
                is not on the tenant's list.
        """
        may_connect(caller)
        tenant = self.tenants.get(request.tenant)
        if tenant is None or not caller.sees(request.tenant):
            raise BridgeError(
                Code.NOT_FOUND, "There is no such tenant, or not for this caller.", field="tenant"
            )
        if request.return_to is not None:
            check_return_to(request.return_to, tenant.return_to, "return_to")
        scopes = normalise(request.scopes)
        if caller.scopes is not None and not scopes <= caller.scopes | SIGN_IN:
            raise BridgeError(
                Code.FORBIDDEN,
                "This caller may not have a scope; an admin widens its allowance.",
                field="scopes",
            )
        text, expires_at = self.sessions.invite(
            request.tenant, request.subject, tuple(sorted(scopes)), request.return_to
        )
        act = Act(
            type=ActType.LINK_CREATED,
            tenant=request.tenant,
            cause=Cause(caller.name, "connections_page"),
            subject=request.subject,
            details=(("scopes", " ".join(sorted(scopes))),),
        )
        self.audit.note(act)
        url = Secret(f"{self.public_url}{PAGE_PATH}/{text.reveal()}")
        return ConnectionsLinkAnswer(url=url, expires_at=expires_at)
