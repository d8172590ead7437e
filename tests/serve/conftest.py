"""A real `bridge serve` in processes of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import requests

from bridge.cli.demo.ports import free_ports
from tests.kit import World

_ROOT: Final = Path(__file__).resolve().parents[2]
_PATIENCE_S: Final = 30
_LIMITED: Final = 'ulimit -Sn "$0" && exec "$@"'


@dataclass
class Served:
    """A running `bridge serve`.

    Attributes:
        process: the supervisor.
        internal, public: the listeners' origins.
        lines: what it has logged so far.
        http: closed when the test ends.
    """

    process: subprocess.Popen[str]
    internal: str
    public: str
    lines: list[str] = field(default_factory=list)
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(_PATIENCE_S), self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as log:
            for line in log:
                self.lines.append(line)
                if "serving" in line:
                    self._ready.set()

    def post(self, path: str, key: str, **body: object) -> requests.Response:
        return self.http.post(
            self.internal + path, json=body, headers={"Authorization": key}, timeout=_PATIENCE_S
        )

    def stop(self) -> int:
        """Have it stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE_S)

    def close(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.stop()
        self._reader.join()


Start = Callable[..., Served]


@pytest.fixture
def serve(bridge_world: World) -> Iterator[Start]:
    """Start `bridge serve` on the world's files; all are stopped when the test ends."""
    started: list[Served] = []

    def start(*, workers: int = 1, open_files: int | None = None) -> Served:
        internal, public = free_ports(2)
        tables = (
            f'[internal]\nbind = "127.0.0.1:{internal}"\nworkers = {workers}\n'
            f'[public]\nbind = "127.0.0.1:{public}"\n[google]'
        )
        text = bridge_world.toml().replace("[google]", tables)
        config = bridge_world.folder / f"serve-{internal}.toml"
        config.write_text(text)
        limit = [] if open_files is None else ["sh", "-c", _LIMITED, str(open_files)]
        process = subprocess.Popen(
            [*limit, sys.executable, "-m", "bridge", "serve", "--config", str(config)],
            cwd=_ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        served = Served(process, f"http://127.0.0.1:{internal}", f"http://127.0.0.1:{public}")
        started.append(served)
        return served

    yield start
    for served in started:
        served.close()
