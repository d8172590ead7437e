"""The IdP towards its app: authorization requests, codes, and ID tokens (OpenID Connect Core).

Owns what the app is told: who signed in, and with which Google account. No Google token is in it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from werkzeug.datastructures import Authorization

from bridge.clock import Clock
from bridge.sandbox.idp.people import Person
from bridge.sandbox.idp.settings import IdpSettings
from bridge.sandbox.keys import SigningKeys

_CODE_S: Final = 60
_TOKEN_S: Final = 3600


class BadRequestError(Exception):
    """The app's request cannot be answered; the text is OAuth's error code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The app's authorization request."""

    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    wanted: Wanted
    person: Person
    until: float = field(default=0)


class Provider:
    """Gives codes and ID tokens."""

    def __init__(self, settings: IdpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = SigningKeys()
        self._codes: dict[str, _Code] = {}
        self._lock = threading.Lock()

    def metadata(self) -> dict[str, object]:
        """Return the OpenID configuration."""
        origin = self._settings.origin
        return {
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "jwks_uri": f"{origin}/jwks.json",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """Return the public keys."""
        return self._keys.jwks()

    def wanted(self, query: Mapping[str, str]) -> Wanted:
        """Return an authorization request of the app.

        Raises:
            BadRequestError: it is not the app's, or has no PKCE.
        """
        app = self._settings.app
        rules = {
            "client_id": app.client_id,
            "redirect_uri": app.redirect_uri,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        for name, value in rules.items():
            if query.get(name) != value:
                raise BadRequestError(name)
        return Wanted(
            state=query.get("state", ""),
            nonce=query.get("nonce", ""),
            challenge=query.get("code_challenge", ""),
        )

    def code(self, wanted: Wanted, person: Person) -> str:
        """Return a code for the app, good once and for a minute."""
        code = secrets.token_urlsafe()
        with self._lock:
            until = self._clock.now() + _CODE_S
            self._codes[code] = _Code(wanted=wanted, person=person, until=until)
        return code

    def redeem(
        self, form: Mapping[str, str], authorization: Authorization | None
    ) -> dict[str, object]:
        """Return the token response for a code.

        Raises:
            BadRequestError: wrong client, code or verifier.
        """
        app = self._settings.app
        secret = authorization.password if authorization else form.get("client_secret")
        if not hmac.compare_digest(secret or "", app.client_secret.reveal()):
            raise BadRequestError("invalid_client")
        with self._lock:
            code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.until < self._clock.now():
            raise BadRequestError("invalid_grant")
        if not hmac.compare_digest(_s256(form.get("code_verifier", "")), code.wanted.challenge):
            raise BadRequestError("invalid_grant")
        return {
            "access_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "expires_in": _TOKEN_S,
            "id_token": self._id_token(code),
        }

    def _id_token(self, code: _Code) -> str:
        now, person = int(self._clock.now()), code.person
        claims: dict[str, object] = {
            "iss": self._settings.origin,
            "aud": self._settings.app.client_id,
            "sub": person.subject,
            "name": person.name,
            "email": person.email,
            "google_sub": person.google_sub,
            "nonce": code.wanted.nonce,
            "iat": now,
            "exp": now + _TOKEN_S,
        }
        return self._keys.sign(claims)


def _s256(verifier: str) -> str:
    # RFC 7636 section 4.6.
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
