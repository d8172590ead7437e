"""How the SQLite store's writers share one file, and what they meet there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.store.base import Query, StoreUnavailableError
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite_connections import Connections
from tests.store.backends import FakeClock, row

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, SystemClock(), lock_budget=0.05)
    yield opened
    opened.close()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_lock_that_stays_is_given_up_on(store: SqliteStore, path: Path) -> None:
    """A writer locked out for its whole budget may try again later; readers notice nothing."""
    store.put(row())
    with _locked(path):
        with pytest.raises(StoreUnavailableError) as caught:
            store.put(row("two"))
        assert caught.value.context == {"detail": "SQLITE_BUSY"}
        assert store.get(row().ref) == row()
        assert store.list(Query("grant", subject="user")) == [row()]
    store.put(row("two"))


def test_a_lock_that_goes_is_waited_for(path: Path) -> None:
    """A write that meets another process's transaction is done once that one has ended."""
    store = SqliteStore(path, SystemClock())
    store.claim_once(row())
    begun = threading.Event()

    def write() -> None:
        begun.set()
        store.put(row("two"))

    with ThreadPoolExecutor() as pool:
        with _locked(path):
            writing = pool.submit(write)
            begun.wait()
            assert store.get(row("two").ref) is None
        writing.result()
    assert store.get(row("two").ref) == row("two")
    store.close()


def test_a_full_disk_loses_nothing(path: Path) -> None:
    """Where no more can be written the write fails whole, and goes through once there is room."""
    script = """
import resource, sys
from pathlib import Path
from bridge.clock import SystemClock
from bridge.store.base import Ref, Row, StoreUnavailableError
from bridge.store.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]), SystemClock())
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
rows = [Row(Ref("grant", "p", str(n)), 1, bytes(5_000)) for n in range(200)]
done = 0
try:
    for row in rows:
        store.put(row)
        done += 1
except StoreUnavailableError as error:
    print(error.context["detail"])
assert 0 < done < 200
assert [store.get(row.ref) for row in rows[: done + 1]] == [*rows[:done], None]
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
store.put(rows[done])
store.close()
"""
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)
    assert done.stdout in ("SQLITE_IOERR_WRITE\n", "SQLITE_FULL\n")


@pytest.mark.parametrize(
    ("option", "detail"),
    [("max_page_count = 30", "SQLITE_FULL"), ("query_only = ON", "SQLITE_READONLY")],
)
def test_a_file_that_takes_no_more_is_named(path: Path, option: str, detail: str) -> None:
    """A database that is full or read-only is StoreUnavailableError with SQLite's name for it."""
    connections = Connections(path, FakeClock())
    connections.write(lambda connection: connection.execute(f"PRAGMA {option}"))
    with pytest.raises(StoreUnavailableError) as caught:
        connections.write(
            lambda connection: connection.execute(
                "INSERT INTO kinds (name) VALUES (hex(zeroblob(1000000)))"
            )
        )
    assert caught.value.context == {"detail": detail}
    assert connections.fetch("SELECT count(*) FROM kinds", ()) == [(0,)]
    connections.close()


def test_a_forked_process_has_its_own_connections(path: Path) -> None:
    """Parent and child go on with the store that was open before the fork, and see each other.

    Whoever follows the store in the parent goes on to do so.
    """
    script = """
import os, sys, threading
from pathlib import Path
from bridge.clock import SystemClock
from bridge.store.base import Ref, Row
from bridge.store.sqlite import SqliteStore

def row(name):
    return Row(Ref("grant", "p", name), 1, b"")

class Follower:
    confirmed = threading.Event()
    def confirm(self, since, at):
        self.confirmed.set()

store = SqliteStore(Path(sys.argv[1]), SystemClock())
store.follow(Follower())
stop = threading.Event()
def write():
    n = 0
    while not stop.is_set():
        store.put(row(f"thread {n}"))
        n += 1
thread = threading.Thread(target=write)
thread.start()
store.put(row("before"))
children = []
for n in range(5):
    child = os.fork()
    if not child:
        assert store.get(row("before").ref)
        store.put(row(f"child {n}"))
        store.close()
        os._exit(0)
    children.append(child)
stop.set()
thread.join()
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
assert all(store.get(row(f"child {n}").ref) for n in range(5))
store.put(row("after"))
Follower.confirmed.clear()
assert Follower.confirmed.wait(60)
store.close()
"""
    command = [sys.executable, "-c", script, str(path)]
    subprocess.run(command, cwd=_ROOT, check=True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
