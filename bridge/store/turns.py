"""Turns: of many threads that want the same answer, one asks for it at a time.

Owns the waiting. Those who come after the first look for the answer where the first has put it. If
asking failed there is none, and all who waited fail in the same way: each in its turn would find
out the same, and take as long.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from bridge.errors import BridgeError


class _Turn:
    """What those share who want the same."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.members = 0
        self.failed: BridgeError | None = None


class Turns:
    """The turns of one process. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[Hashable, _Turn] = {}

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Have one's turn within the block.

        Raises:
            BridgeError: of the kind that ended the block of somebody who was before.
        """
        turn = self._joined(key)
        try:
            with turn.lock:
                if turn.failed is not None:
                    raise turn.failed.again()
                try:
                    yield
                except BridgeError as error:
                    turn.failed = error
                    raise
        finally:
            self._leave(key, turn)

    def members(self, key: Hashable) -> int:
        """Return how many have their turn or wait for it."""
        with self._lock:
            turn = self._turns.get(key)
            return 0 if turn is None else turn.members

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
