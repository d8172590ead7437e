"""Turns: of many threads that want the same answer, one asks for it at a time.

Owns the waiting. Those who come after the first look for the answer where the first has put it. If
asking failed there is none, and all who waited fail in the same way: each in its turn would find
out the same, and take as long.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import TypeVar

from bridge.errors import BridgeError

T = TypeVar("T")


class _Turn:
    """What those share who want the same."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.members = 0
        self.failed: BridgeError | None = None
        self._waiting: deque[threading.Lock] = deque()

    def begin(self) -> bool:
        """Take the turn, if nobody has it; else wait until it is over, and tell that it was not."""
        if self.lock.acquire(blocking=False):
            return True
        over = threading.Lock()
        over.acquire()
        self._waiting.append(over)
        # Whoever ends it lets go of the lock first, and calls those who wait after that: who finds
        # it taken here is called.
        if self.lock.acquire(blocking=False):
            return True
        over.acquire()
        return False

    def end(self) -> None:
        """Give the turn up, and let all who waited go on at once.

        One after the other would be two changes of threads for each, and thousands may wait.
        """
        self.lock.release()
        while self._waiting:
            try:
                over = self._waiting.popleft()
            except IndexError:
                return
            over.release()


class Turns:
    """The turns of one process. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[Hashable, _Turn] = {}

    def answer(self, key: Hashable, known: Callable[[], T | None], ask: Callable[[], T]) -> T:
        """Return what is known, or what is asked for in one's turn.

        Args:
            key: what is wanted.
            known: looks where `ask` puts its answers; None is none.
            ask: finds out.

        Raises:
            BridgeError: what `ask` raised, to this thread or to the one that it waited for.
        """
        turn = self._joined(key)
        try:
            while not turn.begin():
                self._fail_with(turn)
                answer = known()
                if answer is not None:
                    return answer
            try:
                return self._asked(turn, known, ask)
            finally:
                turn.end()
        finally:
            self._leave(key, turn)

    def members(self, key: Hashable) -> int:
        """Return how many have their turn or wait for it."""
        with self._lock:
            turn = self._turns.get(key)
            return 0 if turn is None else turn.members

    def _asked(self, turn: _Turn, known: Callable[[], T | None], ask: Callable[[], T]) -> T:
        self._fail_with(turn)
        answer = known()
        if answer is not None:
            return answer
        try:
            return ask()
        except BridgeError as error:
            turn.failed = error
            raise

    def _fail_with(self, turn: _Turn) -> None:
        if turn.failed is not None:
            raise turn.failed.again()

    def _joined(self, key: Hashable) -> _Turn:
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            turn.members += 1
            return turn

    def _leave(self, key: Hashable, turn: _Turn) -> None:
        with self._lock:
            turn.members -= 1
            # After a failure nobody joins any more: those who come from now on try anew.
            is_over = turn.failed is not None or not turn.members
            if is_over and self._turns.get(key) is turn:
                del self._turns[key]
