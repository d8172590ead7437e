"""What a code or a refresh token is exchanged for, and every natural cause of a refusal.

Owns the rules of the token and revocation endpoints. Knows nothing of HTTP or of injection.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.sandbox import scopes as scope_names
from bridge.sandbox.accounts import Accounts
from bridge.sandbox.clients import Clients
from bridge.sandbox.core import Core
from bridge.sandbox.grants import GrantBook
from bridge.sandbox.identity import IdentityTokens
from bridge.sandbox.rates import RefreshRates
from bridge.sandbox.records import (
    AccessToken,
    Account,
    AuthorizationCode,
    Client,
    RefreshToken,
    TokenAnswer,
)
from bridge.sandbox.refusal import GoogleRefusal, dead_grant, invalid_scopes
from bridge.sandbox.usable import check_usable, dies_in_testing


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What an answer is made of, before it is signed."""

    access: AccessToken
    openid: bool
    refresh: RefreshToken | None = None
    nonce: str | None = None
    issued_at: float | None = None


class TokenDesk:
    """Redeems, refreshes and revokes."""

    def __init__(
        self,
        core: Core,
        accounts: Accounts,
        clients: Clients,
        book: GrantBook,
        identity: IdentityTokens,
    ) -> None:
        self._core = core
        self._accounts = accounts
        self._clients = clients
        self._book = book
        self._identity = identity
        self._rates = RefreshRates(core)

    def redeem(
        self,
        code: AuthorizationCode,
        *,
        dpop_thumbprint: str | None = None,
        id_token_iat: float | None = None,
    ) -> TokenAnswer:
        """Exchange a code that was taken from the book.

        Args:
            code: the code.
            dpop_thumbprint: the key to bind the refresh token to (RFC 9449).
            id_token_iat: the ID token's `iat` if it is not to be now.

        Raises:
            GoogleRefusal: the account is gone meanwhile.
        """
        client = self._clients.get(code.request.client_id)
        with self._core.lock:
            account = self._accounts.get(code.sub)
            if account.status != "active":
                raise dead_grant("Bad Request")
            refresh = None
            if code.request.offline and code.consent_shown:
                refresh = self._book.mint_refresh_token(
                    account,
                    client,
                    code.scopes,
                    lifetime=self._lifetime(code, client),
                    dpop_thumbprint=dpop_thumbprint,
                )
            access = self._book.mint_access_token(
                account.sub, client.client_id, code.scopes, offline=code.request.offline
            )
        return self._answer(
            account,
            Issued(
                access=access,
                refresh=refresh,
                openid=scope_names.OPENID in code.scopes,
                nonce=code.request.nonce,
                issued_at=id_token_iat,
            ),
        )

    def refresh(
        self,
        client: Client,
        refresh_token: str,
        scope: str | None = None,
        *,
        dpop_thumbprint: str | None = None,
    ) -> TokenAnswer:
        """Exchange a refresh token for an access token.

        Raises:
            GoogleRefusal: for each of the natural causes.
        """
        with self._core.lock:
            token = self._book.refresh_token(refresh_token)
            if token is None:
                raise dead_grant("Bad Request")
            self._rates.check(client.client_id, token.sub)
            account = self._accounts.get(token.sub)
            check_usable(token, client, account, dpop_thumbprint)
            granted = self._narrowed(token, scope)
            token.last_used_at = self._core.now()
            renewed = self._rotated(token, account, client)
            access = self._book.mint_access_token(
                token.sub, client.client_id, granted, offline=True
            )
        openid = scope_names.OPENID in token.scopes
        return self._answer(account, Issued(access=access, refresh=renewed, openid=openid))

    def mint(
        self,
        account: Account,
        client: Client,
        scopes: frozenset[str],
        *,
        lifetime: float | None = None,
    ) -> RefreshToken:
        """Issue a refresh token directly, as if the account had consented just now."""
        with self._core.lock:
            until = None if lifetime is None else self._core.now() + lifetime
            self._book.record_consent(account.sub, client.project, scopes, until)
            if lifetime is None and dies_in_testing(client, scopes):
                lifetime = self._core.options.testing_lifetime
            return self._book.mint_refresh_token(account, client, scopes, lifetime=lifetime)

    def revoke(self, text: str) -> tuple[str, str]:
        """Revoke by a token: the whole project loses the account's consent.

        Returns:
            The account's `sub` and the client id of the token.

        Raises:
            GoogleRefusal: `invalid_token`, the token is dead or unknown.
        """
        with self._core.lock:
            refresh = self._book.refresh_token(text)
            alive = refresh if refresh and refresh.death is None else None
            token = alive or self._book.access_token(text)
            if token is None:
                raise GoogleRefusal("invalid_token", "Token expired or revoked")
            self._book.revoke_project(token.sub, token.project)
            return token.sub, token.client_id

    def bearer(self, text: str) -> tuple[AccessToken, Account] | None:
        """Return a good access token and its account, or None."""
        with self._core.lock:
            token = self._book.access_token(text)
            if token is None:
                return None
            account = self._accounts.get(token.sub)
            return (token, account) if account.status == "active" else None

    def _lifetime(self, code: AuthorizationCode, client: Client) -> int | None:
        if code.lifetime is not None:
            return code.lifetime
        if dies_in_testing(client, code.scopes):
            return self._core.options.testing_lifetime
        return None

    def _narrowed(self, token: RefreshToken, scope: str | None) -> frozenset[str]:
        if not scope:
            return token.scopes
        wanted = scope_names.normalised(scope)
        narrowing = self._core.options.narrowing
        if not wanted <= token.scopes:
            raise invalid_scopes(wanted & token.scopes, wanted - token.scopes)
        if narrowing == "refused" and wanted != token.scopes:
            raise invalid_scopes((), wanted)
        return wanted if narrowing == "honoured" else token.scopes

    def _rotated(
        self, token: RefreshToken, account: Account, client: Client
    ) -> RefreshToken | None:
        if not self._core.options.rotate_refresh_tokens:
            return None
        self._book.kill(token, "rotated")
        left = None if token.expires_at is None else token.expires_at - self._core.now()
        return self._book.mint_refresh_token(
            account, client, token.scopes, lifetime=left, dpop_thumbprint=token.dpop_thumbprint
        )

    def _answer(self, account: Account, issued: Issued) -> TokenAnswer:
        # Signed outside of the lock: an RSA signature takes a millisecond.
        access, refresh = issued.access, issued.refresh
        id_token = None
        if issued.openid:
            id_token = self._identity.id_token(
                account, access, nonce=issued.nonce, issued_at=issued.issued_at
            )
        left = None
        if refresh is not None and refresh.expires_at is not None:
            left = round(refresh.expires_at - refresh.issued_at)
        return TokenAnswer(
            access_token=access.token,
            expires_in=self._core.options.expires_in,
            scope=scope_names.written(access.scopes),
            refresh_token=refresh.token if refresh else None,
            refresh_token_expires_in=left,
            id_token=id_token,
        )
