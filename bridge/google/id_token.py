"""Whether an ID token is Google's, for whom, and from when.

Owns the checks of OpenID Connect Core section 3.1.3.7 that need no session: signature, issuer,
audience, times. The nonce is its caller's to compare. Raises no error that holds a token.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import jwt
import msgspec
from jwt.exceptions import (
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)
from jwt.types import Options

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.endpoints import Endpoints
from bridge.google.signing_keys import SigningKeys
from bridge.google.transport import Transport
from bridge.google.wire import prepare
from bridge.secret import Secret

# How far the host's clock and Google's may be apart, in seconds, in both directions. OpenID Connect
# leaves the number open; five minutes is what `bridge check` still calls a working clock.
CLOCK_SKEW: Final = 300
_LONGEST: Final = 16 * 1024
_LONGEST_SUB: Final = 255

_OPTIONS: Final[Options] = {
    "verify_signature": True,
    # `events` tokens of Cross-Account Protection have the same issuer, keys and audience; they
    # have neither `sub` nor `exp`, so that requiring both keeps one from passing as a login.
    "require": ["iss", "aud", "sub", "iat", "exp"],
    "verify_iss": True,
    "verify_aud": True,
    # An `aud` list is refused by `_Claims`; strict_aud would allow but one client a call.
    "strict_aud": False,
    # The times are checked below, against the clock that was passed in: pyjwt reads the host's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    # Type and length are checked by `_Claims` and `_sound_sub`.
    "verify_sub": True,
    "verify_jti": False,
    # A short RSA key can be factored; pyjwt would only warn.
    "enforce_minimum_key_length": True,
}


class IdTokenFlaw(StrEnum):
    """What is wrong with an ID token."""

    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    CLAIMS = "claims"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"


class IdTokenInvalidError(BridgeError):
    """The token proves nothing.

    Attributes:
        flaw: the first thing found wrong.
    """

    def __init__(self, flaw: IdTokenFlaw) -> None:
        super().__init__(
            Code.INVALID_REQUEST, "The ID token proves no login.", reason=f"id_token_{flaw.value}"
        )
        self.flaw = flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedIdToken:
    """What Google signed.

    Attributes:
        sub: the account.
        email, email_verified, hosted_domain: labels; `hosted_domain` is the claim `hd`, which
            alone proves a Workspace domain.
        audience: the client id that the token is for.
        authorized_party: the client id that asked for it (`azp`), where it differs or is told.
        issued_at, expires_at: Unix seconds.
        nonce: what the authorization request carried.
        access_token_hash: `at_hash` (OpenID Connect Core section 3.1.3.6).
    """

    sub: str
    email: str | None
    email_verified: bool
    hosted_domain: str | None
    audience: str
    authorized_party: str | None
    issued_at: int
    expires_at: int
    nonce: str | None
    access_token_hash: str | None


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    aud: str
    iat: int
    exp: int
    nbf: int | None = None
    email: str | None = None
    # Google has written it as a string at times.
    email_verified: bool | str = False
    hd: str | None = None
    azp: str | None = None
    nonce: str | None = None
    at_hash: str | None = None


prepare(_Claims)


class IdTokenVerifier:
    """Verifies ID tokens with cached keys; safe for use by many threads."""

    def __init__(self, endpoints: Endpoints, clock: Clock, transport: Transport) -> None:
        self._issuers = list(endpoints.issuers)
        self._clock = clock
        self._keys = SigningKeys(endpoints.certs, transport, clock)

    def verify(
        self, token: Secret, *, audiences: Collection[str], check_expiry: bool
    ) -> VerifiedIdToken:
        """Return what the token says, once it is proven that Google says so.

        Args:
            token: a compact JWT.
            audiences: the client ids that it may be for; none means that no token passes.
            check_expiry: False where the token arrives late by design, such as a hook message that
                was kept while the bridge was down. A token from the future is refused either way:
                its `iat` would outrank every later RT.

        Raises:
            IdTokenInvalidError: it proves nothing.
            KeysUnavailableError: it cannot be judged now.
        """
        # Never raised from within an `except`: the error caught there holds parts of the token.
        read = self._read(token.reveal(), audiences)
        if isinstance(read, IdTokenFlaw):
            raise IdTokenInvalidError(read)
        flaw = self._untimely(read, check_expiry=check_expiry)
        if flaw is not None:
            raise IdTokenInvalidError(flaw)
        return _verified(read)

    def _read(self, text: str, audiences: Collection[str]) -> _Claims | IdTokenFlaw:
        kid = _key_id(text)
        if isinstance(kid, IdTokenFlaw):
            return kid
        key = self._keys.find(kid)
        if key is None:
            return IdTokenFlaw.UNKNOWN_KEY
        try:
            payload = jwt.decode(
                text,
                key.key,
                # Fixed here and never read from the token: `none`, and HS256 with the public key
                # as its secret, are the classic forgeries.
                algorithms=["RS256"],
                audience=list(audiences),
                issuer=self._issuers,
                options=_OPTIONS,
            )
            claims = msgspec.convert(payload, _Claims)
        except (PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as error:
            return _flaw(error)
        return claims if _sound_sub(claims.sub) else IdTokenFlaw.CLAIMS

    def _untimely(self, claims: _Claims, *, check_expiry: bool) -> IdTokenFlaw | None:
        now = self._clock.now()
        if max(claims.iat, claims.nbf or 0) > now + CLOCK_SKEW:
            return IdTokenFlaw.NOT_YET_VALID
        if claims.exp <= claims.iat:
            return IdTokenFlaw.CLAIMS
        if check_expiry and claims.exp <= now - CLOCK_SKEW:
            return IdTokenFlaw.EXPIRED
        return None


def _key_id(text: str) -> str | IdTokenFlaw:
    if len(text) > _LONGEST:
        return IdTokenFlaw.MALFORMED
    try:
        # With an empty payload in place of its own, which `decode` reads, once, in its turn: PyJWT
        # checks every character of whatever it is given.
        header: dict[str, Any] = jwt.get_unverified_header(f"{text.partition('.')[0]}.e30.")
    except (PyJWTError, ValueError, RecursionError):
        return IdTokenFlaw.MALFORMED
    if header.get("alg") != "RS256":
        # Before the key is looked up, so that a forgery cannot make us ask Google for keys.
        return IdTokenFlaw.ALGORITHM
    kid = header.get("kid")
    return kid if isinstance(kid, str) and kid else IdTokenFlaw.UNKNOWN_KEY


def _flaw(error: Exception) -> IdTokenFlaw:
    kinds: tuple[tuple[type[Exception], IdTokenFlaw], ...] = (
        (InvalidAlgorithmError, IdTokenFlaw.ALGORITHM),
        (InvalidSignatureError, IdTokenFlaw.SIGNATURE),
        (InvalidIssuerError, IdTokenFlaw.ISSUER),
        (InvalidAudienceError, IdTokenFlaw.AUDIENCE),
        (MissingRequiredClaimError, IdTokenFlaw.CLAIMS),
        (msgspec.ValidationError, IdTokenFlaw.CLAIMS),
    )
    return next((flaw for kind, flaw in kinds if isinstance(error, kind)), IdTokenFlaw.MALFORMED)


def _sound_sub(sub: str) -> bool:
    """Tell whether `sub` is what OpenID Connect Core section 2 allows: up to 255 ASCII."""
    return 0 < len(sub) <= _LONGEST_SUB and sub.isascii() and sub.isprintable()


def _verified(claims: _Claims) -> VerifiedIdToken:
    return VerifiedIdToken(
        sub=claims.sub,
        email=claims.email,
        email_verified=claims.email_verified in (True, "true"),
        hosted_domain=claims.hd,
        audience=claims.aud,
        authorized_party=claims.azp,
        issued_at=claims.iat,
        expires_at=claims.exp,
        nonce=claims.nonce,
        access_token_hash=claims.at_hash,
    )
