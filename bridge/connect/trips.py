"""A browser's trips to Google: begun with everything that its answer must fit, ended once.

Owns which answer belongs to which trip. Several may be under way for one link, as in two tabs or
after Back: whichever comes home first has connected the account, so that nobody consents twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.connect.asking import Wish
from bridge.connect.browser import Cookies, Redirect
from bridge.google.authorization import AuthorizationRequest
from bridge.model import Attempt, Link, LinkStatus
from bridge.secret import Secret
from bridge.tokens.clients import Client
from bridge.vault.links import Links, no_link, random_text, text_of_link

# A consent screen that somebody left open over lunch is still good; one of yesterday is not.
LONGEST_S: Final = 3600
# The exchange is over by then, or its process is gone.
CLAIM_HOLDS_S: Final = 30
_UNDER_WAY: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Begins trips, and finds the one that an answer ends.

    Attributes:
        endpoint: Google's authorization endpoint.
        redirect_uri: the bridge's one callback.
    """

    links: Links
    tenants: Mapping[str, TenantSettings]
    cookies: Cookies
    endpoint: str
    redirect_uri: str
    clock: Clock

    def begin(
        self,
        link: Link,
        client: Client,
        wish: Wish,
        browser: Secret | None,
        idp_state: str | None,
    ) -> Redirect:
        """Keep a new trip in the link, and return the way to Google.

        Args:
            link: the link as it was read.
            client: its Google client.
            wish: what to ask for.
            browser: the cookie that the browser has for this link, if it has one.
            idp_state: the IdP's `state`, where a login waits.

        Raises:
            BridgeError: `not_found`, if the link is gone or was used up meanwhile.
        """
        # Only a cookie of our own making is taken again: another one may have been planted.
        is_ours = browser is not None and self.knows(link, browser)
        cookie = browser if is_ours and browser is not None else random_text()
        url = self._sent(link, client, wish, self.links.hash("browser", cookie), idp_state)
        return Redirect(url, self.cookies.made(link.id, cookie))

    def follow(self, link: Link, client: Client, wish: Wish, attempt: Attempt) -> Redirect:
        """Send the browser of a trip that has just ended on another one; raises as `begin`."""
        url = self._sent(link, client, wish, attempt.browser, attempt.idp_state)
        self.links.update(link.id, lambda link: replace(link, attempts=_with_over(link, attempt)))
        return Redirect(url)

    def _sent(
        self, link: Link, client: Client, wish: Wish, browser: str, idp_state: str | None
    ) -> str:
        state, nonce, verifier = text_of_link(link.id), random_text(), random_text()
        attempt = Attempt(
            browser=browser,
            state=self.links.hash("state", state),
            nonce=nonce,
            code_verifier=verifier,
            asked=tuple(sorted(wish.scopes)),
            started_at=int(self.clock.now()),
            idp_state=idp_state,
            is_forced=wish.is_forced,
        )
        if self.links.update(link.id, lambda present: _with(present, attempt)) is None:
            raise no_link()
        request = AuthorizationRequest(
            client_id=client.id,
            redirect_uri=self.redirect_uri,
            scopes=wish.scopes,
            state=state,
            nonce=nonce,
            code_verifier=verifier,
            prompts=wish.prompts,
            login_hint=wish.login_hint,
            include_granted_scopes=self.tenants[link.tenant].include_granted_scopes,
        )
        return request.url(self.endpoint)

    def of_answer(self, link: Link, state: Secret, browser: Secret) -> Attempt | None:
        """Return the trip that an answer ends: both its `state` and its browser must fit."""
        hashed = self.links.hash("state", state)
        ends = (a for a in link.attempts if compare_digest(a.state, hashed))
        attempt = next(ends, None)
        return attempt if attempt is not None and self._is_of(attempt, browser) else None

    def knows(self, link: Link, browser: Secret) -> bool:
        """Tell whether a browser has a trip of this link."""
        return any(self._is_of(attempt, browser) for attempt in link.attempts)

    def claim(self, link: Link, attempt: Attempt) -> bool:
        """Take an answer up; tell whether this call alone does.

        Of a code that is used twice Google may take the tokens of its first use back
        (RFC 6749 section 4.1.2), so that a reload must not use it again.
        """
        now = int(self.clock.now())

        def claimed(present: Link) -> Link | None:
            kept = _same(present, attempt)
            if present.status.is_done or kept is None or kept.claimed_at is not None:
                return None
            attempts = (replace(a, claimed_at=now) if a is kept else a for a in present.attempts)
            return replace(present, attempts=tuple(attempts))

        return self.links.update(link.id, claimed) is not None

    def is_running(self, link: Link, attempt: Attempt) -> bool:
        """Tell whether somebody who claimed an answer is still at work on it."""
        kept = _same(link, attempt)
        if link.status.is_done or kept is None or kept.claimed_at is None or kept.is_over:
            return False
        return self.clock.now() < kept.claimed_at + CLAIM_HOLDS_S

    def _is_of(self, attempt: Attempt, browser: Secret) -> bool:
        return compare_digest(attempt.browser, self.links.hash("browser", browser))


def won_by(link: Link, attempt: Attempt) -> tuple[Attempt, ...]:
    """Return a link's trips with the one that has connected the account in front."""
    attempts = _with_over(link, attempt)
    # As they are in the link: what the winner was read as may be older than its claim.
    return tuple(sorted(attempts, key=lambda a: a.state != attempt.state))


def ended(link: Link, attempt: Attempt, status: LinkStatus, reason: str | None) -> Link | None:
    """Return a link one of whose trips came to nothing; what is done stays done."""
    if link.status.is_done:
        return None
    attempts = _with_over(link, attempt)
    return replace(link, status=status, reason=reason, attempts=attempts)


def _with_over(link: Link, attempt: Attempt) -> tuple[Attempt, ...]:
    return tuple(replace(a, is_over=True) if a.state == attempt.state else a for a in link.attempts)


def _with(link: Link, attempt: Attempt) -> Link | None:
    if link.status.is_done:
        return None
    attempts = (attempt, *link.attempts)[:_UNDER_WAY]
    return replace(link, status=LinkStatus.STARTED, reason=None, attempts=attempts)


def _same(link: Link, attempt: Attempt) -> Attempt | None:
    return next((a for a in link.attempts if a.state == attempt.state), None)
