"""The thread of one process in which a store tells its follower.

Owns beginning and ending it. What there is to tell, and how a backend learns of it, is its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from bridge.store.base import Follower


class Following:
    """A thread that tells a follower until it is to stop.

    Attributes:
        stopping: set when it is.
    """

    def __init__(self, run: Callable[[Follower], None]) -> None:
        """Take what the thread does; it returns soon after `stopping` is set."""
        self.stopping = threading.Event()
        self._run = run
        self._thread: threading.Thread | None = None

    def begin(self, follower: Follower) -> None:
        """Start the thread."""
        self._thread = threading.Thread(
            target=self._run, args=(follower,), name="store-changes", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Stop the thread, if there is one, and wait until it has."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join()
