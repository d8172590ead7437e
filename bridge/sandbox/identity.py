"""ID tokens and profiles: what Google says about who somebody is."""

from __future__ import annotations

import base64
import hashlib

from joserfc.errors import JoseError

from bridge.sandbox import scopes
from bridge.sandbox.core import Core
from bridge.sandbox.keys import SigningKeys
from bridge.sandbox.records import AccessToken, Account

ISSUER = "https://accounts.google.com"


class IdentityTokens:
    """Signs and reads ID tokens."""

    def __init__(self, core: Core, keys: SigningKeys) -> None:
        self._core = core
        self._keys = keys

    def id_token(
        self,
        account: Account,
        access: AccessToken,
        *,
        nonce: str | None = None,
        issued_at: float | None = None,
    ) -> str:
        """Return a signed ID token that goes with an access token."""
        now = self._core.now() if issued_at is None else issued_at
        claims: dict[str, object] = {
            "iss": self._core.options.id_token_issuer,
            "azp": access.client_id,
            "aud": access.client_id,
            "sub": account.sub,
            "at_hash": _half_hash(access.token),
            "iat": int(now),
            "exp": int(now) + 3600,
        }
        if account.hd:
            claims["hd"] = account.hd
        if nonce is not None:
            claims["nonce"] = nonce
        return self._keys.sign(claims | profile(account, access.scopes))

    def read(self, id_token: str) -> dict[str, object] | None:
        """Return the claims of one of our ID tokens that has not expired, or None."""
        try:
            claims = self._keys.claims(id_token)
        except (JoseError, ValueError):
            return None
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires <= self._core.now():
            return None
        return claims


def profile(account: Account, granted: frozenset[str]) -> dict[str, object]:
    """Return the claims about a person that the granted scopes open."""
    claims: dict[str, object] = {}
    if scopes.EMAIL in granted:
        claims |= {"email": account.email, "email_verified": True}
    if scopes.PROFILE in granted:
        given, _, family = account.name.partition(" ")
        claims |= {"name": account.name, "given_name": given}
        if family:
            claims["family_name"] = family
    return claims


def _half_hash(token: str) -> str:
    # OpenID Connect Core 3.1.3.6: the left half of the hash that the signature uses.
    digest = hashlib.sha256(token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
