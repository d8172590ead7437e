"""Real Redis servers for tests: each a process of its own in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_START_S: Final = 10.0
_SAFE: Final = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def needs_redis() -> None:
    """Skip a test where there is no Redis; `make test` installs one."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: Callable[[], bool], seconds: float = _START_S) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


class RedisServer:
    """One redis-server (or a Sentinel), started, stopped, killed and started again.

    Attributes:
        folder: what it keeps.
        port: where it listens on loopback.
        socket: where it listens besides.
    """

    def __init__(self, *options: str, port: int | None = None, sentinel: str = "") -> None:
        # Not pytest's folder: the path of a socket has 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = port or free_port()
        self.socket = self.folder / "socket"
        self._command = ["redis-server"]
        if sentinel:
            (self.folder / "sentinel.conf").write_text(sentinel)
            self._command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        else:
            self._command += [*_SAFE, "--unixsocket", str(self.socket)]
        self._command += ["--port", str(self.port), "--bind", "127.0.0.1", *options]
        self._password = dict(zip(options[::2], options[1::2], strict=True)).get("--requirepass")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> RedisServer:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT
            )
        until(self._answers)
        return self

    def ask(self, *command: str | int) -> object:
        """Send a command by a connection of its own."""
        client = redis.Redis(
            port=self.port, password=self._password, retry=Retry(NoBackoff(), 0), protocol=2
        )
        try:
            return client.execute_command(*command)
        finally:
            client.close()

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove what it kept."""
        self.kill()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            return bool(self.ask("PING"))
        except redis.ConnectionError:
            return False

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None
