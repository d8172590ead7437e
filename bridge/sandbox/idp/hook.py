"""The IdP's side of the bridge's login hook: messages with encrypted tokens, signed, never lost.

Owns what any adapter must do: tokens as JWE to the bridge's key, Standard Webhooks, one try within
the login, and an outbox for what the bridge has not acknowledged. See hooks/README.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from joserfc import jwe
from joserfc.jwk import ECKey

from bridge.clock import Clock
from bridge.sandbox.idp.settings import HookTarget
from bridge.secret import Secret

_TIMEOUT_S: Final = (1, 3)
_OK: Final = 200
_PASSED_ON: Final = (
    "refresh_token",
    "access_token",
    "id_token",
    "token_type",
    "expires_in",
    "refresh_token_expires_in",
    "scope",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookReply:
    """The bridge's answer to a `login` or a `decide`; `result` is empty for a `decide`."""

    result: str
    decision: str
    reason: str
    consent_url: str | None


@dataclass(frozen=True, slots=True)
class _Letter:
    id: str
    body: bytes = field(repr=False)


class HookClient:
    """Tells one bridge of logins.

    Attributes:
        waiting: how many messages the bridge has not acknowledged.
    """

    def __init__(self, target: HookTarget, clock: Clock) -> None:
        self._target = target
        self._clock = clock
        self._outbox: deque[_Letter] = deque()
        self._lock = threading.Lock()
        self._keys: list[ECKey] = []

    @property
    def waiting(self) -> int:
        """How many messages the bridge has not acknowledged."""
        return len(self._outbox)

    def login(self, message: Mapping[str, Any], tokens: Mapping[str, Any]) -> HookReply | None:
        """Tell of a login and what it brought; None if the bridge is away.

        A message that is not acknowledged is kept, and sent before the next one.
        """
        now = int(self._clock.now())
        sealed = self._sealed(message["account"]["sub"], tokens, now)
        letter = _letter({**message, "tokens_jwe": sealed, "obtained_at": now})
        with self._lock:
            # In order: what waits is older than what comes now.
            while self._outbox and self._post(self._outbox[0]) is not None:
                self._outbox.popleft()
            self._outbox.append(letter)
            if self._outbox[0] is not letter:
                return None
            answer = self._post(letter)
            if answer is not None:
                self._outbox.popleft()
            return answer

    def decide(self, message: Mapping[str, Any]) -> HookReply | None:
        """Ask how a login goes on; nothing is lost if nobody answers, so nothing is kept."""
        return self._post(_letter(message))

    def _post(self, letter: _Letter) -> HookReply | None:
        url = f"{self._target.internal}/hooks/{self._target.tenant}"
        try:
            response = requests.post(
                url, data=letter.body, headers=self._headers(letter), timeout=_TIMEOUT_S
            )
            answer = response.json() if response.status_code == _OK else None
        except (requests.RequestException, ValueError):
            return None
        if not isinstance(answer, dict):
            return None
        return HookReply(
            result=answer.get("result", ""),
            decision=answer.get("decision", "continue"),
            reason=answer.get("reason", ""),
            consent_url=answer.get("consent_url"),
        )

    def _headers(self, letter: _Letter) -> dict[str, str]:
        # Signed anew at each try: the bridge refuses what is more than five minutes old.
        stamp = str(int(self._clock.now()))
        key = base64.b64decode(self._target.secret.reveal().removeprefix("whsec_"))
        signed = b".".join((letter.id.encode(), stamp.encode(), letter.body))
        signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": letter.id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }

    def _sealed(self, sub: str, tokens: Mapping[str, Any], now: int) -> str:
        key = self._key()
        content = {
            "tenant": self._target.tenant,
            "sub": sub,
            "tokens": {name: tokens[name] for name in _PASSED_ON if name in tokens},
            "time": now,
        }
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid}
        return jwe.encrypt_compact(header, json.dumps(content).encode(), key)

    def _key(self) -> ECKey:
        """Return the bridge's key: a new one if it can be had, else the one that is known.

        Raises:
            requests.RequestException: there never was one, and so no safe place for a token.
        """
        try:
            url = f"{self._target.internal}/.well-known/jwks.json"
            document = requests.get(url, timeout=_TIMEOUT_S).json()
            self._keys = [ECKey.import_key(key) for key in document["keys"]]
        except (requests.RequestException, ValueError, KeyError):
            if not self._keys:
                raise
        return self._keys[0]


def new_hook_secret() -> Secret:
    """Return a Standard Webhooks secret."""
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


def _letter(message: Mapping[str, Any]) -> _Letter:
    return _Letter(f"msg_{secrets.token_hex(16)}", json.dumps(message).encode())
