"""Lending a few things to many threads: the one given back last is lent first.

Owns the queue of those who find none idle. Taking and giving back cost no lock of ours while some
are idle: a list's `pop` and `append` are atomic.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from threading import TIMEOUT_MAX, Lock
from typing import Generic, TypeVar

from bridge.store.base import StoreUnavailableError

T = TypeVar("T")


class Pool(Generic[T]):
    """Things that one thread at a time may use."""

    def __init__(self, things: Sequence[T], budget: float) -> None:
        """Take the things to lend, and the seconds that a thread waits for one."""
        self._idle = list(things)
        self._count = len(self._idle)
        self._budget = budget
        self._waiting: deque[Lock] = deque()

    def take(self) -> T:
        """Return a thing that is nobody else's until it is given back.

        Raises:
            StoreUnavailableError: none was given back in time.
        """
        try:
            return self._idle.pop()
        except IndexError:
            return self._waited_for(time.monotonic() + self._budget)

    def take_all(self) -> None:
        """Take every thing, however long their users take; one thread at a time may ask for it."""
        for _ in range(self._count):
            self._waited_for(math.inf)

    def give_back(self, thing: T) -> None:
        """Let another thread have it."""
        self._idle.append(thing)
        if self._waiting:
            self._wake_one()

    def _waited_for(self, until: float) -> T:
        turn = Lock()
        turn.acquire()
        queue = self._waiting.append
        while True:
            queue(turn)
            try:
                # Looked for after queueing: what was given back before found nobody to wake.
                thing = self._idle.pop()
            except IndexError:
                left = min(max(0.0, until - time.monotonic()), TIMEOUT_MAX)
                if not turn.acquire(timeout=left):
                    self._leave(turn)
                    raise StoreUnavailableError("all connections are busy") from None
                # Somebody may come between; whoever has waited longest is woken first again.
                queue = self._waiting.appendleft
                continue
            self._leave(turn)
            return thing

    def _leave(self, turn: Lock) -> None:
        try:
            self._waiting.remove(turn)
        except ValueError:
            # It was woken for a thing that it will not take: the next in the queue may.
            self._wake_one()

    def _wake_one(self) -> None:
        try:
            self._waiting.popleft().release()
        except IndexError:
            return
