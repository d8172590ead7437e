"""Where the story plays: a sandbox Google, a settings file and keys, and a real `bridge serve`."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.cli.demo.ports import free_ports
from bridge.cli.demo.serving import caller_key, loopback, serving, write
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
        internal, public = free_ports(2)
        config = folder / "bridge.toml"
        write(config, _settings(sandbox, client, secret, internal, public))
        write_keys(folder / "bridge.keys.json", generate(time.time()))
        server = stack.enter_context(serving(config, internal))
        key = caller_key(config, CALLER_OPTIONS)
        header = folder / "backend.header"
        write(header, f"Authorization: Bearer {key.reveal()}\n")
        yield Place(
            folder=folder,
            sandbox=sandbox,
            client=client,
            account=account,
            hook_secret=secret,
            internal=loopback(internal),
            public=loopback(public),
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
