"""Which page a link's user sees, by how far the link has come.

Owns what of a link may be shown to whom: anybody who has the link may see why it asks; whose
account came of it only the browser that brought it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from bridge.config.tenants import TenantSettings
from bridge.connect.asking import expected_label, wish_of
from bridge.connect.exchange import Hope, Setback
from bridge.connect.pages import (
    AnyPage,
    Ask,
    Blocked,
    Connected,
    Denied,
    EmbeddedBrowser,
    Expired,
    Failed,
    OtherBrowser,
    Partial,
    Superseded,
    WrongAccount,
)
from bridge.connect.returning import WaysBack
from bridge.google.scopes import SIGN_IN
from bridge.model import Grant, Link, LinkPurpose, LinkStatus
from bridge.vault.grants import Grants

LINK_PATH: Final = "/connect/"
CANCELLED: Final = LinkStatus.DENIED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """Makes pages."""

    tenants: Mapping[str, TenantSettings]
    ways: WaysBack
    grants: Grants
    public_url: str

    def ask(self, link: Link, idp_state: str | None, *, is_unanswered: bool) -> Ask:
        """Return the page that says why."""
        present = self.grants_of(link)
        wish = wish_of(link, present)
        return Ask(
            app=self.app(link),
            back=self.ways.url(link, CANCELLED, idp_state=idp_state),
            form=form_of(link, idp_state),
            scopes=tuple(sorted(frozenset(link.scopes) - wish.held - SIGN_IN)),
            held=tuple(sorted(wish.held - SIGN_IN)),
            account=expected_label(link, present),
            is_login=link.purpose is LinkPurpose.LOGIN,
            is_unanswered=is_unanswered,
        )

    def done(self, link: Link, idp_state: str | None, *, is_its_browser: bool) -> AnyPage:
        """Return the page of a link that is used up."""
        app, account = self.app(link), link.account.email if link.account else None
        told = account if is_its_browser else None
        is_login = link.purpose is LinkPurpose.LOGIN
        is_signed = is_login and not is_its_browser
        back = None if is_signed else self.ways.url(link, link.status.value, idp_state=idp_state)
        if link.status is LinkStatus.PARTIAL:
            missing = link.missing if is_its_browser else ()
            return Partial(app=app, back=back, account=told, missing=missing, is_login=is_login)
        return Connected(app=app, back=back, account=told, is_login=is_login)

    def setback(self, link: Link, setback: Setback, idp_state: str | None) -> AnyPage:
        """Return the page for a trip that came to nothing."""
        app, form = self.app(link), form_of(link, idp_state)
        back = self.ways.url(link, LinkStatus.FAILED.value, idp_state=idp_state)
        if setback.hope is Hope.ADMIN:
            is_bound = link.account_sub is not None or link.account_email is not None
            again = None if is_bound else form
            return Blocked(app=app, back=back, reason=setback.reason, form=again)
        retry = form if setback.hope is Hope.AGAIN else None
        return Failed(app=app, back=back, reason=setback.reason, form=retry)

    def denied(self, link: Link, idp_state: str | None) -> Denied:
        """Return the page for whoever said no."""
        back = self.ways.url(link, LinkStatus.DENIED.value, idp_state=idp_state)
        return Denied(app=self.app(link), back=back, form=form_of(link, idp_state))

    def wrong_account(
        self, link: Link, idp_state: str | None, chosen: str | None = None
    ) -> WrongAccount:
        """Return the page for whoever came with another account."""
        return WrongAccount(
            app=self.app(link),
            back=self.ways.url(link, LinkStatus.WRONG_ACCOUNT.value, idp_state=idp_state),
            form=form_of(link, idp_state),
            expected=expected_label(link, self.grants_of(link)),
            chosen=chosen,
        )

    def superseded(self, link: Link, idp_state: str | None) -> Superseded:
        """Return the page for a trip that nobody waits for any more."""
        back = self.ways.url(link, CANCELLED, idp_state=idp_state)
        return Superseded(app=self.app(link), back=back, form=form_of(link, idp_state))

    def expired(self, link: Link, idp_state: str | None = None) -> Expired:
        """Return the page of a link whose time is over."""
        back = self.ways.url(link, "expired", idp_state=idp_state)
        return Expired(app=self.app(link), back=back)

    def other_browser(self, link: Link) -> OtherBrowser:
        """Return the page for a browser that did not ask."""
        # No signed word on somebody's login for whoever turns up.
        is_plain = link.purpose is LinkPurpose.CONNECT
        back = self.ways.url(link, LinkStatus.FAILED.value) if is_plain else None
        return OtherBrowser(app=self.app(link), back=back)

    def embedded(self, link: Link, idp_state: str | None) -> EmbeddedBrowser:
        """Return the page for a browser that Google refuses."""
        url = self.public_url + form_of(link, idp_state)
        back = self.ways.url(link, CANCELLED, idp_state=idp_state)
        return EmbeddedBrowser(app=self.app(link), back=back, url=url)

    def app(self, link: Link) -> str | None:
        """Return what the tenant calls its app."""
        tenant = self.tenants.get(link.tenant)
        return tenant.app_name if tenant else None

    def grants_of(self, link: Link) -> Sequence[Grant]:
        """Return the grants of a link's subject for its client."""
        found = self.grants.find(link.tenant, link.subject)
        return [held.record for held in found if held.record.client_id == link.client_id]


def form_of(link: Link, idp_state: str | None) -> str:
    """Return the path that a link's forms POST to."""
    query = f"?state={quote(idp_state, safe='')}" if idp_state is not None else ""
    return LINK_PATH + link.text.reveal() + query
