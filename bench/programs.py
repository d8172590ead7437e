"""The servers that benchmarks start: the bridge, a hello beside it, a sandbox Google, Redis, nginx.

Owns their processes, from start to a port that answers to the end. `python -m bench.programs` is
the entry of those that are ours.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench import cpu
from bench.setup import Setup
from bridge.cli.demo.ports import free_port
from tools.redis_servers import RedisServer

CLIENT_CORE: Final = 0
SERVER_CORE: Final = 1
_ROOT: Final = Path(__file__).resolve().parent.parent
BETTER_AUTH: Final = Path(__file__).with_name("better_auth")
_PATIENCE_S: Final = 60
_NGINX: Final = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port};
    location / {{ default_type text/plain; return 200 "Hello, world!"; }} }} }}
"""


class MissingToolError(RuntimeError):
    """A system package that a benchmark needs is not installed."""


def need(program: str, package: str) -> str:
    """Return a program's path.

    Raises:
        MissingToolError: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise MissingToolError(
            f"{program} is missing; `apt-get install {package}` or `brew install {package}`"
        )
    return found


def pinned(core: int | None) -> list[str]:
    """Return the start of a command that keeps to one core, where that can be done."""
    if core is None or shutil.which("taskset") is None or (os.cpu_count() or 1) <= core:
        return []
    return ["taskset", "-c", str(core)]


def pin(pid: int, core: int) -> None:
    """Have a process that runs, and its descendants, keep to one core, where that can be done."""
    if not pinned(core):
        return
    for each in cpu.family(pid):
        command = ["taskset", "-a", "-c", "-p", str(core), str(each)]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def bridge(setup: Setup, *, core: int | None = None) -> Iterator[int]:
    """Run `bridge serve` on a setup; yield its process id."""
    command = [sys.executable, "-m", "bridge", "serve", "--config", str(setup.config)]
    with _running(command, setup.config.with_suffix(".log"), setup.port, core) as pid:
        yield pid


@contextmanager
def hello(setup: Setup, *, core: int | None = None) -> Iterator[int]:
    """Run a raw WSGI hello on the very server, settings and port that `bridge serve` would use.

    Yields its process id.
    """
    command = [sys.executable, "-m", "bench.hello", str(setup.config)]
    with _running(command, setup.config.with_name("hello.log"), setup.port, core) as pid:
        yield pid


@contextmanager
def sandbox(folder: Path, accounts: int) -> Iterator[tuple[int, Path]]:
    """Run a sandbox Google with accounts that consented; yield its port and who they are."""
    port = free_port()
    people = folder / "people.json"
    command = [sys.executable, "-m", "bench.google", str(port), str(accounts), str(people)]
    with _running(command, folder / "sandbox.log", port, None):
        until = time.monotonic() + _PATIENCE_S
        # Its port answers before the accounts are there.
        while not people.exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield port, people


@contextmanager
def redis(folder: Path, *, core: int | None = None) -> Iterator[str]:
    """Run a Redis that syncs every write to its disk; yield its URL.

    Raises:
        MissingToolError: it is not installed.
    """
    need("redis-server", "redis-server")
    with closing(RedisServer(within=folder)) as server:
        server.start()
        if core is not None:
            pin(server.pid, core)
        yield server.url


@contextmanager
def better_auth(folder: Path, users: int, *, core: int | None = None) -> Iterator[tuple[int, int]]:
    """Run a better-auth with users; yield its process id and its port.

    Who they are it writes to `users.json`.

    Raises:
        MissingToolError: node is not installed.
    """
    port = free_port()
    file = folder / "users.json"
    command = [need("node", "nodejs"), str(BETTER_AUTH / "server.js"), str(port)]
    command += [str(folder.resolve() / "better-auth.db"), str(users), str(file.resolve())]
    with _running(command, folder / "better-auth.log", port, core) as pid:
        yield pid, port


@contextmanager
def nginx(folder: Path, *, core: int | None = None) -> Iterator[int | None]:
    """Run an nginx that says hello; yield its port, or None if nginx is not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        yield None
        return
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder.resolve(), port=port))
    command = [found, "-c", str(config.resolve()), "-e", str((folder / "nginx.log").resolve())]
    with _running(command, folder / "nginx.out", port, core):
        yield port


@contextmanager
def _running(command: Sequence[str], log: Path, port: int, core: int | None) -> Iterator[int]:
    with (
        log.open("wb") as out,
        subprocess.Popen([*pinned(core), *command], cwd=_ROOT, stdout=out, stderr=out) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"a server did not start:\n{log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
            continue
        return
    raise RuntimeError(f"no server came up on port {port}")
