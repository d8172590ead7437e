"""The record keys: one seals, all open, each seal bound to what it is for.

Owns AES-256-GCM and nothing else. Knows neither where keys come from nor what the bytes mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.errors import BridgeError, Code

_NONCE: Final = 12  # NIST SP 800-38D: 96 bits, random; 2^32 seals a key, so rotate yearly
_FORMAT: Final = b"\x01"


class KeyUnavailableError(BridgeError):
    """A record was sealed with a key that this process does not hold."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            Code.KEY_UNAVAILABLE,
            "This record was sealed with a key the bridge does not hold; "
            "give it back to the key file.",
            context={"key_id": key_id},
        )
        self.key_id = key_id


class SealBrokenError(Exception):
    """Bytes do not open under the key they name: changed, moved, or cut."""


class Keyring:
    """An ordered set of 256-bit keys, kept as objects: making one costs more than opening."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take keys by id, the sealing one first.

        Raises:
            ValueError: there is none, or one is not 32 bytes long.
        """
        if not keys or any(len(key) != 32 for key in keys.values()):  # noqa: PLR2004 - AES-256
            raise ValueError("a keyring needs at least one key, each of 32 bytes")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.sealing_id = next(iter(keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the sealing one first."""
        return tuple(self._ciphers)

    def seal(self, key_id: str, plain: bytes, bound_to: bytes) -> bytes:
        """Encrypt under the key `key_id`; `bound_to` must be given again to open.

        Raises:
            KeyUnavailableError: the key is not here.
        """
        nonce = os.urandom(_NONCE)
        return _FORMAT + nonce + self._cipher(key_id).encrypt(nonce, plain, bound_to)

    def open(self, key_id: str, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt what the key `key_id` sealed.

        Raises:
            KeyUnavailableError: the key is not here.
            SealBrokenError: the bytes or what they are bound to are not as sealed.
        """
        cipher = self._cipher(key_id)
        if sealed[:1] != _FORMAT:
            raise SealBrokenError("unknown format")
        try:
            return cipher.decrypt(sealed[1:13], sealed[13:], bound_to)
        except (InvalidTag, ValueError):
            # Without a cause: InvalidTag says nothing, and a traceback's locals hold the bytes.
            raise SealBrokenError("does not open") from None

    def _cipher(self, key_id: str) -> AESGCM:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyUnavailableError(key_id)
        return cipher


def bind(*parts: str) -> bytes:
    """Join what a seal is bound to, unambiguously: no two lists of parts give the same bytes.

    Raises:
        ValueError: a part holds a NUL, which separates them.
    """
    joined = "\0".join(parts)
    if joined.count("\0") != len(parts) - 1:
        raise ValueError("what a seal is bound to holds no NUL")
    return joined.encode()
