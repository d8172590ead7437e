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

    def resealed(self, owner: Owner, token: RefreshToken) -> RefreshToken:
        """Return the same token under the sealing key."""
        if _key_id(token.sealed) == self._keys.present.records.sealing_id:
            return token
        plain = self.reveal(owner, token)
        return replace(token, sealed=self.seal_text(owner, token.mark, plain))

    def resealed_text(self, owner: Owner, sealed: bytes) -> bytes:
        """Return a text sealed without a mark under the sealing key."""
        return self.seal_text(owner, NO_MARK, self.open_text(owner, NO_MARK, sealed))

    def seal_text(self, owner: Owner, mark: bytes, text: Secret) -> bytes:
        """Seal any token of an owner under a mark that names it."""
        ring = self._keys.present.records
        key_id = ring.sealing_id.encode()
        sealed = ring.seal(text.reveal().encode(), _bound_to(owner, mark))
        return len(key_id).to_bytes(_ID_LENGTH_BYTES, "big") + key_id + sealed

    def open_text(self, owner: Owner, mark: bytes, sealed: bytes) -> Secret:
        """Open what `seal_text` sealed; raises as `reveal`."""
        body = sealed[_ID_LENGTH_BYTES + sealed[0] :]
        ring = self._keys.present.records
        try:
            return Secret(ring.open(_key_id(sealed), body, _bound_to(owner, mark)).decode())
        except SealBrokenError:
            raise BridgeError(
                Code.RECORD_CORRUPT,
                "A stored refresh token is damaged; other grants are not concerned.",
                context={"partition": owner.partition},
            ) from None


def _key_id(sealed: bytes) -> str:
    return sealed[_ID_LENGTH_BYTES : _ID_LENGTH_BYTES + sealed[0]].decode()


def _bound_to(owner: Owner, mark: bytes) -> bytes:
    return bind("refresh-token", owner.tenant, owner.partition, mark.hex())
