"""A consent of the right account has come home: keep it, and send its browser on.

Owns the difference between a connection, which waits for the app's backend, and a login, whose IdP
vouches for the account; and the second trip where Google gave no refresh token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.connect.asking import wish_of
from bridge.connect.browser import Redirect
from bridge.connect.entering import Entering, Entry
from bridge.connect.exchange import Consent, Hope, Setback
from bridge.connect.flow import started
from bridge.connect.pages import AnyPage
from bridge.connect.returning import WaysBack
from bridge.connect.showing import Showing
from bridge.connect.trips import Trips, ended, won_by
from bridge.consent.filter import is_usable
from bridge.google.scopes import SIGN_IN
from bridge.model import Account, Attempt, Grant, Link, LinkPurpose, LinkStatus, Pending, State
from bridge.store.base import Op
from bridge.tokens.clients import Client
from bridge.vault.grants import Identity
from bridge.vault.links import Links, text_of_link

CODE_LIVES_S: Final = 10 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """Keeps consents."""

    links: Links
    trips: Trips
    showing: Showing
    ways: WaysBack
    entering: Entering
    audit: AuditLog
    clock: Clock

    def arrive(
        self, link: Link, client: Client, attempt: Attempt, consent: Consent
    ) -> Redirect | AnyPage:
        """Keep a consent whose account is the right one; return where its browser goes."""
        if consent.refresh_token is None and not self._goes_on(link, consent):
            return self._once_more(link, client, attempt, consent)
        if link.purpose is LinkPurpose.LOGIN:
            return self._into_login(link, attempt, consent)
        code = text_of_link(link.id)
        signed = consent.signed
        pending = Pending(
            subject=link.subject,
            account=_account(consent),
            client_id=link.client_id,
            scopes=tuple(sorted(consent.scopes)),
            token=self.entering.sealed(link.tenant, consent),
            time=signed.issued_at,
            expires_at=int(self.clock.now()) + CODE_LIVES_S,
        )
        done = replace(_done(link, consent), code=code)
        kept = self.links.keep(link.id, link.tenant, code, pending)
        return self._finished(link, attempt, done, [kept])

    def again(self, link: Link, attempt: Attempt | None) -> Redirect | AnyPage:
        """Answer a browser of a link that is done: the one that did it gets its answer again.

        A reload, or a second press of Back, must not cost the user what was connected.
        """
        is_winner = attempt is not None and link.attempts[0].state == attempt.state
        idp_state = attempt.idp_state if attempt is not None else None
        if is_winner and (url := self._url(link, idp_state)) is not None:
            return Redirect(url)
        return self.showing.done(link, idp_state, is_its_browser=True)

    def _url(self, link: Link, idp_state: str | None) -> str | None:
        if link.purpose is LinkPurpose.CONNECT:
            is_over = self.clock.now() >= (link.done_at or 0) + CODE_LIVES_S
            if link.code is None or is_over:
                return None
        return self.ways.url(link, link.status.value, code=link.code, idp_state=idp_state)

    def _into_login(self, link: Link, attempt: Attempt, consent: Consent) -> Redirect | AnyPage:
        grant = self.entering.enter(
            Entry(
                identity=Identity(link.tenant, link.subject, consent.signed.sub, link.client_id),
                account=_account(consent),
                token=self.entering.sealed(link.tenant, consent),
                scopes=tuple(sorted(consent.scopes)),
                time=consent.signed.issued_at,
            )
        )
        return self._finished(link, attempt, replace(_done(link, consent), grant=grant.id), [])

    def _finished(
        self, link: Link, attempt: Attempt, done: Link, ops: list[Op]
    ) -> Redirect | AnyPage:
        now = int(self.clock.now())

        def finished(present: Link) -> Link | None:
            if present.status.is_done:
                return None
            return replace(done, attempts=won_by(present, attempt), done_at=now)

        # None: another tab came home first. What this one brought is dropped, never revoked: that
        # would take the other one's along.
        won = self.links.update(link.id, finished, ops)
        present = won or self.links.get(link.id) or link
        return self.again(present, attempt)

    def _goes_on(self, link: Link, consent: Consent) -> bool:
        """Tell whether the vault's own refresh token will do for what was granted now."""
        wanted = frozenset(link.scopes) & consent.scopes - SIGN_IN
        return any(
            _will_do(grant, wanted)
            for grant in self.showing.grants_of(link)
            if grant.account.sub == consent.signed.sub
        )

    def _once_more(
        self, link: Link, client: Client, attempt: Attempt, consent: Consent
    ) -> Redirect | AnyPage:
        """Ask for a consent outright: without one Google issues no refresh token."""
        if attempt.is_forced:
            setback = Setback("refresh_token_missing", Hope.OPERATOR)
            failed = LinkStatus.FAILED
            self.links.update(link.id, lambda p: ended(p, attempt, failed, setback.reason))
            return self.showing.setback(link, setback, attempt.idp_state)
        present = self.showing.grants_of(link)
        named = replace(link, account_sub=consent.signed.sub, chooses_account=False)
        wish = wish_of(named, present, force=True)
        trip = self.trips.follow(link, client, wish, attempt)
        self.audit.note(started(link, is_forced=True))
        return trip


def _will_do(grant: Grant, wanted: frozenset[str]) -> bool:
    # What an unverified one holds shows at its first refresh; asking on suspicion would mint more.
    return is_usable(grant) and (
        grant.state is State.UNVERIFIED or wanted <= frozenset(grant.granted)
    )


def _done(link: Link, consent: Consent) -> Link:
    missing = frozenset(link.scopes) - consent.scopes - SIGN_IN
    return replace(
        link,
        status=LinkStatus.PARTIAL if missing else LinkStatus.CONNECTED,
        reason=None,
        account=_account(consent),
        missing=tuple(sorted(missing)),
    )


def _account(consent: Consent) -> Account:
    signed = consent.signed
    return Account(sub=signed.sub, email=signed.email, hosted_domain=signed.hosted_domain)
