"""The embedded store: one SQLite file, shared by all threads and processes of one host.

Composes the parts into the contract of `base`; owns no statement but those of `check`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bridge.clock import Clock
from bridge.store.base import (
    Counted,
    Delete,
    Follower,
    Lease,
    Op,
    Probe,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    StoreUnavailableError,
)
from bridge.store.sqlite_changes import Changes
from bridge.store.sqlite_closed_keys import ClosedKeys
from bridge.store.sqlite_connections import LOCK_BUDGET, Connections
from bridge.store.sqlite_counters import Counters
from bridge.store.sqlite_leases import Leases, boot_id
from bridge.store.sqlite_records import Records

_CHECKED: Final = "SELECT value FROM numbers WHERE name = 'checked'"


class SqliteStore:
    """The contract of `bridge.store.base.Store` on a SQLite file, whose methods it documents."""

    def __init__(
        self, path: Path, clock: Clock, *, boot: str | None = None, lock_budget: float = LOCK_BUDGET
    ) -> None:
        """Open the store; create and migrate its file as needed.

        Args:
            path: the file, in an existing directory on a local file system.
            clock: tells leases and windows the time.
            boot: names the host's present boot; None asks the host.
            lock_budget: seconds, on the host's own clock, to wait for other writers.

        Raises:
            BridgeError: the directory is missing, the file is no store, or a newer one.
            StoreUnavailableError: the file cannot be opened now.
        """
        self.path = path
        self._connections = Connections(path, clock, lock_budget)
        self._changes = Changes(path, clock)
        self._records = Records(self._connections)
        self._leases = Leases(self._connections, clock, boot or boot_id())
        self._counters = Counters(self._connections, clock)
        self._closed_keys = ClosedKeys(self._connections)

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        return self._records.get(ref)

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows."""
        return self._records.list(query)

    def probe(self, query: Query) -> Probe:
        """Return what tells the versions of the rows that `list` would return, at each call."""
        return self._records.probe(query)

    def put(self, row: Row) -> None:
        """Insert a row. Raises StoreConflictError if it exists."""
        self._records.commit((Put(row),), None)

    def replace(self, row: Row, expect_version: int) -> None:
        """Write over a version. Raises StoreConflictError if that is not the present one."""
        self._records.commit((Replace(row, expect_version),), None)

    def delete(self, ref: Ref, expect_version: int) -> None:
        """Remove a version. Raises StoreConflictError if that is not the present one."""
        self._records.commit((Delete(ref, expect_version),), None)

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        return self._records.claim_once(row)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none; raises StoreConflictError or GuardConflictError."""
        self._records.commit(ops, guard)

    def confirm(self) -> None:
        """Do nothing: what can be read here is on disk."""

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs."""
        return self._leases.lease(name, owner, ttl)

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease is no longer its owner's."""
        return self._leases.renew(lease, ttl)

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if it is no longer its owner's."""
        return self._leases.release(lease)

    def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
        """Add `member` and count distinct members of the last `window` seconds."""
        return self._counters.count(key, member, window, limit)

    def close_key(self, key_id: str) -> None:
        """Let no row be written under a key any more, by any process."""
        self._closed_keys.close(key_id)

    def open_key(self, key_id: str) -> None:
        """Let rows be written under a key again."""
        self._closed_keys.open(key_id)

    def closed_keys(self) -> Sequence[str]:
        """Return the keys that are closed, in order."""
        return self._closed_keys.every()

    def kinds(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        return self._records.every_kind()

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are."""
        self._records.load(rows)

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions."""
        self._records.unload(refs)

    def sweep(self, kind: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`; returns how many."""
        self._counters.sweep(limit)
        self._leases.sweep(limit)
        return self._records.sweep(kind, before, limit)

    def check(self) -> None:
        """Prove that the file answers reads and takes durable writes."""
        written = self._connections.write(_checked)
        ((read,),) = self._connections.fetch(_CHECKED, ())
        if read < written:
            raise StoreUnavailableError("a committed write cannot be read")

    def risks(self) -> Sequence[str]:
        """Return nothing: every commit is synced to disk before it is acknowledged."""
        return ()

    def follow(self, follower: Follower) -> None:
        """Begin to tell in which times nothing was written."""
        self._changes.follow(follower)

    def close(self) -> None:
        """Close this process's connections; later calls raise StoreUnavailableError."""
        self._changes.stop()
        self._connections.close()


def _checked(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE numbers SET value = value + 1 WHERE name = 'checked'")
    return int(connection.execute(_CHECKED).fetchone()[0])
