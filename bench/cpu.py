"""What a server costs: the CPU seconds of its processes, as Linux counts them.

On a machine that others use too, throughput says as much about them as about the server; the CPU
time that a request takes says less about them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_USER: Final = 11  # fields of /proc/PID/stat, counted from behind the command's name (proc(5))
_SYSTEM: Final = 12


def is_told() -> bool:
    """Tell whether this machine counts as Linux does."""
    return _PROC.is_dir()


def spent(pid: int) -> float:
    """Return the CPU seconds that a process and its descendants have used; 0 where none tells."""
    if not is_told():
        return 0.0
    return sum(_ticks(each) for each in family(pid)) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants (Linux)."""
    yield pid
    for path in (_PROC / str(pid) / "task").glob("*/children"):
        for child in path.read_text().split():
            yield from family(int(child))


def _ticks(pid: int) -> int:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[_USER]) + int(fields[_SYSTEM])
