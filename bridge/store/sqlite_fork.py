"""Keeps SQLite's connections out of forked processes.

A child that only opened connections of its own would not be safe: SQLite's record of which locks
"this process" holds is inherited, the locks are not. So all connections are closed before a fork,
and both sides open theirs anew (https://www.sqlite.org/howtocorrupt.html, section 2.6).
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final, Protocol


class Pausable(Protocol):
    """Something whose connections can be closed for the time of a fork."""

    def pause(self) -> None:
        """Close all connections and let nobody open one until `resume`."""
        ...

    def resume(self) -> None:
        """Let threads open their connections again."""
        ...

    def resume_in_child(self) -> None:
        """The same where only the thread that forked exists."""
        ...


_pausables: Final[weakref.WeakSet[Pausable]] = weakref.WeakSet()
_paused: Final[list[Pausable]] = []
_forking: Final = threading.Lock()


def register(pausable: Pausable) -> None:
    """Pause this object at every fork, for as long as it lives."""
    _pausables.add(pausable)


def _before() -> None:
    _forking.acquire()
    _paused.extend(_pausables)
    for pausable in _paused:
        pausable.pause()


def _after_in_parent() -> None:
    for pausable in _paused:
        pausable.resume()
    _paused.clear()
    _forking.release()


def _after_in_child() -> None:
    for pausable in _paused:
        pausable.resume_in_child()
    _paused.clear()
    _forking.release()


os.register_at_fork(
    before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
)
