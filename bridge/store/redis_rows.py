"""A row as one text in Redis, whose columns the scripts can read too.

The length of the columns in four bytes, the columns as a MessagePack array of texts, the body as it
is. Numbers are texts: Lua knows doubles alone, and a version has 63 bits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.store.base import Ref, Row
from bridge.store.redis_names import ref_of


class _Columns(msgspec.Struct, array_like=True, frozen=True):
    """The order of the columns, which the scripts count on."""

    version: str
    key_id: str
    tenant: str
    subject: str
    account: str
    state: str
    expires_at: str


_LENGTH: Final = 4
_ENCODER: Final = msgspec.msgpack.Encoder()
# Built at import: two threads that build what msgspec knows of a type at once crash the process.
_DECODER: Final = msgspec.msgpack.Decoder(_Columns)


def packed(row: Row) -> bytes:
    """Return a row without its place and position."""
    columns = _ENCODER.encode(
        _Columns(
            str(row.version),
            row.key_id,
            row.tenant,
            row.subject,
            row.account,
            row.state,
            "" if row.expires_at is None else str(row.expires_at),
        )
    )
    return len(columns).to_bytes(_LENGTH, "big") + columns + row.body


def unpacked(ref: Ref, text: bytes, position: int | None = None) -> Row:
    """Return the row at a place."""
    end = _LENGTH + int.from_bytes(text[:_LENGTH], "big")
    found = _DECODER.decode(memoryview(text)[_LENGTH:end])
    return Row(
        ref,
        int(found.version),
        text[end:],
        found.key_id,
        found.tenant,
        found.subject,
        found.account,
        found.state,
        int(found.expires_at) if found.expires_at else None,
        position,
    )


def unpacked_at(kind: str, place: bytes, text: bytes, position: int | None = None) -> Row:
    """Return the row at a place as Redis writes it."""
    return unpacked(ref_of(kind, place), text, position)
