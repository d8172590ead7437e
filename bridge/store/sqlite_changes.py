"""Noticing that nothing was written: by SQLite's own count of what changed the file.

Owns the thread that looks. SQLite does not tell what changed, only that something did
(https://www.sqlite.org/pragma.html#pragma_data_version). While nothing does, whatever was read
stays true; while something does, time alone bounds how long it is kept.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Final

from bridge.clock import Clock
from bridge.store import sqlite_fork
from bridge.store.base import Follower, StoreUnavailableError
from bridge.store.following import Following
from bridge.store.sqlite_file import connect, identity

_LOOK_EVERY_S: Final = 0.2


class Changes:
    """Tells one process in which times nothing was written, by any process."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Take the file, which exists, and the clock that dates what is confirmed."""
        self._path = path.absolute()
        self._identity = identity(self._path)
        self._clock = clock
        self._following = Following(self._run)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        sqlite_fork.register(self)

    def follow(self, follower: Follower) -> None:
        """Begin to look, and to tell a follower."""
        self._following.begin(follower)

    def stop(self) -> None:
        """Stop looking."""
        self._following.end()
        with self._lock:
            self._close()

    def pause(self) -> None:
        """Close the connection and open none until `resume`."""
        self._lock.acquire()
        self._close()

    def resume(self) -> None:
        """Let the thread open a connection again."""
        self._lock.release()

    resume_in_child = resume

    def _run(self, follower: Follower) -> None:
        seen: object = None
        since = self._clock.monotonic()
        while not self._following.stopping.wait(_LOOK_EVERY_S):
            at = self._clock.monotonic()
            state = self._look()
            if state is not None and state == seen:
                follower.confirm(since, at)
            else:
                seen, since = state, self._clock.monotonic()

    def _look(self) -> object:
        """Return what is another once anything was written; None if that cannot be told."""
        with self._lock:
            try:
                if identity(self._path) != self._identity:
                    return None
                if self._connection is None:
                    self._connection = connect(self._path)
                [[count]] = self._connection.execute("PRAGMA data_version")
            except (sqlite3.Error, StoreUnavailableError):
                self._close()
                return None
            # The count says something about its own connection's view alone.
            return self._connection, count

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
