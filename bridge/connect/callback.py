"""The way home from Google: every check of the answer, and what becomes of it.

Owns the order: link, browser, trip, issuer, code, account, scopes. Whatever does not fit is thrown
away, and its page says what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.audit.act import USER, Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.connect.arriving import Arriving
from bridge.connect.asking import is_expected
from bridge.connect.browser import Cookies, Homecoming, Redirect
from bridge.connect.exchange import Consent, Exchange, Hope, Setback
from bridge.connect.pages import AnyPage, Unknown
from bridge.connect.showing import Showing
from bridge.connect.trips import LONGEST_S, Trips, ended
from bridge.consent.rounds import Rounds
from bridge.model import Attempt, Link, LinkPurpose, LinkStatus, Outcome
from bridge.secret import Secret
from bridge.tokens.clients import Clients
from bridge.vault.links import Links

log = structlog.get_logger(__name__)

_PAUSE_S: Final = 0.1
_WORD: Final = re.compile(r"[a-z_]{1,40}")
_DENIED: Final = "access_denied"
# Google shows these on its own page, as a rule; should one come back all the same, it is no fault.
_POLICIES: Final = frozenset({"admin_policy_enforced", "org_internal", "policy_enforced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Takes browsers that Google has sent back.

    Attributes:
        issuers: what Google calls itself.
    """

    links: Links
    trips: Trips
    showing: Showing
    cookies: Cookies
    clients: Clients
    exchange: Exchange
    arriving: Arriving
    rounds: Rounds
    audit: AuditLog
    issuers: Collection[str]
    clock: Clock

    def arrive(self, home: Homecoming) -> Redirect | AnyPage:
        """Return where a browser goes from here, or the page that it gets."""
        state = Secret(home.parameters.get("state", ""))
        link = self.links.of_state(state.reveal())
        if link is None:
            return Unknown()
        browser = self.cookies.of(link.id, home.cookies)
        if browser is None or not self.trips.knows(link, browser):
            # Somebody else's answer, sent here to connect their account to this user or to have
            # this user's consent end up with them.
            log.warning("connect_other_browser", tenant=link.tenant, link=link.id)
            return self.showing.other_browser(link)
        return self._ending(link, self.trips.of_answer(link, state, browser), home)

    def _ending(self, link: Link, attempt: Attempt | None, home: Homecoming) -> Redirect | AnyPage:
        if link.status.is_done:
            return self.arriving.again(link, attempt)
        if attempt is None:
            return self.showing.superseded(link, None)
        if self.clock.now() > attempt.started_at + LONGEST_S:
            return self.showing.expired(link, attempt.idp_state)
        if not self.trips.claim(link, attempt):
            return self._joined(link.id, attempt)
        return self._taken_up(link, attempt, home)

    def _joined(self, link_id: str, attempt: Attempt) -> Redirect | AnyPage:
        """Wait for the call that took the same answer up, as after a reload, and answer alike."""
        while (link := self.links.get(link_id)) is not None:
            if link.status.is_done:
                return self.arriving.again(link, attempt)
            if not self.trips.is_running(link, attempt):
                return self._ended(link, attempt)
            self.clock.sleep(_PAUSE_S)
        return Unknown()

    def _ended(self, link: Link, attempt: Attempt) -> AnyPage:
        """Return the page of a trip that came to nothing before."""
        match link.status:
            case LinkStatus.DENIED:
                return self.showing.denied(link, attempt.idp_state)
            case LinkStatus.WRONG_ACCOUNT:
                return self.showing.wrong_account(link, attempt.idp_state)
            case _:
                return self.showing.superseded(link, attempt.idp_state)

    def _taken_up(self, link: Link, attempt: Attempt, home: Homecoming) -> Redirect | AnyPage:
        told = home.parameters
        if told.get("iss") not in self.issuers:
            # RFC 9207: an answer of another authorization server, mixed up with Google's.
            return self._failed(link, attempt, Setback("issuer"))
        if "error" in told:
            return self._refused(link, attempt, told["error"])
        client = self.clients.find(link.tenant, link.client_id)
        code = told.get("code")
        if client is None or not code:
            reason = "code_missing" if client else "client_not_configured"
            return self._failed(link, attempt, Setback(reason))
        consent = self.exchange.run(client, attempt, Secret(code))
        if isinstance(consent, Setback):
            return self._failed(link, attempt, consent)
        if not is_expected(link, consent.signed):
            return self._wrong_account(link, attempt, consent)
        return self.arriving.arrive(link, client, attempt, consent)

    def _refused(self, link: Link, attempt: Attempt, error: str) -> AnyPage:
        if error == _DENIED:
            return self._denied(link, attempt)
        reason = error if _WORD.fullmatch(error) else "google_error"
        hope = Hope.ADMIN if reason in _POLICIES else Hope.AGAIN
        return self._failed(link, attempt, Setback(reason, hope))

    def _denied(self, link: Link, attempt: Attempt) -> AnyPage:
        self._note(link, attempt, LinkStatus.DENIED)
        if link.purpose is LinkPurpose.LOGIN:
            self.rounds.settle(link.tenant, link.subject, link.client_id, Outcome.DENIED)
        else:
            self.audit.note(_act(ActType.CONSENT_DENIED, link, _DENIED))
        return self.showing.denied(link, attempt.idp_state)

    def _wrong_account(self, link: Link, attempt: Attempt, consent: Consent) -> AnyPage:
        self._note(link, attempt, LinkStatus.WRONG_ACCOUNT)
        self.audit.note(_act(ActType.CONSENT_DENIED, link, LinkStatus.WRONG_ACCOUNT.value))
        return self.showing.wrong_account(link, attempt.idp_state, consent.signed.email)

    def _failed(self, link: Link, attempt: Attempt, setback: Setback) -> AnyPage:
        log.warning("connect_failed", tenant=link.tenant, link=link.id, reason=setback.reason)
        self._note(link, attempt, LinkStatus.FAILED, setback.reason)
        return self.showing.setback(link, setback, attempt.idp_state)

    def _note(
        self, link: Link, attempt: Attempt, status: LinkStatus, reason: str | None = None
    ) -> None:
        self.links.update(link.id, lambda present: ended(present, attempt, status, reason))


def _act(kind: ActType, link: Link, reason: str) -> Act:
    return Act(
        type=kind,
        tenant=link.tenant,
        cause=Cause(USER, reason),
        subject=link.subject,
        client=link.client_id,
        details=(("link", link.id), ("purpose", link.purpose.value)),
    )
