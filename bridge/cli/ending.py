"""How a command that stays is told to end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_LOOK_EVERY_S: Final = 0.2


@contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGTERM unwind the program as SIGINT does, so that nothing is left running."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell without job control starts what runs in the background with it ignored.
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(process: subprocess.Popen[bytes]) -> None:
    """Return when a process has ended.

    It is looked at again and again: a signal that comes just before an endless wait would go
    unnoticed until its end.
    """
    while process.poll() is None:
        time.sleep(_LOOK_EVERY_S)
