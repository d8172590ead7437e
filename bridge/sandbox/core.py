"""The lock, the time and the options that every part of the sandbox shares."""

from __future__ import annotations

import threading

from bridge.clock import Clock
from bridge.sandbox.options import SandboxOptions, changed


class Core:
    """Shared by the parts of one `SandboxGoogle`.

    The lock is held for a change of state, never while an answer is held back or sent. Time is
    the clock's plus an offset, so that a test can make months pass.
    """

    def __init__(self, clock: Clock, options: SandboxOptions | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.options = options or SandboxOptions()
        self._offset = 0.0

    def now(self) -> float:
        """Return the sandbox's Unix time in seconds."""
        return self.clock.now() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the sandbox's time (not the clock's) on, and return the new time."""
        with self.lock:
            self._offset += seconds
        return self.now()

    def configure(self, **changes: object) -> SandboxOptions:
        """Change options by name and return all of them.

        Raises:
            ValueError: an option is unknown or its value of the wrong kind.
        """
        with self.lock:
            self.options = changed(self.options, changes)
            return self.options
