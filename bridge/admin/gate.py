"""Who is calling: a key of the bridge's own, or a JWT of a configured issuer.

Owns the proof and its short memory. A proven credential is remembered for half a second, so a
revoked key stops everywhere within one; nothing but its hash is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import jwt
from jwt.exceptions import PyJWTError

from bridge.clock import Clock
from bridge.config.issuers import IssuerSettings
from bridge.errors import BridgeError, Code
from bridge.google.scopes import normalise
from bridge.google.signing_keys import SigningKeys
from bridge.google.transport import Transport
from bridge.model import Caller, CallerKey
from bridge.secret import Secret
from bridge.vault.callers import Callers

REMEMBERED_S: Final = 0.5
_MOST_REMEMBERED: Final = 4096
_LONGEST: Final = 8192
_SCHEME: Final = "bearer "
_ALL: Final = "*"
_LEEWAY_S: Final = 60


@dataclass(frozen=True, slots=True)
class _Issuer:
    settings: IssuerSettings
    keys: SigningKeys


class Gate:
    """Authenticates callers; safe for use by many threads."""

    def __init__(
        self,
        callers: Callers,
        issuers: Sequence[IssuerSettings],
        transport: Transport,
        clock: Clock,
    ) -> None:
        self._callers = callers
        self._issuers: Mapping[str, _Issuer] = {
            its.issuer: _Issuer(its, SigningKeys(its.jwks_url, transport, clock)) for its in issuers
        }
        self._clock = clock
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    def admit(self, authorization: str | None) -> Caller:
        """Return the caller that an `Authorization` header proves.

        Raises:
            BridgeError: `unauthenticated`, never saying which part was wrong.
        """
        if authorization is None or authorization[:7].lower() != _SCHEME:
            raise _unknown()
        credential = authorization[7:]
        if len(credential) > _LONGEST:
            raise _unknown()
        # By hash: a memory of credentials would be worth stealing.
        name = hashlib.sha256(credential.encode()).digest()
        now = self._clock.monotonic()
        held = self._remembered.get(name)
        if held is not None and held[0] > now:
            return held[1]
        caller = self._proven(Secret(credential))
        self._remember(name, now, caller)
        return caller

    def _remember(self, name: bytes, now: float, caller: Caller) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[name] = (now + REMEMBERED_S, caller)

    def _proven(self, credential: Secret) -> Caller:
        key = self._callers.authenticated(credential)
        if key is not None:
            return _of_key(key)
        return self._of_jwt(credential)

    def _of_jwt(self, credential: Secret) -> Caller:
        text = credential.reveal()
        try:
            header = jwt.get_unverified_header(text)
            unverified = jwt.decode(text, options={"verify_signature": False})
        except PyJWTError:
            raise _unknown() from None
        issuer = self._issuers.get(str(unverified.get("iss")))
        key = issuer.keys.find(str(header.get("kid"))) if issuer else None
        if issuer is None or key is None:
            raise _unknown()
        try:
            claims = jwt.decode(
                text,
                key.key,
                # From the configuration, never from the token: an attacker would write `none`.
                algorithms=list(issuer.settings.algorithms),
                audience=issuer.settings.audience,
                issuer=issuer.settings.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["iss", "aud", "exp", "azp"]},
            )
        except (PyJWTError, ValueError, TypeError):
            raise _unknown() from None
        return _of_claims(issuer.settings, str(claims["azp"]))


def _of_key(key: CallerKey) -> Caller:
    return Caller(
        name=key.name,
        tenants=None if _ALL in key.tenants else frozenset(key.tenants),
        scopes=None if _ALL in key.scopes else frozenset(key.scopes),
        permissions=frozenset(key.permissions),
    )


def _of_claims(settings: IssuerSettings, party: str) -> Caller:
    # A token of the same issuer for another app of the company must not open the vault.
    if party not in settings.authorized_parties:
        raise _unknown()
    return Caller(
        name=party,
        tenants=frozenset(settings.tenants),
        scopes=None if _ALL in settings.scopes else normalise(settings.scopes),
        permissions=frozenset(settings.permissions),
    )


def _unknown() -> BridgeError:
    return BridgeError(
        Code.UNAUTHENTICATED,
        "Send `Authorization: Bearer` with a caller key (`bridge callers create`) or a JWT of a "
        "configured issuer; this one is missing, wrong, expired or revoked.",
    )
