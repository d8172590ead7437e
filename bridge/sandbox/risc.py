"""Cross-Account Protection: security events signed and pushed (RFC 8935) as Google does it.

Good ones and, on demand, broken ones. What they say is `security_event`'s.
"""

from __future__ import annotations

import base64
import http.client
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from bridge.sandbox import minting
from bridge.sandbox.core import Core
from bridge.sandbox.keys import SigningKeys
from bridge.sandbox.security_event import Flaw, SecurityEvent, claims_of

_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of an event: the receiver's answer to its last attempt; status 0 is none."""

    jti: str
    status: int
    body: str
    attempts: int
    token: str = field(repr=False)

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it as RFC 8935 says."""
        return self.status == HTTPStatus.ACCEPTED


class RiscTransmitter:
    """Signs events and pushes them to one receiver."""

    def __init__(self, core: Core, keys: SigningKeys) -> None:
        self._core = core
        self._keys = keys
        self._receiver: str | None = None
        self._deliveries: list[Delivery] = []

    def configure(self, receiver: str | None) -> None:
        """Set the receiver's URL; None sends nowhere."""
        with self._core.lock:
            self._receiver = receiver

    def deliveries(self) -> list[Delivery]:
        """Return what was sent so far."""
        with self._core.lock:
            return list(self._deliveries)

    def token(self, event: SecurityEvent) -> str:
        """Return the event as a signed token, with its flaw."""
        return self._signed(
            claims_of(event, event.jti or minting.opaque_id(), self._core.now()), event.flaw
        )

    def send(self, event: SecurityEvent, *, attempts: int = 1) -> Delivery:
        """Push an event, at most `attempts` times while it is answered by no 2xx or 4xx.

        Raises:
            ValueError: no receiver is configured.
        """
        receiver = self._receiver
        if receiver is None:
            raise ValueError("no receiver is configured")
        jti = event.jti or minting.opaque_id()
        token = self._signed(claims_of(event, jti, self._core.now()), event.flaw)
        status, body, made = 0, "", 0
        while made < attempts and (status == 0 or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
            status, body = _post(receiver, token)
            made += 1
        delivery = Delivery(jti=jti, status=status, body=body, attempts=made, token=token)
        with self._core.lock:
            self._deliveries.append(delivery)
        return delivery

    def _signed(self, claims: dict[str, object], flaw: Flaw | None) -> str:
        if flaw == "not_a_jwt":
            return "not.a-jwt"
        if flaw == "unsigned":
            return _unsigned(claims)
        if flaw == "hs256":
            header = {"alg": "HS256", "typ": "secevent+jwt"}
            return jwt.encode(header, claims, OctKey.generate_key(256), algorithms=["HS256"])
        if flaw == "unknown_key":
            stranger = RSAKey.generate_key(2048)
            header = {"alg": "RS256", "kid": minting.opaque_id(), "typ": "secevent+jwt"}
            return jwt.encode(header, claims, stranger, algorithms=["RS256"])
        token = self._keys.sign(claims, typ="secevent+jwt")
        return _spoiled(token) if flaw == "bad_signature" else token


def _unsigned(claims: dict[str, object]) -> str:
    # No library signs with "none" willingly, and this token exists only to be refused.
    head, body, _ = jwt.encode(
        {"alg": "HS256"}, claims, OctKey.generate_key(256), algorithms=["HS256"]
    ).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"secevent+jwt"}').rstrip(b"=").decode()
    return f"{none}.{body}." if head else ""


def _spoiled(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body}.{signature[::-1]}"


def _post(url: str, token: str) -> tuple[int, str]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/secevent+jwt", "Accept": "application/json"}
    try:
        connection.request("POST", path, body=token.encode(), headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
