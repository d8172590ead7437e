"""Time as an argument: the wall clock for what others date, the monotonic one for what we hold."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the program may know of time; tests pass their own."""

    def now(self) -> float:
        """Return Unix time in seconds; it may step when the host's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds since the host started; never steps, the same in all its processes."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        ...


class SystemClock:
    """The host's own clocks."""

    # CLOCK_REALTIME, and CLOCK_MONOTONIC, which all processes of a host share. As they are: both
    # are asked for each token.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)
