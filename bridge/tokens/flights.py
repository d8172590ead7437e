"""One refresh at a time within a process: the first thread flies, the others wait for it.

Owns the waiting, and its bounds: readers of other grants must always find a thread, and a place to
refresh. Other processes are the lease's business.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

from bridge import metrics
from bridge.errors import BridgeError, Code

_FOR_FLYING: Final = 8  # one place in so many, and two at least, is kept for those who fly


def out_of_patience() -> BridgeError:
    """Return the error for a wait that took too long."""
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "The refresh that this request waited for did not end in time; try again.",
        retry_after=1,
    )


class Flight:
    """A refresh under way in this process."""

    def __init__(self) -> None:
        self._landed = threading.Event()
        self._error: BridgeError | None = None

    def land(self, error: BridgeError | None = None) -> None:
        """Let the waiting go on, or have them all fail with the same error."""
        self._error = error
        self._landed.set()

    def wait(self, seconds: float) -> None:
        """Wait for the landing.

        Raises:
            BridgeError: the flight's own; or `upstream_unavailable` when it takes too long.
        """
        if not self._landed.wait(seconds):
            raise out_of_patience()
        if self._error is not None:
            raise _again(self._error)


class Flights:
    """The flights of this process."""

    def __init__(self, most_waiting: int) -> None:
        """Bound the threads that fly or wait, both together, to `most_waiting`.

        A hot grant's waiters do not get all of these places: other grants are refreshed meanwhile.
        """
        self._flights: dict[Hashable, Flight] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(most_waiting)
        self._benches = threading.BoundedSemaphore(
            max(1, most_waiting - max(2, most_waiting // _FOR_FLYING))
        )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places within the block.

        Raises:
            BridgeError: `upstream_unavailable`; all are taken.
        """
        with _taken(self._places):
            yield

    def board(self, key: Hashable) -> tuple[Flight, bool]:
        """Return the flight for a key, and whether the caller is the one to fly it."""
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

    def wait(self, flight: Flight, seconds: float) -> None:
        """Wait for a flight that another thread flies; raises as `place` and `Flight.wait`."""
        with _taken(self._benches), metrics.timed(metrics.WAITS, "refresh"):
            flight.wait(seconds)


@contextmanager
def _taken(places: threading.BoundedSemaphore) -> Iterator[None]:
    if not places.acquire(blocking=False):
        raise BridgeError(
            Code.UPSTREAM_UNAVAILABLE,
            "Too many requests wait for Google already; try again shortly.",
            reason="too_many_waiting",
            retry_after=1,
        )
    try:
        yield
    finally:
        places.release()


def _again(error: BridgeError) -> BridgeError:
    """Return an error of the same content: one raised by many threads would mix tracebacks."""
    return BridgeError(
        error.code,
        error.public,
        reason=error.reason,
        field=error.field,
        action=error.action,
        retry_after=error.retry_after,
        context=error.context,
    )
