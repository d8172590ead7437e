"""Lending connections: nobody has one that another uses, and whoever waits is not forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.store.base import StoreUnavailableError
from bridge.store.sqlite_pool import Pool
from tests.store.backends import together

_LONG_S = 60.0


def test_what_was_given_back_last_is_lent_first() -> None:
    """Its memory is warm."""
    pool = Pool(["a", "b", "c"], _LONG_S)
    first, second = pool.take(), pool.take()
    pool.give_back(first)
    pool.give_back(second)
    assert pool.take() == second


def test_no_two_threads_have_the_same() -> None:
    """Many threads take turns at few things, each alone with the one it has."""
    in_use = {thing: threading.Lock() for thing in "ab"}
    pool = Pool("ab", _LONG_S)

    def use_it_often(_: int) -> int:
        for _ in range(200):
            thing = pool.take()
            assert in_use[thing].acquire(blocking=False)
            in_use[thing].release()
            pool.give_back(thing)
        return 200

    assert together(16, use_it_often) == [200] * 16


def test_whoever_waits_gets_what_is_given_back() -> None:
    """A thread that found nothing goes on as soon as there is something."""
    pool = Pool(["only"], _LONG_S)
    thing = pool.take()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(pool.take)
        pool.give_back(thing)
        assert waiting.result(_LONG_S) == "only"


def test_a_wait_has_an_end() -> None:
    """Where nothing comes back in time the store is unavailable, and the next one is served."""
    pool = Pool(["only"], 0.01)
    thing = pool.take()
    with pytest.raises(StoreUnavailableError):
        pool.take()
    pool.give_back(thing)
    assert pool.take() == "only"


def test_one_who_gave_up_takes_nobody_elses_turn() -> None:
    """Of those who wait the patient one is woken, though an impatient one queued before it."""
    pool = Pool(["only"], 0.01)
    thing = pool.take()
    with pytest.raises(StoreUnavailableError):
        pool.take()
    with ThreadPoolExecutor() as threads:
        patient = threads.submit(pool.take_all)
        pool.give_back(thing)
        patient.result(_LONG_S)
    with pytest.raises(StoreUnavailableError):
        pool.take()


def test_all_are_taken_once_each_was_given_back() -> None:
    """Whoever wants everything waits for the last user, and nobody gets anything meanwhile."""
    pool = Pool("abc", 0.01)
    thing = pool.take()
    with ThreadPoolExecutor() as threads:
        everything = threads.submit(pool.take_all)
        assert not everything.done()
        pool.give_back(thing)
        everything.result(_LONG_S)
    with pytest.raises(StoreUnavailableError):
        pool.take()
