"""Killing a process at a random moment, and what it had acknowledged by then."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from tests.crash.orders import Order

ROOT: Final = Path(__file__).parents[2]
_STARTS: Final = 0.2  # the share of lives that end while the bridge is being opened, or soon after
_STARTING_S: Final = 0.05
_random: Final = secrets.SystemRandom()


@dataclass
class Life:
    """What became of one process.

    Attributes:
        was_killed: whether it was still at work when it was killed.
        told: the lines that it wrote.
    """

    was_killed: bool = False
    told: list[str] = field(default_factory=list)

    def numbers(self, of: str) -> set[int]:
        """Return the numbers in lines such as `done 7`."""
        lines = (line.split() for line in self.told)
        return {int(line[1]) for line in lines if line[0] == of}

    @property
    def failures(self) -> list[str]:
        """What went wrong in it other than being killed."""
        return [line for line in self.told if line.startswith("failed")]


class Nursery:
    """Brings processes to life on a configuration, one after another, and kills them."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.worker", str(config)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # With nothing more to read it ends by itself.
        self._process.communicate()

    def life(self, order: Order, longest: float | None) -> Life:
        """Let a process work, and `kill -9` it at a random moment.

        Args:
            order: its work.
            longest: seconds of work at most; None lets it come to its end.
        """
        life = Life()
        self._write(msgspec.json.encode(order).decode())
        killer: threading.Timer | None = None
        is_early = longest is not None and _random.random() < _STARTS
        waits_for, within = ("born", _STARTING_S) if is_early else ("ready", longest)
        child = 0
        while (line := self._read()).split()[0] != "over":
            life.told.append(line)
            if line.startswith("born"):
                child = int(line.split()[1])
            if within is not None and line.startswith(waits_for):
                killer = threading.Timer(_random.uniform(0, within), _kill, (child,))
                killer.start()
        if killer is not None:
            killer.cancel()
            killer.join()
        self._write("reap")
        life.was_killed = line == f"over {signal.SIGKILL.value}"
        return life

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the process that forks has ended"
        return line


def _kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
