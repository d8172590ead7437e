"""Keyed hashes: how the bridge knows a token, a subject or an account again without keeping it.

One secret, never retired, since nothing can be hashed anew: a separate key is derived from it for
each purpose, so a hash made for one purpose says nothing about another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bridge.crypto.keyring import bind
from bridge.secret import Secret

_INDEX_BYTES: Final = 12
_REMEMBERED: Final = 8192
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_PREFIX_LENGTH: Final = 16  # RISC `prefix`: the first 16 characters of the refresh token


class KeyedHasher:
    """HMAC-SHA256 cut to 128 or 96 bits, under keys derived from one secret.

    Attributes:
        index: from private values to their 16-character name, for an index column or a partition.
    """

    def __init__(self, secret: bytes) -> None:
        self._begun = {
            purpose: HMAC(_derived(secret, purpose), SHA256())
            for purpose in (b"mark", b"risc-prefix", b"risc-sha512", b"index", b"body")
        }
        # Backends ask for the same subjects again and again, and a name never changes.
        self.index: Final = lru_cache(maxsize=_REMEMBERED)(self._index)

    def mark(self, token: Secret) -> bytes:
        """Return the 16 bytes by which a refresh token is known again."""
        return self._digest(b"mark", token.reveal().encode())[:16]

    def risc_prefix(self, token: Secret) -> bytes:
        """Hash what Google's security events call `prefix`, 16 bytes."""
        return self._digest(b"risc-prefix", token.reveal()[:_PREFIX_LENGTH].encode())[:16]

    def risc_sha512(self, token: Secret) -> bytes:
        """Hash what Google's security events call `hash_base64_sha512_sha512`, 16 bytes.

        The identifier is base64(sha512(sha512(token))) over the raw inner digest.
        """
        inner = hashlib.sha512(token.reveal().encode()).digest()
        name = base64.b64encode(hashlib.sha512(inner).digest())
        return self._digest(b"risc-sha512", name)[:16]

    def _index(self, *parts: str) -> str:
        name = self._digest(b"index", bind(*parts))[:_INDEX_BYTES]
        # By binascii: base64's own functions take a microsecond more, and every read comes here.
        return binascii.b2a_base64(name, newline=False).translate(_URL_SAFE).decode()

    def body(self, raw: bytes) -> bytes:
        """Hash a message's body, to tell a repetition from a reuse of its id."""
        return self._digest(b"body", raw)

    def _digest(self, purpose: bytes, message: bytes) -> bytes:
        # Copied with its key already in: half the time of hmac.digest, which besides lets other
        # threads in between.
        digest = self._begun[purpose].copy()
        digest.update(message)
        return digest.finalize()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    info = b"grantbridge " + purpose
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)
