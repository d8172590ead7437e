"""How writers of one process share a transaction, each with its own outcome."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from bridge.store.base import StoreConflictError, StoreUnavailableError
from bridge.store.sqlite_group import GroupCommit
from tests.store.backends import row, together


class _Table:
    """A group commit over a table of numbers; counts its transactions."""

    def __init__(self, budget: float = 5.0) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        self.group = GroupCommit(self._transaction, budget)
        self.transactions = 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.transactions += 1
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        except BaseException as error:
            self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailableError("sqlite") from None
            raise
        self.connection.execute("COMMIT")

    def add(self, number: int, error: BaseException | None = None) -> None:
        def action(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO numbers VALUES (?)", (number,))
            if error is not None:
                raise error

        self.group.run(action)

    def numbers(self) -> list[int]:
        return [n for (n,) in self.connection.execute("SELECT n FROM numbers ORDER BY n")]


@pytest.fixture
def table() -> Iterator[_Table]:
    made = _Table()
    yield made
    made.connection.close()


def test_writers_that_share_a_transaction_fail_alone(table: _Table) -> None:
    """Of many who write at once each gets its own outcome: conflict, SQLite's error, or success."""
    errors = {
        1: (StoreConflictError(row().ref), StoreConflictError),
        2: (sqlite3.DatabaseError("of one page"), StoreUnavailableError),
    }

    def write(worker: int) -> None:
        for n in range(worker * 100, worker * 100 + 50):
            if n % 5 in errors:
                raised, seen = errors[n % 5]
                with pytest.raises(seen):
                    table.add(n, raised)
            else:
                table.add(n)

    together(8, write)
    expected = [n for w in range(8) for n in range(w * 100, w * 100 + 50) if n % 5 not in errors]
    assert table.numbers() == expected


def test_those_who_wait_share_one_transaction(table: _Table) -> None:
    """While one transaction runs, all who come meanwhile are done by the next one."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        inside.set()
        go_on.wait()

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(table.group.run, slow)
        inside.wait()
        others = [pool.submit(table.add, n) for n in range(8)]
        while table.group.waiting < len(others):
            assert not first.done()
        go_on.set()
        for each in [first, *others]:
            each.result()
    assert table.numbers() == list(range(8))
    assert table.transactions == 2


def test_a_writer_gives_up_waiting_for_the_others() -> None:
    """Who waits beyond its budget is told that it may try again, and its write never happens."""
    table = _Table(budget=0.02)
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        inside.set()
        go_on.wait()

    with ThreadPoolExecutor() as pool:
        first = pool.submit(table.group.run, slow)
        inside.wait()
        with pytest.raises(StoreUnavailableError):
            table.add(1)
        go_on.set()
        first.result()
    table.add(2)
    assert table.numbers() == [2]
    table.connection.close()


def test_an_interrupted_writer_leaves_no_queue_behind(table: _Table) -> None:
    """An interrupt undoes what was being written, and the next writer goes on."""
    with pytest.raises(KeyboardInterrupt):
        table.add(1, KeyboardInterrupt())
    table.add(2)
    assert table.numbers() == [2]
