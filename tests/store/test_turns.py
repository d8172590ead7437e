"""Turns: one asks, the others find what it found, or fail as it did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bridge.errors import BridgeError
from bridge.store.base import Query, Row, StoreUnavailableError
from bridge.store.recent import Recent
from bridge.store.turns import Turns
from tests.store.backends import row

_OTHERS = 20
_MINE = Query("grant", tenant="acme", subject="user")
_THEIRS = Query("grant", tenant="acme", subject="other")
_WAIT_S = 10


class Asking:
    """A crowd that reads one key while the first of it is held up in the store."""

    def __init__(self, recent: Recent, pool: ThreadPoolExecutor) -> None:
        self.asked = 0
        self.end: Callable[[], list[Row]] = lambda: [row()]
        self._recent = recent
        self._pool = pool
        self._begun, self._go_on = threading.Event(), threading.Event()

    def gather(self) -> list[Future[list[Row]]]:
        first = self._pool.submit(self._read)
        assert self._begun.wait(_WAIT_S)
        others = [self._pool.submit(self._read) for _ in range(_OTHERS)]
        until = time.monotonic() + _WAIT_S
        while self._recent.turns.members(_MINE) <= _OTHERS:
            assert time.monotonic() < until
        return [first, *others]

    def go_on(self) -> None:
        self._go_on.set()

    def _read(self) -> list[Row]:
        return list(self._recent.read(_MINE, self._fetch).rows)

    def _fetch(self) -> list[Row]:
        self.asked += 1
        self._begun.set()
        assert self._go_on.wait(_WAIT_S)
        return self.end()


@pytest.fixture
def recent() -> Recent:
    return Recent(100_000, time.monotonic)


def test_of_a_crowd_that_reads_the_same_one_asks_the_store(recent: Recent) -> None:
    """The others are answered from what the first one found."""
    with ThreadPoolExecutor(_OTHERS + 1) as pool:
        asking = Asking(recent, pool)
        reads = asking.gather()
        asking.go_on()
        assert [read.result() for read in reads] == [[row()]] * (_OTHERS + 1)
    assert asking.asked == 1
    assert recent.turns.members(_MINE) == 0


def test_a_crowd_shares_the_failure_of_the_one_who_asked(recent: Recent) -> None:
    """A store that is away is waited for once, not by each in its turn; the next one tries anew."""

    def away() -> list[Row]:
        raise StoreUnavailableError("away")

    with ThreadPoolExecutor(_OTHERS + 1) as pool:
        asking = Asking(recent, pool)
        asking.end = away
        reads = asking.gather()
        asking.go_on()
        errors = [read.exception() for read in reads]
    assert [getattr(error, "context", None) for error in errors] == [{"detail": "away"}] * 21
    assert len({id(error) for error in errors}) == len(errors)
    assert asking.asked == 1
    assert recent.read(_MINE, lambda: [row()]).rows == (row(),)


def test_who_reads_something_else_does_not_wait(recent: Recent) -> None:
    """A key's readers hold up nobody but each other."""
    with ThreadPoolExecutor(_OTHERS + 1) as pool:
        asking = Asking(recent, pool)
        reads = asking.gather()
        assert recent.read(_THEIRS, lambda: [row("2")]).rows == (row("2"),)
        asking.go_on()
        assert all(read.result() for read in reads)


def test_a_turn_that_failed_is_nobodys_after_it() -> None:
    """Who comes after a failure has a turn of their own, even while others leave the old one."""
    turns = Turns()

    def away() -> int:
        raise StoreUnavailableError("away")

    with pytest.raises(BridgeError):
        turns.answer("key", lambda: None, away)
    assert turns.answer("key", lambda: None, lambda: turns.members("key")) == 1
