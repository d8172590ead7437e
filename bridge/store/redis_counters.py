"""Windowed counts in Redis: distinct members of the last so many seconds."""

from __future__ import annotations

from typing import Final

from bridge.clock import Clock, SystemClock
from bridge.store.base import Counted
from bridge.store.redis_calls import Calls, Script

_COUNT: Final = Script("count")


class Counters:
    """The windowed counts of one store.

    Times are the server's: hosts whose clocks differ by more than a window would each let the whole
    limit in. A clock other than the system's is a caller's own idea of time, and is kept to.
    """

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._own = None if isinstance(clock, SystemClock) else clock

    def count(self, key: str, member: str, window: float, limit: int | None) -> Counted:
        """Add `member` at the present time and count the window's distinct members."""
        now = "" if self._own is None else repr(self._own.now())
        allowed = "" if limit is None else limit
        total, admitted = self._calls.script(_COUNT, key, member, repr(window), allowed, now)
        return Counted(total, admitted == 1)
