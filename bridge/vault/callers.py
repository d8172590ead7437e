"""Callers in the store: a row for each of their keys, so that a key is found by its id.

Owns what a caller's secret looks like and that only its digest is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code, invalid
from bridge.model import CallerKey
from bridge.secret import Secret
from bridge.store.base import Query, Ref
from bridge.vault.records import Index, Records

KIND: Final = "caller"
_PREFIX: Final = "gbk_"
_LIVE_KEYS: Final = 2


class Callers:
    """Creates, finds and ends callers' keys."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def create(self, template: CallerKey) -> tuple[CallerKey, Secret]:
        """Make the first key of a new caller; the secret is returned this once.

        Raises:
            BridgeError: `invalid_request`; the name is taken.
        """
        if any(True for _ in self.of(template.name)):
            raise invalid(f"There is a caller {template.name!r} already.", field="name")
        return self._issue(template)

    def rotate(self, name: str, expires_at: int | None) -> tuple[CallerKey, Secret]:
        """Give a caller a second key beside its present one.

        Raises:
            BridgeError: `not_found`, or `conflict`: two keys live already.
        """
        live = [key for key in self.of(name) if not self._is_over(key)]
        if not live:
            raise BridgeError(Code.NOT_FOUND, f"There is no caller {name!r} with a live key.")
        if len(live) >= _LIVE_KEYS:
            raise BridgeError(
                Code.CONFLICT, f"{name!r} has two live keys; revoke one of them first."
            )
        return self._issue(replace(live[0], expires_at=expires_at))

    def revoke(self, name: str, key_id: str | None = None) -> int:
        """End one key of a caller, or all; returns how many ended."""
        ended = [key for key in self.of(name) if key_id in (None, key.id)]
        for key in ended:
            self._records.remove(_ref(key.id), CallerKey)
        return len(ended)

    def every(self) -> Iterator[CallerKey]:
        """Yield all keys of all callers."""
        return (held.record for held in self._records.every(Query(KIND), CallerKey))

    def of(self, name: str) -> Iterator[CallerKey]:
        """Yield the keys of a caller."""
        return (key for key in self.every() if key.name == name)

    def authenticated(self, credential: Secret) -> CallerKey | None:
        """Return the key that a credential proves, or None; never says what was wrong with it."""
        key_id, _, secret = credential.reveal().removeprefix(_PREFIX).partition(".")
        held = self._records.get(_ref(key_id), CallerKey) if key_id and secret else None
        if held is None or self._is_over(held.record):
            return None
        # Constant time: how long a refusal takes must not tell how much of a guess was right.
        is_right = hmac.compare_digest(held.record.digest, _digest(secret))
        return held.record if is_right else None

    def _issue(self, template: CallerKey) -> tuple[CallerKey, Secret]:
        secret = secrets.token_urlsafe(32)
        key = replace(
            template,
            id=secrets.token_hex(8),
            digest=_digest(secret),
            created_at=int(self._clock.now()),
        )
        index = Index(expires_at=key.expires_at)
        self._records.store.commit([self._records.put(_ref(key.id), key, index)])
        return key, Secret(f"{_PREFIX}{key.id}.{secret}")

    def _is_over(self, key: CallerKey) -> bool:
        return key.expires_at is not None and key.expires_at <= self._clock.now()


def _ref(key_id: str) -> Ref:
    return Ref(KIND, KIND, key_id)


def _digest(secret: str) -> bytes:
    # A plain hash is enough: the secret is 256 random bits, there is nothing to guess slowly.
    return hashlib.sha256(secret.encode()).digest()
