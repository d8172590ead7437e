"""The keys that nothing is written under any more, in SQLite.

Owns every statement about `closed_keys`. Writers come one at a time: whoever looks within the
transaction of a write sees every key that was closed before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from bridge.store.base import KeyClosedError, Row
from bridge.store.sqlite_connections import Connections

_CLOSED: Final = "SELECT key_id FROM closed_keys ORDER BY key_id"
_CLOSE: Final = "INSERT INTO closed_keys (key_id) VALUES (?) ON CONFLICT DO NOTHING"
_OPEN: Final = "DELETE FROM closed_keys WHERE key_id = ?"


class ClosedKeys:
    """The closed keys of one database file."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def close(self, key_id: str) -> None:
        """Let no write put a row under a key from now on."""
        self._connections.write(lambda connection: connection.execute(_CLOSE, (key_id,)))

    def open(self, key_id: str) -> None:
        """Let writes put rows under a key again."""
        self._connections.write(lambda connection: connection.execute(_OPEN, (key_id,)))

    def every(self) -> Sequence[str]:
        """Return the closed keys, in order."""
        return [key_id for (key_id,) in self._connections.fetch(_CLOSED, ())]


def refuse_closed(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Check rows that a transaction writes. Raises KeyClosedError."""
    closed = {key_id for (key_id,) in connection.execute(_CLOSED)}
    if closed:
        for row in rows:
            if row.key_id in closed:
                raise KeyClosedError(row.key_id)
