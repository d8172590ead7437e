"""Where the story plays: a sandbox Google, a settings file and keys, and a real `bridge serve`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import requests

from bridge.cli.caller_views import Created
from bridge.config.environment import PREFIX
from bridge.config.keys import generate, write_keys
from bridge.config.template import new_hook_secret
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Account, Client
from bridge.secret import Secret

TENANT: Final = "demo"
CALENDAR: Final = "https://www.googleapis.com/auth/calendar"
CALLER_OPTIONS: Final = (
    *("demo-backend", "--tenant", TENANT, "--scope", CALENDAR),
    *("--permission", "token", "--permission", "grants:read"),
)

_PATIENCE_S: Final = 60
_OWNER_ONLY: Final = 0o600
_SHOWN_OF_LOG: Final = 2000


class DemoFailedError(Exception):
    """The demo did not go as told; its text is for the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The installation.

    Attributes:
        folder: its files.
        sandbox: the stand-in for Google.
        client: the Google client that the IdP and the bridge share.
        account: Ann's.
        hook_secret: what the IdP signs with.
        internal, public: the URLs of the two listeners.
        server: the process of `bridge serve`.
        key_header: a file with the caller's `Authorization` header, for `curl -H @file`.
        key: the caller's secret.
    """

    folder: Path
    sandbox: SandboxServer
    client: Client
    account: Account
    hook_secret: Secret
    internal: str
    public: str
    server: subprocess.Popen[bytes]
    key_header: Path
    key: Secret


@contextmanager
def running() -> Iterator[Place]:
    """Set everything up, and take it down at the end.

    Raises:
        DemoFailedError: a part does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantbridge-demo-")))
        sandbox = stack.enter_context(SandboxServer())
        client = sandbox.google.clients.create()
        account = sandbox.google.accounts.create("ann@gmail.com", name="Ann")
        secret = Secret(new_hook_secret())
        internal, public = _free_port(), _free_port()
        config = folder / "bridge.toml"
        _write(config, _settings(sandbox, client, secret, internal, public))
        write_keys(folder / "bridge.keys.json", generate(time.time()))
        server = stack.enter_context(_serving(config, internal))
        key = _caller_key(config)
        header = folder / "backend.header"
        _write(header, f"Authorization: Bearer {key.reveal()}\n")
        yield Place(
            folder=folder,
            sandbox=sandbox,
            client=client,
            account=account,
            hook_secret=secret,
            internal=_url(internal),
            public=_url(public),
            server=server,
            key_header=header,
            key=key,
        )


def _settings(
    sandbox: SandboxServer, client: Client, hook_secret: Secret, internal: int, public: int
) -> str:
    return f"""\
mode = "development"
public_url = "http://localhost:{public}"

[internal]
bind = "127.0.0.1:{internal}"
workers = 2
threads = 32

[public]
bind = "127.0.0.1:{public}"
threads = 8

[google]
base_url = "{sandbox.url}"

[tenants.{TENANT}]
issuer = "http://localhost:8080/realms/{TENANT}"
hook_secrets = ["{hook_secret.reveal()}"]

[[tenants.{TENANT}.clients]]
client_id = "{client.client_id}"
client_secret = "{client.secrets[0]}"
"""


def _write(path: Path, text: str) -> None:
    path.touch(_OWNER_ONLY)
    path.write_text(text)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> Mapping[str, str]:
    # What is set for another bridge must not reach this one.
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@contextmanager
def _serving(config: Path, internal: int) -> Iterator[subprocess.Popen[bytes]]:
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
        _wait_until_ready(server, _url(internal), log)
        yield server
    finally:
        _stop(server)


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


def _caller_key(config: Path) -> Secret:
    command = ["callers", "create", *CALLER_OPTIONS, "--config", str(config), "--json"]
    made = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "bridge", *command],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise DemoFailedError(f"`bridge callers create` failed: {made.stderr.decode()}")
    return Secret(msgspec.convert(json.loads(made.stdout), Created).secret)
