"""The hook's own encryption: an IdP seals tokens to the bridge's public key (JWE, RFC 7516).

Owns the private key pair and the JWKS that serves its public half. What waits in an IdP's
database is then of no use to whoever reads it there.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from bridge.crypto.keyring import KeyUnavailableError
from bridge.errors import BridgeError, invalid
from bridge.secret import Secret

# Written out, also where the library would agree: a sender must not choose something weaker, and
# `zip` is not among them, so that a small message cannot unfold into a large one.
_ALGORITHMS: Final = ["ECDH-ES", "ECDH-ES+A256KW", "A256GCM"]
_LARGEST: Final = 64 * 1024
_KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Envelope:
    """Opens what was encrypted to any of the given P-256 keys; publishes their public halves."""

    def __init__(self, private_keys: Sequence[Secret]) -> None:
        """Take private JWKs as JSON texts, the one to be used by senders first."""
        keys = [ECKey.import_key(json.loads(key.reveal())) for key in private_keys]
        self._keys = {key.kid: key for key in keys if key.kid}

    @property
    def ids(self) -> tuple[str, ...]:
        """The `kid` of each key, the one that senders use first."""
        return tuple(self._keys)

    def public_jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK set (RFC 7517) with `use` and `alg`."""
        public = KeySet(list(self._keys.values())).as_dict(private=False)
        for key in public["keys"]:
            key |= {"use": "enc", "alg": "ECDH-ES"}
        return dict(public)

    def open(self, compact: str, *, field: str) -> bytes:
        """Decrypt a compact JWE.

        Args:
            compact: the five parts with dots between.
            field: the request's field it came in, for the error.

        Raises:
            KeyUnavailableError: it names a key that is not here; the sender should keep it.
            BridgeError: `invalid_request`; it is no JWE, or does not open.
        """
        if len(compact) > _LARGEST:
            raise invalid("The encrypted tokens are longer than 64 kB.", field=field)
        key = self._key_for(compact, field)
        try:
            opened = jwe.decrypt_compact(compact, key, algorithms=_ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise _unreadable(field) from None
        if opened.plaintext is None:
            raise _unreadable(field)
        return opened.plaintext

    def _key_for(self, compact: str, field: str) -> ECKey:
        try:
            header = json.loads(_decoded(compact.split(".", 1)[0]))
            kid = header["kid"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise _unreadable(field) from None
        # It goes into the log: only what can be a key's name, whatever a sender put there.
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise _unreadable(field)
        key = self._keys.get(kid)
        if key is None:
            raise KeyUnavailableError(kid)
        return key


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _unreadable(field: str) -> BridgeError:
    return invalid(
        "The encrypted tokens do not open: send a compact JWE (ECDH-ES, A256GCM) "
        "with the `kid` of the bridge's JWKS.",
        field=field,
    )
