"""Seals for the memory of one process, which nobody else can or ever needs to open.

Owns a key that lives and ends with its object. What is written anywhere is sealed by `keyring`.
"""

from __future__ import annotations

import itertools
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_BITS: Final = 256
_NONCE: Final = 12


class TransientSeal:
    """AES-256-GCM under a key of its own. Safe for use by many threads, not across a fork."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(_BITS))
        # NIST SP 800-38D section 8.2.1: counted nonces never meet, however many are sealed.
        # Random ones could after 2^32, which a busy process reaches within days.
        self._numbers = itertools.count()

    def seal(self, plain: bytes) -> tuple[bytes, bytes]:
        """Encrypt; return the number that opens it with the key, and what was sealed."""
        nonce = next(self._numbers).to_bytes(_NONCE)
        return nonce, self._cipher.encrypt(nonce, plain, None)

    def open(self, nonce: bytes, sealed: bytes) -> bytes:
        """Decrypt what this object sealed."""
        return self._cipher.decrypt(nonce, sealed, None)
