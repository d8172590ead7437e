"""Callers that prove themselves by a JWT of a configured issuer.

Owns what such a token must hold (RFC 8725, RFC 9068). Remembers nothing: that is the gate's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import jwt
import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from jwt.types import Options
from msgspec import Meta

from bridge.clock import Clock
from bridge.config.issuers import IssuerSettings
from bridge.google.scopes import normalise
from bridge.google.signing_keys import SigningKeys
from bridge.google.transport import Transport
from bridge.google.wire import prepare
from bridge.model import Caller
from bridge.secret import Secret

_LEEWAY_S: Final = 60
_ALL: Final = "*"
# RFC 8725 section 3.11: a token made for something else (`logout+jwt`, `secevent+jwt`) opens
# nothing here, though the same issuer signed it for the same audience.
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_UNVERIFIED: Final[Options] = {"verify_signature": False}
_VERIFIED: Final[Options] = {
    "verify_signature": True,
    "require": ["iss", "aud", "exp", "azp"],
    "verify_iss": True,
    "verify_aud": True,
    # An access token may be for several audiences; the bridge must be one of them.
    "strict_aud": False,
    # Times are checked below, against the clock that was passed in: pyjwt reads the host's.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    # Nothing is read from these.
    "verify_sub": False,
    "verify_jti": False,
    # A short RSA key can be factored; pyjwt would only warn.
    "enforce_minimum_key_length": True,
}

_Seconds = Annotated[float, Meta(ge=0, le=2**40)]


class _Claims(msgspec.Struct, frozen=True):
    azp: str
    exp: _Seconds
    nbf: _Seconds = 0
    iat: _Seconds = 0
    # Keycloak tells an access token (`Bearer`) from an ID token (`ID`) by this claim.
    typ: str = "Bearer"
    # RFC 7800: a token bound to a key proves nothing to whoever does not check that key.
    cnf: None = None


prepare(_Claims)


@dataclass(frozen=True, slots=True)
class _Issuer:
    settings: IssuerSettings
    keys: SigningKeys


class JwtCallers:
    """Verifies the JWTs of all configured issuers; safe for use by many threads."""

    def __init__(
        self, issuers: Sequence[IssuerSettings], transport: Transport, clock: Clock
    ) -> None:
        self._issuers: Mapping[str, _Issuer] = {
            its.issuer: _Issuer(its, _keys(its, transport, clock)) for its in issuers
        }
        self._clock = clock

    def authenticated(self, credential: Secret) -> Caller | None:
        """Return the caller that a JWT proves, or None; never says what was wrong with it.

        Raises:
            KeysUnavailableError: its issuer's keys cannot be had now.
        """
        text = credential.reveal()
        issuer, header = self._claimed(text)
        key = _key(issuer, header) if issuer else None
        if issuer is None or key is None:
            return None
        claims = _verified(text, issuer.settings, key)
        # A token of the same issuer for another app of the company must not open the vault.
        if claims is None or claims.azp not in issuer.settings.authorized_parties:
            return None
        return _caller(issuer.settings, claims.azp) if self._is_timely(claims) else None

    def _claimed(self, text: str) -> tuple[_Issuer | None, dict[str, Any]]:
        """Return whose token this claims to be, and its header, nothing of it verified."""
        try:
            unverified = jwt.decode_complete(text, options=_UNVERIFIED)
        except (PyJWTError, ValueError, RecursionError):
            return None, {}
        name = unverified["payload"].get("iss")
        return (self._issuers.get(name) if isinstance(name, str) else None), unverified["header"]

    def _is_timely(self, claims: _Claims) -> bool:
        now = self._clock.now()
        has_begun = max(claims.nbf, claims.iat) <= now + _LEEWAY_S
        return has_begun and claims.exp > now - _LEEWAY_S


def _keys(settings: IssuerSettings, transport: Transport, clock: Clock) -> SigningKeys:
    return SigningKeys(
        settings.jwks_url,
        transport,
        clock,
        issuer="the callers' issuer",
        algorithms=settings.algorithms,
    )


def _key(issuer: _Issuer, header: Mapping[str, Any]) -> PyJWK | None:
    """Return the key that a header names; a header that is wrong itself asks no issuer."""
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    # By the configuration, never by the token: `none`, and HS256 with the public key as its
    # secret, are the classic forgeries. What is critical we would have to understand.
    is_sound = header.get("alg") in issuer.settings.algorithms and "crit" not in header
    is_for_us = isinstance(kind, str) and kind.lower() in _TYPES
    return issuer.keys.find(kid) if is_sound and is_for_us and isinstance(kid, str) else None


def _verified(text: str, settings: IssuerSettings, key: PyJWK) -> _Claims | None:
    try:
        payload = jwt.decode(
            text,
            key,
            algorithms=[key.algorithm_name],
            audience=settings.audience,
            issuer=settings.issuer,
            options=_VERIFIED,
        )
        claims = msgspec.convert(payload, _Claims)
    except (PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError):
        return None
    return claims if claims.typ.lower() == "bearer" else None


def _caller(settings: IssuerSettings, party: str) -> Caller:
    return Caller(
        name=party,
        tenants=frozenset(settings.tenants),
        scopes=None if _ALL in settings.scopes else normalise(settings.scopes),
        permissions=frozenset(settings.permissions),
    )
