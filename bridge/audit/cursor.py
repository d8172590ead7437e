"""A place in the audit record, as its readers hold it.

Owns the text form. A cursor carries a trace of the event it was made from, so that one from before
a restore, whose place has another event by now, is noticed.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Final, NamedTuple

from bridge.errors import BridgeError, invalid
from bridge.store.base import Row

PATTERN: Final = "^e_[A-Za-z0-9_-]{16}$"
_LAYOUT: Final = struct.Struct(">Q4s")
_PREFIX: Final = "e_"
_LAST: Final = 2**63 - 1


class Cursor(NamedTuple):
    """A position, and a trace of the row that has it."""

    position: int
    trace: bytes


BEGINNING: Final = Cursor(0, bytes(4))


def cursor_at(row: Row) -> Cursor:
    """Return the place of an event's row, listed by position."""
    place = "/".join(row.ref).encode()
    return Cursor(row.position or 0, hashlib.sha256(place).digest()[:4])


def format_cursor(cursor: Cursor) -> str:
    """Return the text of a cursor; that of an event's place is the event's id."""
    return _PREFIX + base64.urlsafe_b64encode(_LAYOUT.pack(*cursor)).decode()


def parse_cursor(text: str) -> Cursor:
    """Return the cursor that a text of PATTERN stands for.

    Raises:
        ValueError: it stands for none that a store could have given.
    """
    raw = base64.urlsafe_b64decode(text.removeprefix(_PREFIX))
    position, trace = _LAYOUT.unpack(raw)
    if position > _LAST:
        raise ValueError("a position has 63 bits")
    return Cursor(position, trace)


def cursor_lost() -> BridgeError:
    """Return the error for a cursor of a history that is no more."""
    return invalid(
        "The audit record is another one than this cursor was made from, as after a restore from a "
        "backup. Read it anew, without `after`.",
        field="after",
    )
