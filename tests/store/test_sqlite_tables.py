"""What the SQLite store does with its tables beyond what the contract can see."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.store.base import Append, Query, Ref
from bridge.store.sqlite import SqliteStore
from bridge.store.sqlite_queries import listing
from bridge.store.sqlite_schema import MIGRATIONS
from tests.store.backends import FakeClock, row

_ALL = {"leases": "SELECT * FROM leases", "counters": "SELECT * FROM counters"}
_TEXTS = (None, "", "x")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path, clock: FakeClock) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, clock)
    yield opened
    opened.close()


def _rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return len(connection.execute(_ALL[table]).fetchall())


def test_every_combination_of_filters_has_a_plan(store: SqliteStore) -> None:
    """No set of filters names an index that SQLite cannot use for it."""
    store.put(row("x"))
    shapes = itertools.product(_TEXTS, _TEXTS, _TEXTS, _TEXTS, (None, "x"), (None, "x"), (None, 1))
    for partition, tenant, subject, account, key, key_not, expiry in shapes:
        for after in (None, Ref("grant", "", "")):
            query = Query(
                "grant", partition, tenant, subject, account, None, key, key_not, expiry, after
            )
            assert store.list(query) in ([], [row("x")])


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (Query("grant", tenant="t", subject="s"), "records_by_subject (kind=? AND subject=?)"),
        (Query("grant", tenant="t", account="a"), "records_by_account (kind=? AND account=?)"),
        (Query("grant", expires_before=1), "records_by_expiry (kind=? AND expires_at"),
        (Query("grant", partition="p"), "records_by_ref (kind=? AND partition=?)"),
        (Query("grant", tenant="t", after=Ref("", "", "")), "records_by_ref (kind=? AND "),
        (
            Query("grant", tenant="t", state="s", after_position=1),
            "records_by_position (kind=? AND position>?)",
        ),
        (
            Query("grant", tenant="t", after_position=1, newest_first=True),
            "records_by_position (kind=? AND position>?)",
        ),
    ],
)
def test_a_listing_searches_by_its_best_index(
    store: SqliteStore, path: Path, query: Query, index: str
) -> None:
    """The plan of a listing is a search, never a scan of all kinds."""
    sql = listing(query)
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["1"] * sql.count("?")).fetchall()
    assert plan[0][3].startswith(f"SEARCH records USING INDEX {index}")


def test_leases_leave_no_rows_behind(store: SqliteStore, path: Path, clock: FakeClock) -> None:
    """A released lease and a swept one are gone from the file."""
    for n in range(10):
        held = store.lease(f"released {n}", "me", 10)
        assert held is not None
        store.release(held)
        store.lease(f"left {n}", "me", 10)
    assert _rows(path, "leases") == 10
    clock.advance(11)
    store.sweep("grant", 0, 6)
    assert _rows(path, "leases") == 4
    store.sweep("grant", 0, 6)
    assert _rows(path, "leases") == 0


def test_forgotten_members_leave_no_rows_behind(
    store: SqliteStore, path: Path, clock: FakeClock
) -> None:
    """Members leave the file at the next count of their key, or with a sweep."""
    for n in range(10):
        store.count("counted", f"m{n}", 60)
        store.count("never again", f"m{n}", 60)
    clock.advance(60)
    store.count("counted", "new", 60)
    assert _rows(path, "counters") == 11
    store.sweep("grant", 0, 100)
    assert _rows(path, "counters") == 1


def test_a_reboot_ends_every_term(path: Path, clock: FakeClock) -> None:
    """No holder survives a reboot, so none is waited for; fences go on growing."""
    before = SqliteStore(path, clock, boot="first")
    held = before.lease("a", "me", 1_000)
    before.close()
    clock.since_boot = 4_999
    after = SqliteStore(path, clock, boot="second")
    present = after.lease("a", "you", 1_000)
    assert held is not None
    assert present is not None
    assert present.fence > held.fence
    assert not after.renew(held, 1_000)
    after.close()


def test_no_term_outlasts_a_reboot_that_shows_nowhere(path: Path, clock: FakeClock) -> None:
    """On a host without a boot id a term still ends when the clock has begun anew."""
    store = SqliteStore(path, clock, boot="unknown")
    assert store.lease("a", "me", 60) is not None
    clock.since_boot = 3
    assert store.lease("a", "you", 60) is not None
    assert store.lease("a", "third", 60) is None
    store.close()


def test_a_store_of_the_first_version_is_brought_up_to_date(path: Path, clock: FakeClock) -> None:
    """A file from before there was an order keeps its rows, and takes appended ones."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO kinds (name) VALUES ('grant')")
        values = "1, 'p', 'one', 1, 'acme', 'user', 'account', 'active', 'k1', 1900000000, x'00'"
        old.execute(f"INSERT INTO records VALUES ({values})")  # noqa: S608 - our own constant
        old.execute("PRAGMA application_id = 0x67627374")
        old.execute("PRAGMA user_version = 1")
    store = SqliteStore(path, clock)
    try:
        assert store.get(row().ref) == row(body=b"\0")
        store.commit([Append(row("two"))])
        (found,) = store.list(Query("grant", after_position=0))
        assert found.ref == row("two").ref
    finally:
        store.close()
