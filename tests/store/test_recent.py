"""What a process keeps of its reads: for how long, how much, and what makes it forget."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.store.base import Delete, Put, Query, Replace, Row, Store, StoreConflictError
from bridge.store.recent import KEPT_S, Recent
from bridge.store.watched import RecentStore, WatchedStore
from tests.store.backends import Backend, FakeClock, row

MINE = Query("grant", tenant="acme", subject="user")


@pytest.fixture
def recent(clock: FakeClock) -> Recent:
    return Recent(100_000, clock.monotonic)


@pytest.fixture
def written(store: Store, recent: Recent) -> WatchedStore:
    return WatchedStore(store, recent)


@pytest.fixture
def read(store: Store, recent: Recent) -> RecentStore:
    return RecentStore(store, recent)


@pytest.fixture
def elsewhere(backend: Backend, clock: FakeClock) -> Iterator[Store]:
    """The store as another process has it."""
    other = backend.open(clock)
    yield other
    other.close()


def test_a_read_is_answered_as_a_moment_ago(
    read: RecentStore, elsewhere: Store, recent: Recent
) -> None:
    """The second read asks nobody, and does not see what another process wrote."""
    elsewhere.put(row())
    assert list(read.list(MINE)) == [row()]
    assert read.get(row().ref) == row()
    elsewhere.replace(row(version=2), 1)
    assert list(read.list(MINE)) == [row()]
    assert read.get(row().ref) == row()
    assert recent.read(MINE, list).rows == (row(),)


def test_a_change_by_another_process_is_seen_within_a_second(
    read: RecentStore, elsewhere: Store, clock: FakeClock
) -> None:
    """Counted from before the read, whatever it took."""
    elsewhere.put(row())
    read.list(MINE)
    read.get(row().ref)
    elsewhere.replace(row(version=2), 1)
    clock.advance(KEPT_S)
    assert KEPT_S < 1
    assert list(read.list(MINE)) == [row(version=2)]
    assert read.get(row().ref) == row(version=2)


def test_nothing_found_is_not_kept(read: RecentStore, elsewhere: Store) -> None:
    """A new grant serves at once."""
    assert list(read.list(MINE)) == []
    assert read.get(row().ref) is None
    elsewhere.put(row())
    assert list(read.list(MINE)) == [row()]
    assert read.get(row().ref) == row()


CHANGES = {
    "replace": lambda store: store.replace(row(version=2), 1),
    "delete": lambda store: store.delete(row().ref, 1),
    "another of the subject": lambda store: store.put(row("two")),
    "claim": lambda store: store.claim_once(row("two")),
    "given away": lambda store: store.replace(row(version=2, subject="else"), 1),
    "commit": lambda store: store.commit([Put(row("two")), Delete(row().ref, 1)]),
    "load": lambda store: store.load([row(version=3)]),
    "unload": lambda store: store.unload([row().ref]),
    "sweep": lambda store: store.sweep("grant", 2**40, 10),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_this_process_writes_it_sees_at_once(
    read: RecentStore, written: WatchedStore, change: str
) -> None:
    """Every way to write makes the reads forget that it concerns."""
    written.put(row())
    read.list(MINE)
    read.get(row().ref)
    CHANGES[change](written)
    assert list(read.list(MINE)) == list(written.list(MINE))
    assert read.get(row().ref) == written.get(row().ref)


def test_a_write_that_failed_forgets_too(
    read: RecentStore, written: WatchedStore, elsewhere: Store
) -> None:
    """A conflict says that what was read is old."""
    written.put(row())
    read.list(MINE)
    elsewhere.replace(row(version=2), 1)
    with pytest.raises(StoreConflictError):
        written.commit([Replace(row(version=3), 1)])
    assert list(read.list(MINE)) == [row(version=2)]


def test_a_write_during_a_read_keeps_its_finding_out(written: WatchedStore, recent: Recent) -> None:
    """What a read found is not kept where something was written since it began."""

    def overtaken() -> list[Row]:
        found = list(written.list(MINE))
        written.replace(row(version=2), 1)
        return found

    written.put(row())
    assert recent.read(MINE, overtaken).rows == (row(),)
    assert recent.read(MINE, lambda: list(written.list(MINE))).rows == (row(version=2),)


def test_no_more_is_kept_than_there_is_room_for(clock: FakeClock) -> None:
    """The oldest goes first, what is too large is not kept, and forgotten rows leave nothing."""
    recent = Recent(10_000, clock.monotonic)
    rows = [row(f"{n:02}", body=bytes(1_000)) for n in range(20)]
    for each in rows:
        recent.read(each.ref, lambda each=each: [each])  # type: ignore[misc]  # bound to its row
        assert recent.size <= 10_000
    assert recent.read(rows[-1].ref, list).rows == (rows[-1],)
    assert recent.read(rows[0].ref, list).rows == ()
    large = row("large", body=bytes(20_000))
    assert recent.read(large.ref, lambda: [large]).rows == (large,)
    assert recent.read(large.ref, list).rows == ()
    recent.forget((each.ref for each in rows), [])
    assert recent.size == 0
