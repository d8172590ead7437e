"""What only the SQLite store promises about its file."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.errors import BridgeError, Code
from bridge.store.base import StoreUnavailableError
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite_connections import Connections
from bridge.store.sqlite_schema import MIGRATIONS, PAGE_SIZE
from tests.store.backends import FakeClock, row, together
from tests.store.conftest import Workers

_TABLE_LEAF = 0x0D  # https://www.sqlite.org/fileformat.html, "B-tree Pages"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def connections(path: Path, clock: FakeClock) -> Iterator[Connections]:
    opened = Connections(path, clock)
    yield opened
    opened.close()


def _value(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


def _change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_its_files_are_their_owners_alone(path: Path, clock: FakeClock) -> None:
    """The file, its log and its shared memory have mode 0600 whatever the umask."""
    umask = os.umask(0)
    try:
        store = SqliteStore(path, clock)
        store.put(row())
    finally:
        os.umask(umask)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    store.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("trusted_schema", 0),
        ("page_size", PAGE_SIZE),
        ("busy_timeout", 0),
    ],
)
def test_every_connection_has_the_same_options(
    connections: Connections, option: str, value: object
) -> None:
    """Those that read and the one that writes are durable and wary."""
    asked = f"PRAGMA {option}"
    answers = together(3, lambda _: connections.fetch(asked, ()))
    written = connections.write(lambda connection: connection.execute(asked).fetchall())
    assert [*answers, written] == [[(value,)]] * 4


def test_a_missing_directory_is_named(tmp_path: Path, clock: FakeClock) -> None:
    """Without its directory the store says what to create, and creates nothing."""
    with pytest.raises(BridgeError, match="directory") as caught:
        SqliteStore(tmp_path / "none" / "store.db", clock)
    assert str(tmp_path / "none" / "store.db") in caught.value.context.values()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_many_processes_can_start_at_once(path: Path, clock: FakeClock, tmp_path: Path) -> None:
    """Processes that open a new file at the same moment migrate it once and all get to work."""
    results = Workers("sqlite", tmp_path).together(6, "claim")
    won = sorted(name for names in results for name in names)
    assert won == list(range(len(won)))
    assert _value(path, "PRAGMA user_version") == len(MIGRATIONS)


def test_many_threads_can_start_at_once(path: Path, clock: FakeClock) -> None:
    """The same for objects of one process."""
    stores = together(8, lambda _: SqliteStore(path, clock))
    stores[0].put(row())
    assert [store.get(row().ref) for store in stores] == [row()] * 8
    for store in stores:
        store.close()


def test_a_newer_store_is_refused(path: Path, clock: FakeClock) -> None:
    """A file that a newer program wrote is left alone, and both versions are named."""
    SqliteStore(path, clock).close()
    newer = len(MIGRATIONS) + 1
    _change(path, f"PRAGMA user_version = {newer}")
    with pytest.raises(BridgeError, match=rf"version {newer}.* knows {len(MIGRATIONS)}"):
        SqliteStore(path, clock)
    assert _value(path, "PRAGMA user_version") == newer


def test_another_programs_database_is_refused(path: Path, clock: FakeClock) -> None:
    """A database that is no store is left as it is."""
    _change(path, "CREATE TABLE theirs (a)")
    content = path.read_bytes()
    with pytest.raises(BridgeError, match="another program"):
        SqliteStore(path, clock)
    assert path.read_bytes() == content


def test_what_is_no_database_is_refused(path: Path, clock: FakeClock) -> None:
    """A file of another format is left as it is."""
    content = b"not a database at all\n" * 1_000
    path.write_bytes(content)
    with pytest.raises(StoreUnavailableError) as caught:
        SqliteStore(path, clock)
    assert caught.value.context == {"detail": "SQLITE_NOTADB"}
    assert path.read_bytes() == content


def test_a_replaced_file_is_neither_read_nor_written(path: Path, clock: FakeClock) -> None:
    """When another file took the store's place, writes are refused at once, reads in a second."""
    other = path.with_name("other.db")
    SqliteStore(other, clock).close()
    untouched = other.read_bytes()
    store = SqliteStore(path, clock)
    store.put(row())
    path.rename(path.with_name("former.db"))
    other.rename(path)
    with pytest.raises(StoreUnavailableError):
        store.put(row("two"))
    clock.advance(1.001)
    with pytest.raises(StoreUnavailableError) as caught:
        store.get(row().ref)
    assert "replaced" in str(caught.value.context["detail"])
    store.close()
    assert path.read_bytes() == untouched


def test_corruption_is_named_and_contained(path: Path, clock: FakeClock) -> None:
    """Rows on a broken page are StoreUnavailableError, and the others are still served."""
    rows = [row(f"{n:04}", body=os.urandom(700)) for n in range(400)]
    store = SqliteStore(path, clock)
    for each in rows:
        store.put(each)
    store.close()
    content = path.read_bytes()
    pages = [content[at : at + PAGE_SIZE] for at in range(0, len(content), PAGE_SIZE)]
    leaves = [number for number, page in enumerate(pages) if page[0] == _TABLE_LEAF]
    with path.open("r+b") as file:
        file.seek(leaves[len(leaves) // 2] * PAGE_SIZE)
        file.write(b"\xff" * PAGE_SIZE)
    store = SqliteStore(path, clock)
    broken = []
    for each in rows:
        try:
            assert store.get(each.ref) == each
        except StoreUnavailableError as error:
            broken.append(error)
    store.close()
    assert 0 < len(broken) < len(rows) / 2
    assert {str(error.context["detail"]) for error in broken} <= {
        "SQLITE_CORRUPT",
        "SQLITE_CORRUPT_INDEX",
    }
    assert {error.code for error in broken} == {Code.STORE_UNAVAILABLE}


def test_many_threads_share_few_connections(path: Path, clock: FakeClock) -> None:
    """However many threads read at once, or one after the other, few files are open."""
    before = len(list(Path("/dev/fd").iterdir()))
    store = SqliteStore(path, clock)
    store.put(row())
    for _ in range(10):
        assert together(40, lambda _: store.get(row().ref)) == [row()] * 40
    after = len(list(Path("/dev/fd").iterdir()))
    store.close()
    assert after - before <= 2 * (8 + 1) + 1  # eight to read, one to write, the shared memory
