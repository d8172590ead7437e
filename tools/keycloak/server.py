"""One Keycloak: a home folder made from the distribution, and the server that runs in it.

Owns the process. The folder shares the distribution's JARs by hard links, so a home costs no disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from bridge.cli.demo.ports import free_port

ADMIN: Final = "admin"
_PATIENCE_S: Final = 240
_STOPPING_S: Final = 30
_SHOWN_OF_LOG: Final = 3000
# Where its start is most of its life, code compiled quickly beats code that runs quickly.
SHORT_LIVED: Final = "-XX:TieredStopAtLevel=1 -Xmx768m"
LONG_LIVED: Final = "-Xmx1g"
DEVELOPMENT: Final = ("start-dev",)
# As far as production can be had without TLS and a database server.
PRODUCTION: Final = ("start", "--http-enabled=true", "--hostname-strict=false", "--cache=local")


class KeycloakFailedError(Exception):
    """Keycloak does not start; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Home:
    """A Keycloak's folder, and the words that it is started with."""

    folder: Path
    start: tuple[str, ...] = DEVELOPMENT

    @classmethod
    def made(cls, distribution: Path, folder: Path) -> Home:
        """Make a home in a folder that does not exist yet."""
        shared = distribution / "lib" / "lib"

        def place(source: str, target: str) -> None:
            # What a build writes anew must be a copy: the distribution is other homes' too.
            if Path(source).is_relative_to(shared):
                with contextlib.suppress(OSError):
                    os.link(source, target)
                    return
            shutil.copy2(source, target)

        shutil.copytree(distribution, folder, copy_function=place)
        return cls(folder)

    def add_provider(self, jar: Path) -> None:
        """Install a provider, which the next start builds in."""
        shutil.copy2(jar, self.folder / "providers" / jar.name)

    def add_realm(self, name: str, text: str) -> None:
        """Have the next start import a realm, if there is none of this name."""
        folder = self.folder / "data" / "import"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}-realm.json").write_text(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keycloak:
    """A running server.

    Attributes:
        url: its origin; `localhost`, because Google takes plain http for no other host.
        process: its process.
        log: what it says.
        admin_password: of the admin `ADMIN` of the realm `master`.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    admin_password: str

    def issuer(self, realm: str) -> str:
        """Return the URL of a realm."""
        return f"{self.url}/realms/{realm}"

    def kill(self) -> None:
        """End it as a crash would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(
    home: Home,
    options: Sequence[str],
    *,
    admin_password: str,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    java: str = SHORT_LIVED,
) -> Iterator[Keycloak]:
    """Run a server in a home until the context ends.

    Raises:
        KeycloakFailedError: it does not become ready.
    """
    port = port or free_port()
    log = home.folder.with_name(f"{home.folder.name}.log")
    command = [
        *(str(home.folder / "bin" / "kc.sh"), *home.start, "--import-realm"),
        *("--http-host=127.0.0.1", f"--http-port={port}", f"--http-management-port={free_port()}"),
        "--health-enabled=true",
        *options,
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - what we have just put there
            command,
            env=_environment(admin_password, java) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C reaches the caller alone, which then stops the server, once.
            start_new_session=True,
        )
    server = Keycloak(
        url=f"http://localhost:{port}", process=process, log=log, admin_password=admin_password
    )
    try:
        _wait_until_ready(server, _management(command))
        yield server
    finally:
        _stop(process)


def _environment(admin_password: str, java: str) -> dict[str, str]:
    # What is set for another Keycloak must not reach this one.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KC_")}
    return kept | {
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": admin_password,
        "JAVA_OPTS_APPEND": f"{kept.get('JAVA_OPTS_APPEND', '')} {java}".strip(),
    }


def _management(command: Sequence[str]) -> str:
    [port] = [part.partition("=")[2] for part in command if "management-port" in part]
    return f"http://127.0.0.1:{port}"


def _wait_until_ready(server: Keycloak, management: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while server.process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{management}/health/ready", timeout=5).ok:
                return
        time.sleep(0.2)
    said = server.log.read_text(errors="replace")[-_SHOWN_OF_LOG:]
    raise KeycloakFailedError(f"Keycloak did not become ready. It said:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOPPING_S)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
