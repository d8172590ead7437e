"""The keys of an installation as values: which there are, in which order, and how lists change.

Nothing here touches a disk. Every change returns a new `KeyFile`.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from joserfc.jwk import ECKey

from bridge.errors import BridgeError, Code, invalid
from bridge.secret import Secret

KEY_BYTES: Final = 32
_ID_BYTES: Final = 4  # a handful of keys are to be told apart, and every record names its key twice


@dataclass(frozen=True, slots=True)
class RecordKey:
    """An AES-256 key that seals records.

    Attributes:
        id: its name in every record that it sealed.
        secret: base64 of its 32 bytes.
        created_at: Unix seconds.
    """

    id: str
    secret: Secret
    created_at: int

    def key_bytes(self) -> bytes:
        """Return the key itself."""
        return base64.b64decode(self.secret.reveal(), validate=True)


@dataclass(frozen=True, slots=True)
class HashKey:
    """A key of keyed hashes; never retired, since nothing can be hashed anew.

    Attributes:
        id: its name.
        secret: base64 of its 32 bytes.
    """

    id: str
    secret: Secret

    def key_bytes(self) -> bytes:
        """Return the key itself."""
        return base64.b64decode(self.secret.reveal(), validate=True)


@dataclass(frozen=True, slots=True)
class HookKey:
    """A key pair that IdPs encrypt tokens to (RFC 7517, EC P-256).

    Attributes:
        id: the JWK's `kid`.
        jwk: the private JWK as JSON text, `kid` included.
        created_at: Unix seconds.
    """

    id: str
    jwk: Secret
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyFile:
    """All keys: the first record key writes, all of them read."""

    record_keys: tuple[RecordKey, ...]
    hash_keys: tuple[HashKey, ...]
    hook_keys: tuple[HookKey, ...]

    def with_record_key_added(self, now: float) -> Self:
        """Return the same with a fresh record key at the end: readable, not yet written with."""
        added = _record_key(_after(self.record_keys, now))
        return replace(self, record_keys=(*self.record_keys, added))

    def with_hook_key_added(self, now: float) -> Self:
        """Return the same with a fresh hook key at the end: it opens, senders use the first."""
        added = _hook_key(_after(self.hook_keys, now))
        return replace(self, hook_keys=(*self.hook_keys, added))

    def with_first_hook_key(self, key_id: str) -> Self:
        """Return the same with this hook key first, so that senders encrypt to it.

        Raises:
            BridgeError: `not_found`, there is no such hook key.
        """
        first = self._hook_key(key_id)
        return replace(
            self, hook_keys=(first, *(key for key in self.hook_keys if key is not first))
        )

    def without_hook_key(self, key_id: str) -> Self:
        """Return the same without this hook key. Who still has messages to it is not known here.

        Raises:
            BridgeError: `not_found`, there is no such hook key; `invalid_request`, senders use it.
        """
        gone = self._hook_key(key_id)
        if gone is self.hook_keys[0]:
            raise invalid("Senders encrypt to the first hook key; put another one first.")
        return replace(self, hook_keys=tuple(key for key in self.hook_keys if key is not gone))

    def with_first(self, key_id: str) -> Self:
        """Return the same with this record key first, so that it writes.

        Raises:
            BridgeError: `not_found`, there is no such record key.
        """
        first = self._record_key(key_id)
        others = tuple(key for key in self.record_keys if key.id != key_id)
        return replace(self, record_keys=(first, *others))

    def without(self, key_id: str) -> Self:
        """Return the same without this record key. Whether a record needs it is not known here.

        Raises:
            BridgeError: `not_found`, there is no such record key; `invalid_request`, it writes.
        """
        gone = self._record_key(key_id)
        if gone is self.record_keys[0]:
            raise invalid("The first record key writes; put another one first before it goes.")
        return replace(self, record_keys=tuple(k for k in self.record_keys if k is not gone))

    def _record_key(self, key_id: str) -> RecordKey:
        for key in self.record_keys:
            if key.id == key_id:
                return key
        raise BridgeError(Code.NOT_FOUND, "The key file has no record key with this id.")

    def _hook_key(self, key_id: str) -> HookKey:
        for key in self.hook_keys:
            if key.id == key_id:
                return key
        raise BridgeError(Code.NOT_FOUND, "The key file has no hook key with this id.")


def generate(now: float) -> KeyFile:
    """Return fresh keys, one of each kind.

    Args:
        now: Unix seconds.
    """
    hash_key = HashKey(_id("h"), _random_key())
    return KeyFile((_record_key(now),), (hash_key,), (_hook_key(now),))


def _record_key(now: float) -> RecordKey:
    return RecordKey(_id("k"), _random_key(), int(now))


def _hook_key(now: float) -> HookKey:
    kid = _id("e")
    jwk = ECKey.generate_key("P-256", {"kid": kid}, private=True).as_dict(private=True)
    return HookKey(kid, Secret(json.dumps(jwk, sort_keys=True)), int(now))


def _after(keys: Sequence[RecordKey] | Sequence[HookKey], now: float) -> float:
    # "The newest" must mean one key also when two are made within a second, or the clock stepped.
    return max(now, *(key.created_at + 1 for key in keys))


def _random_key() -> Secret:
    return Secret(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def _id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(_ID_BYTES)}"
