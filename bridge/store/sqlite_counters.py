"""Windowed counts in SQLite: distinct members of the last so many seconds.

Owns the `counters` table. Times are the wall clock's: windows of days must outlast a reboot, which
the monotonic clock does not. A clock that was set back is healed at the next count: members from
the future become members of now, so none counts for longer than one more window.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from bridge.clock import Clock
from bridge.store.base import Counted
from bridge.store.sqlite_connections import Connections

_COUNT: Final = """
SELECT count(*), coalesce(max(member = ?), 0), coalesce(max(at), 0)
FROM counters WHERE key = ? AND at > ?"""
_HEAL: Final = "UPDATE counters SET until = until - at + ?, at = ? WHERE key = ? AND at > ?"
_FORGET: Final = "DELETE FROM counters WHERE key = ? AND until <= ?"
_ADD: Final = """
INSERT INTO counters (key, member, at, until) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET at = excluded.at, until = max(until, excluded.until)"""
_SWEEP: Final = """
DELETE FROM counters WHERE (key, member) IN (
    SELECT key, member FROM counters WHERE until <= ? LIMIT ?)"""


class Counters:
    """The windowed counts of one database file."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def count(self, key: str, member: str, window: float, limit: int | None) -> Counted:
        """Add `member` at the present time and count the window's distinct members."""
        if not member:
            parameters = ("", key, self._clock.now() - window)
            ((total, _, _),) = self._connections.fetch(_COUNT, parameters)
            return Counted(total, limit is None or total < limit)
        return self._connections.write(
            lambda connection: self._add(connection, key, member, window, limit)
        )

    def sweep(self, limit: int) -> None:
        """Forget up to `limit` members whose windows have passed."""
        self._connections.write(
            lambda connection: connection.execute(_SWEEP, (self._clock.now(), limit))
        )

    def _add(
        self,
        connection: sqlite3.Connection,
        key: str,
        member: str,
        window: float,
        limit: int | None,
    ) -> Counted:
        now = self._clock.now()
        found = connection.execute(_COUNT, (member, key, now - window)).fetchone()
        total, present, newest = found
        if newest > now:
            connection.execute(_HEAL, (now, now, key, now))
        connection.execute(_FORGET, (key, now))
        if not present and limit is not None and total >= limit:
            return Counted(total, admitted=False)
        connection.execute(_ADD, (key, member, now, now + window))
        return Counted(total if present else total + 1, admitted=True)
