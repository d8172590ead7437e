"""The way to Google: a link is opened, says why it asks, and at a press of its button goes on.

Owns that opening a link changes nothing: mail scanners and chat previews open links too.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.audit.act import USER, Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.connect.asking import wish_of
from bridge.connect.browser import Cookies, Redirect, Visit, is_embedded
from bridge.connect.exchange import Hope, Setback
from bridge.connect.pages import AnyPage, Unknown
from bridge.connect.showing import Showing
from bridge.connect.trips import Trips
from bridge.connect.views import is_abandoned
from bridge.errors import BridgeError, Code
from bridge.model import Link
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Clients
from bridge.vault.links import Links


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFlow:
    """Shows links, and begins trips to Google."""

    links: Links
    trips: Trips
    showing: Showing
    cookies: Cookies
    clients: Clients
    circuits: Circuits
    audit: AuditLog
    clock: Clock

    def show(self, visit: Visit) -> AnyPage:
        """Return the page of a link."""
        link = self.links.opened_by(visit.text)
        return Unknown() if link is None else self._closed(link, visit) or self._ask(link, visit)

    def start(self, visit: Visit) -> Redirect | AnyPage:
        """Send a browser to Google, or say why not."""
        link = self.links.opened_by(visit.text)
        if link is None:
            return Unknown()
        closed = self._closed(link, visit)
        if closed is not None or not visit.is_own:
            # Another site's form must not press the button: the user is to read the page first.
            return closed or self._ask(link, visit)
        client = self.clients.find(link.tenant, link.client_id)
        if client is None:
            return self._setback(link, visit, "client_not_configured")
        try:
            # A consent that no exchange can follow would be asked for again, and mint one more.
            self.circuits.pass_or_raise(client)
        except BridgeError as error:
            if error.code is not Code.CLIENT_FAULT:
                raise
            return self._setback(link, visit, "client_fault")
        wish = wish_of(link, self.showing.grants_of(link))
        browser = self.cookies.of(link.id, visit.cookies)
        redirect = self.trips.begin(link, client, wish, browser, visit.idp_state)
        self.audit.note(started(link, is_forced=wish.is_forced))
        return redirect

    def _closed(self, link: Link, visit: Visit) -> AnyPage | None:
        """Return the page of a link that leads nowhere any more, or not in this browser."""
        if link.status.is_done:
            browser = self.cookies.of(link.id, visit.cookies)
            is_its_browser = browser is not None and self.trips.knows(link, browser)
            return self.showing.done(link, visit.idp_state, is_its_browser=is_its_browser)
        if link.expires_at <= self.clock.now():
            return self.showing.expired(link, visit.idp_state)
        if is_embedded(visit.user_agent):
            return self.showing.embedded(link, visit.idp_state)
        return None

    def _ask(self, link: Link, visit: Visit) -> AnyPage:
        is_unanswered = is_abandoned(link, self.clock.now())
        return self.showing.ask(link, visit.idp_state, is_unanswered=is_unanswered)

    def _setback(self, link: Link, visit: Visit, reason: str) -> AnyPage:
        return self.showing.setback(link, Setback(reason, Hope.OPERATOR), visit.idp_state)


def started(link: Link, *, is_forced: bool) -> Act:
    """Return what is told of a trip that begins."""
    return Act(
        type=ActType.CONNECT_STARTED,
        tenant=link.tenant,
        cause=Cause(USER, "forced" if is_forced else None),
        subject=link.subject,
        client=link.client_id,
        details=(("link", link.id), ("purpose", link.purpose.value)),
    )
