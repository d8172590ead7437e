"""A PostgreSQL to throw away: Debian's programs, a folder and a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.cli.demo.ports import free_port
from tools.keycloak.distribution import UnavailableError

USER = "keycloak"
PASSWORD = "keycloak-password"  # noqa: S105 - made up
# What does not outlive a test need not be on disk.
_CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Database:
    """A running server, with one empty database."""

    port: int
    programs: Path

    @property
    def keycloak_options(self) -> list[str]:
        """What Keycloak is started with."""
        return [
            "--db=postgres",
            f"--db-url=jdbc:postgresql://127.0.0.1:{self.port}/postgres",
            f"--db-username={USER}",
            f"--db-password={PASSWORD}",
        ]

    def dump(self) -> str:
        """Return everything that is in it, as SQL with one statement a row."""
        return self._ask("pg_dump", "--inserts", "postgres")

    def query(self, statement: str) -> list[str]:
        """Return the rows of a query, columns parted by `|`."""
        return self._ask("psql", "-tAc", statement, "postgres").splitlines()

    def _ask(self, program: str, *arguments: str) -> str:
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [self.programs / program, *where, *arguments],
            env=os.environ | {"PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@contextmanager
def database(*, careful: bool = False) -> Iterator[Database]:
    """Run a PostgreSQL until the context ends.

    Args:
        careful: keep its promises about the disk, as in production.

    Raises:
        UnavailableError: it is not installed.
    """
    programs = _programs()
    # It refuses to run as root, and pytest's own folders are root's alone.
    with TemporaryDirectory(prefix="grantbridge-postgres-") as name:
        data, secret = Path(name) / "data", Path(name) / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(name, "postgres", "postgres")
            shutil.chown(secret, "postgres", "postgres")
        access = ("-U", USER, f"--pwfile={secret}", "-A", "scram-sha-256")
        _run([programs / "initdb", "-D", data, *access, "-E", "UTF8", "--locale=C", "--no-sync"])
        with _serving(programs, data, () if careful else _CARELESS) as port:
            yield Database(port, programs)


@contextmanager
def _serving(programs: Path, data: Path, settings: Sequence[str]) -> Iterator[int]:
    port = free_port()
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", ""]
    options += [part for setting in settings for part in ("-c", setting)]
    server = subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs
        _as_owner([programs / "postgres", "-D", data, *options]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _run([programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], until=server)
        yield port
    finally:
        # The quick way to end it: clients that are still there are not waited for.
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: p.parts[-3])
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    if program is None:
        raise UnavailableError("needs PostgreSQL: install Debian's `postgresql`")
    return Path(program).parent


def _run(command: Sequence[str | Path], until: subprocess.Popen[bytes] | None = None) -> None:
    """Run a program; with a server, again and again until it succeeds or the server ends."""
    while True:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            _as_owner(command), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        if until is None or until.poll() is not None:
            raise UnavailableError(f"PostgreSQL does not start: {done.stderr}")


def _as_owner(command: Sequence[str | Path]) -> list[str]:
    owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return [*(owner if os.geteuid() == 0 else ()), *map(str, command)]
