"""One refresh at a time within a process: the first thread flies, the others wait for it.

Owns the waiting, and its bounds: readers of other grants must always find a thread, and a place to
refresh. Other processes are the lease's business.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from bridge import metrics
from bridge.errors import BridgeError, Code

_AT_A_TIME: Final = 2  # one that stalls does not stop the others
_FOR_FLYING: Final = 8  # one place in so many, and two at least, is kept for those who fly


def out_of_patience() -> BridgeError:
    """Return the error for a wait that took too long."""
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "The refresh that this request waited for did not end in time; try again.",
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
        self._has_landed = False
        self._error: BridgeError | None = None

    def land(self, error: BridgeError | None = None) -> None:
        """Let the waiting go on, or have them all fail with the same error."""
        with self._mutex:
            self._error = error
            self._has_landed = True
        for _ in range(_AT_A_TIME):
            self._call_next()

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
            if self._error is not None:
                raise self._error.again()
            yield
        finally:
            self._call_next()

    def _queued(self) -> threading.Lock | None:
        """Take a place in the queue; None if there is nothing to wait for any more."""
        turn = threading.Lock()
        turn.acquire()
        with self._mutex:
            if self._has_landed:
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
            if not self._has_landed:
                raise out_of_patience()

    def _call_next(self) -> None:
        with self._mutex:
            if self._has_landed and self._queue:
                self._queue.popleft().release()


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

    def board(self, key: Hashable) -> tuple[Flight, bool]:
        """Return the flight for a key, and whether the caller is the one to fly it."""
        # Without the lock, for thousands who come at once: none of them is the one to fly it.
        flight = self._flights.get(key)
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
            raise BridgeError(
                Code.UPSTREAM_UNAVAILABLE,
                "Too many requests wait for Google already; try again shortly.",
                reason="too_many_waiting",
                retry_after=1,
            ) from None
        try:
            yield
        finally:
            self._free.append(place)
