"""Refresh tokens in and out of their own seal.

A grant is opened at every read; the refresh tokens in it are sealed once more and stay so until a
refresh needs one. This module alone takes that inner seal off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.crypto.keyring import SealBrokenError, bind
from bridge.errors import BridgeError, Code
from bridge.model import RefreshToken, Source
from bridge.secret import Secret
from bridge.vault.keys import Keys

NO_MARK: Final = b""
_ID_LENGTH_BYTES: Final = 1


@dataclass(frozen=True, slots=True)
class Owner:
    """What a refresh token's seal is bound to: it cannot be moved to another account or tenant."""

    tenant: str
    partition: str


class RefreshTokens:
    """Seals, reveals and reseals refresh tokens."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def seal(
        self,
        owner: Owner,
        token: Secret,
        *,
        time: int,
        source: Source,
        lifetime: int | None = None,
        account_proven: bool = False,
    ) -> RefreshToken:
        """Return the stored form of a refresh token that came in."""
        hasher = self._keys.hasher
        mark = hasher.mark(token)
        return RefreshToken(
            sealed=self.seal_text(owner, mark, token),
            mark=mark,
            risc_prefix=hasher.risc_prefix(token),
            risc_sha512=hasher.risc_sha512(token),
            time=time,
            source=source,
            lifetime=lifetime,
            account_proven=account_proven,
        )

    def reveal(self, owner: Owner, token: RefreshToken) -> Secret:
        """Return the token itself, to be sent to Google and nowhere else.

        Raises:
            KeyUnavailableError: its key is not here.
            BridgeError: `record_corrupt`.
        """
        return self.open_text(owner, token.mark, token.sealed)

    def resealed(self, owner: Owner, token: RefreshToken, key_id: str) -> RefreshToken:
        """Return the same token under the record key `key_id`."""
        if key_id_of(token.sealed) == key_id:
            return token
        plain = self.reveal(owner, token)
        return replace(token, sealed=self._sealed(owner, token.mark, plain, key_id))

    def resealed_text(self, owner: Owner, sealed: bytes, key_id: str) -> bytes:
        """Return a text sealed without a mark under the record key `key_id`."""
        return self._sealed(owner, NO_MARK, self.open_text(owner, NO_MARK, sealed), key_id)

    def seal_text(self, owner: Owner, mark: bytes, text: Secret) -> bytes:
        """Seal any token of an owner under a mark that names it."""
        return self._sealed(owner, mark, text, self._keys.present.records.sealing_id)

    def open_text(self, owner: Owner, mark: bytes, sealed: bytes) -> Secret:
        """Open what `seal_text` sealed; raises as `reveal`."""
        body = sealed[_ID_LENGTH_BYTES + sealed[0] :]
        ring = self._keys.present.records
        try:
            return Secret(ring.open(key_id_of(sealed), body, _bound_to(owner, mark)).decode())
        except SealBrokenError:
            raise BridgeError(
                Code.RECORD_CORRUPT,
                "A stored refresh token is damaged; other grants are not concerned.",
                context={"partition": owner.partition},
            ) from None

    def _sealed(self, owner: Owner, mark: bytes, text: Secret, key_id: str) -> bytes:
        plain = text.reveal().encode()
        sealed = self._keys.present.records.seal(key_id, plain, _bound_to(owner, mark))
        name = key_id.encode()
        return len(name).to_bytes(_ID_LENGTH_BYTES, "big") + name + sealed


def key_id_of(sealed: bytes) -> str:
    """Return the id of the record key that sealed a token."""
    return sealed[_ID_LENGTH_BYTES : _ID_LENGTH_BYTES + sealed[0]].decode()


def _bound_to(owner: Owner, mark: bytes) -> bytes:
    return bind("refresh-token", owner.tenant, owner.partition, mark.hex())
