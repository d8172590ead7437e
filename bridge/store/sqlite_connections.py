"""SQLite's connections: a few kept for reading, one for writing, no sqlite3 error let out.

Owns opening, locking, retrying and closing. Knows no table: what runs in a transaction is the
business of the modules that ask for one.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from bridge.clock import Clock
from bridge.store import sqlite_fork
from bridge.store.base import StoreUnavailableError
from bridge.store.sqlite_file import Identity, connect, create, identity
from bridge.store.sqlite_group import Action, GroupCommit
from bridge.store.sqlite_pool import Pool

_T = TypeVar("_T")

LOCK_BUDGET: Final = 5.0
# Another process holds the write lock for one fsync, a fraction of a millisecond. SQLite's own busy
# handler backs off to 100 ms, and starves the unlucky: of four processes that wrote without pause
# one waited 3.8 s. With short random naps the longest wait was 33 ms.
_NAP: Final = (0.0001, 0.001)
_LOOK_EVERY: Final = 1.0
# Readings at once. A thread gives Python's lock away in the midst of each: with a connection for
# every thread, hundreds began together, and readers of other grants waited behind them all. The
# memory of a connection that was used just now is warm besides.
_READERS: Final = 8
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_random: Final = random.SystemRandom()


class _Held:
    """A place for one connection."""

    __slots__ = ("connection", "look_at")

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.look_at = 0.0

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class Connections:
    """The connections of this process to one database file.

    Threads of the process queue among themselves, so that only one of them at a time contends with
    other processes for the write lock.
    """

    def __init__(self, path: Path, clock: Clock, lock_budget: float = LOCK_BUDGET) -> None:
        """Open the file; create and migrate it as needed.

        Args:
            path: the database file; its directory must exist.
            clock: tells when to look again whether the file is still the same.
            lock_budget: seconds to wait for a lock. They are the host's own seconds: other
                processes do not live by a clock that a test moves.

        Raises:
            BridgeError: the directory is missing, the file is no store, or a newer one.
            StoreUnavailableError: the file cannot be opened now.
        """
        self.path = path.absolute()
        self._clock = clock
        self._budget = lock_budget
        self._group = GroupCommit(self._transaction, lock_budget)
        self._writing = _Held()  # whoever holds the group's mutex uses it
        self._reading = tuple(_Held() for _ in range(_READERS))
        self._pool = Pool(self._reading, lock_budget)
        self._closed = False
        create(self.path)
        self._identity: Identity = identity(self.path)
        with _translated(self._writing):
            self._retrying(lambda: self._connected(self._writing))
        sqlite_fork.register(self)

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        """Run one SELECT as a read transaction of its own and return all its rows."""
        held = self._pool.take()
        try:
            return self._connected(held).execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            if not _is_busy(error):
                held.close()
                raise _unavailable(error) from None
            return self._fetched_at_last(held, sql, parameters)
        finally:
            self._pool.give_back(held)

    def _fetched_at_last(self, held: _Held, sql: str, parameters: Sequence[Any]) -> list[Any]:
        with _translated(held):
            return self._retrying(lambda: self._connected(held).execute(sql, parameters).fetchall())

    def write(self, action: Action[_T]) -> _T:
        """Run `action` in a transaction; it is durable on return, undone if it raises."""
        return self._group.run(action)

    def close(self) -> None:
        """Close every connection once it is idle; later calls are refused."""
        self._closed = True
        self.pause()
        self.resume()

    def pause(self) -> None:
        """Close all connections and let nobody open one until `resume`."""
        self._group.mutex.acquire()
        self._pool.take_all()
        for held in (self._writing, *self._reading):
            held.close()

    def resume(self) -> None:
        """Let threads open connections again."""
        for held in self._reading:
            self._pool.give_back(held)
        self._group.mutex.release()

    def resume_in_child(self) -> None:
        """The same where only the thread that forked exists: nobody else is in a queue."""
        self._group = GroupCommit(self._transaction, self._budget)
        self._pool = Pool(self._reading, self._budget)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        held = self._writing
        with _translated(held):
            held.look_at = float("-inf")
            connection = self._retrying(lambda: self._begun(held))
            with _committed(connection):
                yield connection

    def _connected(self, held: _Held) -> sqlite3.Connection:
        now = self._clock.monotonic()
        if held.connection is not None and now < held.look_at:
            return held.connection
        if self._closed:
            raise StoreUnavailableError("closed")
        if identity(self.path) != self._identity:
            raise StoreUnavailableError("the file was replaced; restart to use the new one")
        held.look_at = now + _LOOK_EVERY
        if held.connection is None:
            held.connection = connect(self.path)
        return held.connection

    def _begun(self, held: _Held) -> sqlite3.Connection:
        connection = self._connected(held)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _retrying(self, action: Callable[[], _T]) -> _T:
        until = time.monotonic() + self._budget
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() >= until:
                    raise
            time.sleep(_random.uniform(*_NAP))


@contextmanager
def _committed(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite may have rolled back by itself, as it does when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _translated(held: _Held) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        held.close()
        raise _unavailable(error) from None


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _unavailable(error: sqlite3.Error) -> StoreUnavailableError:
    # The name alone: the text of an error can quote the statement's values.
    return StoreUnavailableError(getattr(error, "sqlite_errorname", type(error).__name__))
