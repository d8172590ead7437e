"""One refresh at a time within a process: the first reader's is flown, the others wait for it.

Owns the waiting, in a thread or without one, and the bounds of threads that wait: readers of other
grants must always find a place to refresh. Other processes are the lease's business.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from bridge import metrics
from bridge.errors import BridgeError, Code, Contained

log = structlog.get_logger(__name__)

_AT_A_TIME: Final = 2  # one that stalls does not stop the others
_IN_A_ROW: Final = 8
_FOR_FLYING: Final = 8  # one place in so many, and two at least, is kept for those who fly


def out_of_patience() -> BridgeError:
    """Return the error for a wait that took too long."""
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "The refresh that this request waited for did not end in time; try again.",
        retry_after=1,
    )


def too_many_waiting() -> BridgeError:
    """Return the error for a request that there is no place or no thread for."""
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "Too many requests wait for Google already; try again shortly.",
        reason="too_many_waiting",
        retry_after=1,
    )


class Flight:
    """A refresh under way in this process, and those who wait for it in the order of their coming.

    Once it has landed a few of them go on at a time. Let go all at once, hundreds of threads would
    stand in a queue for Python's lock, and readers of other grants behind them.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queue: deque[threading.Lock] = deque()
        self._calls: list[Callable[[], None]] = []
        self.has_landed = False
        self.error: BridgeError | None = None
        """What the flight failed of, once it has landed."""

    def land(self, error: BridgeError | None = None) -> None:
        """Let the waiting go on, or have them all fail with the same error."""
        with self._mutex:
            self.error = error
            self.has_landed = True
        for _ in range(_AT_A_TIME):
            self._call_next()
        if self._calls:
            self._call_back()

    def then(self, call: Callable[[], None]) -> None:
        """Have a function called after the landing, by a thread that waits for nothing else.

        There is no other end to this wait: a flight lands, well or badly, in its own time. After
        the landing it is called here and now.
        """
        with self._mutex:
            if not self.has_landed:
                self._calls.append(_timed(call))
                return
        call()

    @contextmanager
    def waited_for(self, seconds: float) -> Iterator[None]:
        """Wait for the landing; within the block it is the caller's turn.

        Raises:
            BridgeError: the flight's own; or `upstream_unavailable` when it takes too long.
        """
        turn = self._queued()
        if turn is not None:
            self._wait(turn, seconds)
        try:
            if self.error is not None:
                raise self.error.again()
            yield
        finally:
            self._call_next()

    def _queued(self) -> threading.Lock | None:
        """Take a place in the queue; None if there is nothing to wait for any more."""
        turn = threading.Lock()
        turn.acquire()
        with self._mutex:
            if self.has_landed:
                return None
            self._queue.append(turn)
            return turn

    def _wait(self, turn: threading.Lock, seconds: float) -> None:
        with metrics.timed(metrics.WAITS, "refresh"):
            is_called = turn.acquire(timeout=seconds)
        if not is_called:
            self._leave(turn)

    def _leave(self, turn: threading.Lock) -> None:
        """Give a place up; whoever is out of patience after the landing goes on all the same."""
        with self._mutex:
            if turn in self._queue:
                self._queue.remove(turn)
            if not self.has_landed:
                raise out_of_patience()

    def _call_back(self) -> None:
        # Whoever has flown is not to wait for all of them.
        calls, self._calls = self._calls, []
        thread = threading.Thread(target=_call_all, args=(calls,), name="landed")
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            thread.run()

    def _call_next(self) -> None:
        with self._mutex:
            if self.has_landed and self._queue:
                self._queue.popleft().release()


def _timed(call: Callable[[], None]) -> Callable[[], None]:
    began = time.perf_counter()

    def timed() -> None:
        metrics.observe(metrics.WAITS, "refresh", time.perf_counter() - began)
        call()

    return timed


def _call_all(calls: list[Callable[[], None]]) -> None:
    for number, call in enumerate(calls, 1):
        with Contained(log):
            call()
        if not number % _IN_A_ROW:
            # Lets go of Python's lock: readers of other grants go on in between.
            time.sleep(0)


class Flights:
    """The flights of this process."""

    def __init__(self, most_waiting: int) -> None:
        """Bound the threads that fly or wait, both together, to `most_waiting`.

        A hot grant's waiters do not get all of these places: other grants are refreshed meanwhile.
        """
        self._flights: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()
        self._places = _Places(most_waiting)
        self._benches = _Places(max(1, most_waiting - max(2, most_waiting // _FOR_FLYING)))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places within the block.

        Raises:
            BridgeError: `upstream_unavailable`; all are taken.
        """
        with self._places.taken():
            yield

    def under_way(self, key: Hashable) -> Flight | None:
        """Return the flight for a key, if there is one."""
        # Without the lock, for thousands who come at once.
        return self._flights.get(key)

    def board(self, key: Hashable) -> tuple[Flight, bool]:
        """Return the flight for a key, and whether the caller is the one to fly it."""
        flight = self.under_way(key)
        if flight is not None:
            return flight, False
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Flight()
            return flight, True

    def land(self, key: Hashable, flight: Flight, error: BridgeError | None) -> None:
        """End a flight: new readers of the key begin another one."""
        with self._lock:
            del self._flights[key]
        flight.land(error)

    @contextmanager
    def waited_for(self, flight: Flight, seconds: float) -> Iterator[None]:
        """Wait for a flight that another thread flies; within the block it is the caller's turn.

        Raises:
            BridgeError: as `place` and `Flight.waited_for`.
        """
        with self._benches.taken(), flight.waited_for(seconds):
            yield


class _Places:
    """So many threads at a time.

    Without a lock of its own, which a semaphore of Python has: a list's `pop` and `append` are
    atomic, and thousands who come at once would stand in line for the lock.
    """

    def __init__(self, count: int) -> None:
        self._free = [True] * count

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place within the block.

        Raises:
            BridgeError: `upstream_unavailable`; there is none.
        """
        try:
            place = self._free.pop()
        except IndexError:
            raise too_many_waiting() from None
        try:
            yield
        finally:
            self._free.append(place)
