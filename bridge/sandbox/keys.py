"""The RSA keys that sign ID tokens and security events, and their JWKS.

Keys are new at every start, as is their `kid`: a client that caches them for ever is found out.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from bridge.sandbox import minting

_BITS = 2048


class SigningKeys:
    """The current key and the one before it, which stays published."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: list[RSAKey] = []

    def rotate(self) -> str:
        """Sign with a new key from now on, and return its `kid`."""
        with self._lock:
            return str(self._rotate().kid)

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """Return the public keys."""
        with self._lock:
            self._first()
            return {"keys": [dict(key.as_dict(private=False)) for key in self._keys]}

    def sign(self, claims: Mapping[str, object], *, typ: str = "JWT") -> str:
        """Return `claims` as a compact RS256 JWT."""
        with self._lock:
            key = self._first()
        header = {"alg": "RS256", "kid": str(key.kid), "typ": typ}
        return jwt.encode(header, dict(claims), key, algorithms=["RS256"])

    def claims(self, token: str) -> dict[str, object]:
        """Return the claims of a JWT that one of the published keys signed.

        Raises:
            ValueError: it is no such JWT.
            joserfc.errors.JoseError: the same, as joserfc names it.
        """
        with self._lock:
            self._first()
            keys = KeySet(list(self._keys))
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)

    def _first(self) -> RSAKey:
        # Made at first use, by one thread: most tests never look at a signature, and a key takes
        # 50 ms.
        return self._keys[0] if self._keys else self._rotate()

    def _rotate(self) -> RSAKey:
        key = RSAKey.generate_key(
            _BITS, {"kid": minting.opaque_id(), "alg": "RS256", "use": "sig"}, private=True
        )
        self._keys = [key, *self._keys[:1]]
        return key
