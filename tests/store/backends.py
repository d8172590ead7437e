"""The backends that the contract suite runs against, and the clock and rows it uses."""

from __future__ import annotations

import atexit
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, TypeVar

from bridge.clock import Clock
from bridge.config.redis_url import parse
from bridge.config.store import RedisSettings
from bridge.store.base import Ref, Row, Store
from bridge.store.redis import RedisStore
from bridge.store.sqlite import SqliteStore
from tests.missing import program
from tools.redis_servers import RedisServer

_T = TypeVar("_T")
_SOCKET: Final = "REDIS_UNDER_TEST"


def needs_redis() -> None:
    """End a test where there is no Redis; `make test` installs one."""
    program("redis-server", "redis-server")


class FakeClock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.since_boot = 5_000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.since_boot

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.since_boot += seconds

    def step_wall(self, seconds: float) -> None:
        self.wall += seconds


class Backend(Protocol):
    """One place where a store can be, opened as often as a test likes."""

    def open(self, clock: Clock) -> Store: ...

    def stop(self) -> None:
        """Make the backend unreachable, with its data kept."""
        ...

    def start(self) -> None:
        """Undo `stop`."""
        ...


class SqliteBackend:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"

    def open(self, clock: Clock) -> Store:
        return SqliteStore(self.path, clock)

    def stop(self) -> None:
        self.path.rename(self.path.with_suffix(".away"))

    def start(self) -> None:
        self.path.with_suffix(".away").rename(self.path)


class RedisBackend:
    """A store of its own, by its prefix, on the server that all tests of a process share.

    Processes that a test starts find it by a variable.

    Attributes:
        patience_s: seconds for which a call is tried again. Long, as the time for an answer is: a
            disk that is busy for some seconds is no fault of what is tested.
    """

    patience_s: float = 20
    server: RedisServer | None = None

    def __init__(self, folder: Path) -> None:
        socket = os.environ.get(_SOCKET)
        if socket is None:
            needs_redis()
            server = RedisBackend.server = RedisServer().start()
            atexit.register(server.close)
            socket = os.environ[_SOCKET] = str(server.socket)
        self.address = parse(f"unix://{socket}")
        self.prefix = hashlib.sha256(str(folder).encode()).hexdigest()[:16]

    def open(self, clock: Clock) -> Store:
        settings = RedisSettings(prefix=self.prefix, timeout_s=20, patience_s=self.patience_s)
        return RedisStore(self.address, settings, clock)

    def toml(self) -> str:
        """Return the settings of a bridge that uses it."""
        return f"""
[store]
url = "unix://{self.address.socket}"
[store.redis]
prefix = "{self.prefix}"
"""

    def stop(self) -> None:
        assert self.server is not None
        self.server.kill()

    def start(self) -> None:
        assert self.server is not None
        self.server.start()


BACKENDS: Final[dict[str, Callable[[Path], Backend]]] = {
    "sqlite": SqliteBackend,
    "redis": RedisBackend,
}


def row(
    id_: str = "one",
    *,
    kind: str = "grant",
    partition: str = "p",
    version: int = 1,
    body: bytes | None = None,
    key_id: str = "k1",
    tenant: str = "acme",
    subject: str = "user",
    account: str = "account",
    state: str = "active",
    expires_at: int | None = 1_900_000_000,
) -> Row:
    """Return a row that leaves no field empty but those a test asks for."""
    sealed = f"sealed {id_}".encode() if body is None else body
    ref = Ref(kind, partition, id_)
    return Row(ref, version, sealed, key_id, tenant, subject, account, state, expires_at)


def together(count: int, job: Callable[[int], _T]) -> list[_T]:
    """Run `job(0)` … `job(count - 1)` in threads that begin at the same moment."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> _T:
        barrier.wait()
        return job(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))
