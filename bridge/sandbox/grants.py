"""Consents, codes and tokens: how they come to be, and everything that kills them.

A plain book without a lock: whoever uses it holds the core's. Knows nothing of HTTP, nor of who
may ask for what.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox import minting
from bridge.sandbox.core import Core
from bridge.sandbox.records import (
    AccessToken,
    Account,
    AuthorizationCode,
    Client,
    Consent,
    RefreshToken,
)

_KEPT_AFTER_EXPIRY = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class _PendingRevocation:
    at: float
    sub: str
    project: str


class GrantBook:
    """All that was granted, living and dead."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._consents: dict[tuple[str, str], Consent] = {}
        self._codes: dict[str, AuthorizationCode] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}
        self._live: dict[str, dict[str, RefreshToken]] = {}
        self._access_tokens: dict[str, AccessToken] = {}
        self._by_expiry: deque[AccessToken] = deque()
        self._pending: list[_PendingRevocation] = []

    def consent(self, sub: str, project: str) -> Consent | None:
        """Return what an account's consent to a project covers now."""
        self.settle()
        consent = self._consents.get((sub, project))
        if consent and consent.until is not None and consent.until <= self._core.now():
            return None
        return consent

    def record_consent(
        self, sub: str, project: str, scopes: frozenset[str], until: float | None
    ) -> None:
        """Add `scopes` to what the account granted to the project."""
        before = self.consent(sub, project)
        held = before.scopes if before else frozenset()
        self._consents[sub, project] = Consent(scopes=held | scopes, until=until)

    def put_code(self, code: AuthorizationCode) -> None:
        """Keep a code until it is taken."""
        self._codes[code.code] = code

    def take_code(self, text: str) -> AuthorizationCode | None:
        """Return a code that was not taken before and has not expired, once."""
        code = self._codes.pop(text, None)
        if code and code.issued_at + self._core.options.code_lifetime > self._core.now():
            return code
        return None

    def mint_refresh_token(
        self,
        account: Account,
        client: Client,
        scopes: frozenset[str],
        *,
        lifetime: float | None = None,
        dpop_thumbprint: str | None = None,
    ) -> RefreshToken:
        """Return a new refresh token; the caps silently kill the oldest ones."""
        now = self._core.now()
        token = RefreshToken(
            token=minting.refresh_token(),
            sub=account.sub,
            client_id=client.client_id,
            scopes=scopes,
            issued_at=now,
            last_used_at=now,
            expires_at=None if lifetime is None else now + lifetime,
            dpop_thumbprint=dpop_thumbprint,
        )
        self._refresh_tokens[token.token] = token
        self._live.setdefault(account.sub, {})[token.token] = token
        self._apply_caps(token)
        return token

    def mint_access_token(
        self, sub: str, client_id: str, scopes: frozenset[str], *, offline: bool
    ) -> AccessToken:
        """Return a new access token."""
        now = self._core.now()
        while self._by_expiry and self._by_expiry[0].expires_at + _KEPT_AFTER_EXPIRY < now:
            self._access_tokens.pop(self._by_expiry.popleft().token, None)
        token = AccessToken(
            token=minting.access_token(),
            sub=sub,
            client_id=client_id,
            scopes=scopes,
            expires_at=now + self._core.options.expires_in,
            offline=offline,
        )
        self._access_tokens[token.token] = token
        self._by_expiry.append(token)
        return token

    def refresh_token(self, text: str) -> RefreshToken | None:
        """Return a refresh token, dead or alive, once what was due has happened to it."""
        self.settle()
        token = self._refresh_tokens.get(text)
        if token and token.death is None:
            now = self._core.now()
            if token.expires_at is not None and token.expires_at <= now:
                self.kill(token, "expired")
            elif token.last_used_at + self._core.options.idle_lifetime <= now:
                self.kill(token, "unused")
        return token

    def access_token(self, text: str) -> AccessToken | None:
        """Return an access token that is good now."""
        self.settle()
        token = self._access_tokens.get(text)
        if token is None or token.dead or token.expires_at <= self._core.now():
            return None
        return token

    def known(self, text: str) -> RefreshToken | AccessToken | None:
        """Return a token of either kind, whatever has become of it."""
        return self._refresh_tokens.get(text) or self._access_tokens.get(text)

    def live(self, *, sub: str, client_id: str | None = None) -> list[RefreshToken]:
        """Return an account's live refresh tokens, oldest first."""
        self.settle()
        candidates = [self.refresh_token(text) for text in list(self._live.get(sub, {}))]
        return [
            token
            for token in candidates
            if token and token.death is None and client_id in {None, token.client_id}
        ]

    def kill(self, token: RefreshToken, reason: str) -> None:
        """Let a refresh token die; dead ones keep their first reason."""
        if token.death is None:
            token.death = reason
        self._live.get(token.sub, {}).pop(token.token, None)

    def kill_where(self, sub: str, reason: str, doomed: Callable[[RefreshToken], bool]) -> int:
        """Let an account's refresh tokens die that `doomed` picks, and return how many."""
        victims = [token for token in self.live(sub=sub) if doomed(token)]
        for token in victims:
            self.kill(token, reason)
        return len(victims)

    def kill_access_tokens(self, sub: str, client_id: str | None = None) -> int:
        """Let an account's living access tokens die, and return how many."""
        now = self._core.now()
        victims = [
            access
            for access in self._access_tokens.values()
            if access.sub == sub
            and client_id in {None, access.client_id}
            and not access.dead
            and access.expires_at > now
        ]
        for access in victims:
            access.dead = True
        return len(victims)

    def forget(self, token: RefreshToken) -> None:
        """Lose a refresh token, as if it had never been issued."""
        self.kill(token, "lost")
        self._refresh_tokens.pop(token.token, None)

    def revoke_project(self, sub: str, project: str) -> None:
        """Take all that an account granted to a project, at once and again after the delay.

        What is issued in between is dead on arrival: it dies when the delay is over.
        """
        at = self._core.now() + self._core.options.revoke_delay
        self._pending.append(_PendingRevocation(at=at, sub=sub, project=project))
        self._consents.pop((sub, project), None)
        self.settle()

    def settle(self) -> None:
        """Carry out the revocations that are due."""
        if not self._pending:
            return
        now = self._core.now()
        due = [revocation for revocation in self._pending if revocation.at <= now]
        self._pending = [revocation for revocation in self._pending if revocation.at > now]
        for revocation in due:
            self._carry_out(revocation)

    def _carry_out(self, revocation: _PendingRevocation) -> None:
        self._consents.pop((revocation.sub, revocation.project), None)
        for token in list(self._live.get(revocation.sub, {}).values()):
            if token.project == revocation.project and token.issued_at <= revocation.at:
                self.kill(token, "revoked")
        for access in self._access_tokens.values():
            if access.sub == revocation.sub and access.project == revocation.project:
                access.dead = True

    def _apply_caps(self, newest: RefreshToken) -> None:
        options = self._core.options
        siblings = self.live(sub=newest.sub, client_id=newest.client_id)
        for token in siblings[: max(0, len(siblings) - options.refresh_token_cap)]:
            self.kill(token, "cap")
        everywhere = self._live[newest.sub]
        while len(everywhere) > options.account_refresh_token_cap:
            self.kill(next(iter(everywhere.values())), "cap")
