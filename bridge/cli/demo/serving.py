"""A real `bridge serve` in a folder of its own, and keys for its callers.

Owns processes. What the settings say, and who calls, is for the demo and the script to know.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import requests

from bridge.cli.caller_views import Created
from bridge.config.environment import PREFIX
from bridge.secret import Secret

_PATIENCE_S: Final = 60
_OWNER_ONLY: Final = 0o600
_SHOWN_OF_LOG: Final = 2000


class DemoFailedError(Exception):
    """The demo did not go as told; its text is for the reader."""


@contextmanager
def serving(
    config: Path, internal: int, *, scheme: str = "http"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `bridge serve`, its internal listener on a port, until the context ends.

    Raises:
        DemoFailedError: it does not become ready; the text has its last words.
    """
    log = config.with_name("serve.log")
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "bridge", "serve", "--config", str(config)],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C reaches the demo alone, which then stops the server, once.
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, loopback(internal, scheme), log)
        yield server
    finally:
        _stop(server)


def caller_key(config: Path, options: Sequence[str]) -> Secret:
    """Make a caller by `bridge callers create`, and return its secret.

    Raises:
        DemoFailedError: it cannot be made.
    """
    made = _said("callers", "create", *options, "--config", str(config), "--json")
    return Secret(msgspec.convert(json.loads(made), Created).secret)


def public_keys(config: Path) -> str:
    """Return what `bridge keys public` prints: the JWKS that an IdP encrypts to.

    Raises:
        DemoFailedError: it prints none.
    """
    return _said("keys", "public", "--config", str(config))


def write(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.touch(_OWNER_ONLY)
    path.write_text(text)


def loopback(port: int, scheme: str = "http") -> str:
    """Return the URL of a port of this machine."""
    return f"{scheme}://127.0.0.1:{port}"


def _said(*command: str) -> str:
    done = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "bridge", *command],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoFailedError(f"`bridge {command[0]} {command[1]}` failed: {done.stderr}")
    return done.stdout


def _environment() -> Mapping[str, str]:
    # What is set for another bridge must not reach this one.
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        # Its workers too: it leads the group that it was started as.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while server.poll() is None and time.monotonic() < until:
        try:
            if requests.get(f"{url}/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    said = log.read_text(errors="replace")[-_SHOWN_OF_LOG:]
    raise DemoFailedError(f"`bridge serve` did not become ready. It said:\n{said}")
