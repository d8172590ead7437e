"""Full load by wrk, one thread of it, with requests replayed from a file.

Owns the command line and the reading of its summary.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.programs import CLIENT_CORE, need, pinned

_SCRIPT: Final = Path(__file__).with_name("replay.lua")
_SUMMARY: Final = "SUMMARY "


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw.

    Attributes:
        per_second: answers a second.
        requests: answers in all.
        refused: answers of status 400 and more.
        broken: connections that failed, and time-outs.
        p50, p99: latencies in seconds.
    """

    per_second: float
    requests: int
    refused: int
    broken: int
    p50: float
    p99: float

    @property
    def errors(self) -> int:
        """Everything that was not a good answer."""
        return self.refused + self.broken


def need_wrk() -> str:
    """Return wrk's path.

    Raises:
        MissingToolError: it is not installed.
    """
    return need("wrk", "wrk")


def requests_file(path: Path, requests: Iterable[bytes]) -> Path:
    """Write requests down for `replay.lua`."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n%b" % (len(request), request))
    return path


def load(
    port: int,
    requests: Path,
    *,
    seconds: int,
    connections: int,
    core: int | None = CLIENT_CORE,
) -> Load:
    """Send the requests round and round, as fast as the answers come; a core of None is any."""
    command = [
        *pinned(core),
        *(need_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"),
        *("-s", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", str(requests)),
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = next(line for line in told.splitlines() if line.startswith(_SUMMARY))
    seen = json.loads(line.removeprefix(_SUMMARY))
    return Load(
        per_second=seen["requests"] / (seen["micros"] / 1e6),
        requests=seen["requests"],
        refused=seen["refused"],
        broken=seen["broken"],
        p50=seen["p50"] / 1e6,
        p99=seen["p99"] / 1e6,
    )
