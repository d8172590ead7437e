"""A store made equal to another: every field, every position, whatever was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.store.base import Append, Delete, Query, Replace, Row, Store, StoreUnavailableError
from bridge.store.copying import Copying, Difference
from tests.store.backends import BACKENDS, FakeClock, row

KINDS = ("event", "grant", "k'")


def test_kinds_are_told_in_order(store: Store) -> None:
    """Every kind that was written is named, in order, awkward ones too."""
    assert list(store.kinds()) == []
    for kind in ("k'", "event", "a\0b", "grant", "event"):
        store.claim_once(row(kind=kind))
    assert list(store.kinds()) == ["a\0b", "event", "grant", "k'"]


def test_what_is_loaded_is_there_as_it_was(store: Store) -> None:
    """A loaded row replaces what is there, is listed by its new columns alone, and can be gone."""
    store.put(row(subject="old", version=9))
    store.load([row(subject="new"), row("two")])
    assert store.list(Query("grant", subject="old")) == []
    assert store.list(Query("grant", subject="new")) == [row(subject="new")]
    store.replace(row(version=2, subject="new"), 1)
    store.unload([row().ref, row("two").ref, row("never").ref])
    assert store.list(Query("grant")) == []
    store.load([])
    store.unload([])


def test_a_loaded_position_is_kept_and_gone_beyond(store: Store) -> None:
    """A row has the position it had, later ones get greater ones, and no position changes none."""
    store.load([replace(row("b", kind="event"), position=7)])
    store.load([replace(row("a", kind="event"), position=3)])
    store.load([row("b", kind="event", version=2)])
    store.commit([Append(row("c", kind="event"))])
    found = store.list(Query("event", after_position=0))
    assert [(each.ref.id, each.position) for each in found] == [("a", 3), ("b", 7), ("c", 8)]


@pytest.fixture(params=BACKENDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The store to copy to."""
    folder = tmp_path / "other"
    folder.mkdir()
    opened = BACKENDS[request.param](folder).open(FakeClock())
    yield opened
    opened.close()


def contents(store: Store) -> list[Row]:
    return [
        found
        for kind in KINDS
        for position in (None, 0)
        for found in store.list(Query(kind, limit=10_000, after_position=position))
    ]


def copied(source: Store, target: Store) -> Difference:
    return Copying(source, target, lambda _: None).copy(KINDS)


def compared(source: Store, target: Store) -> Difference:
    return Copying(source, target, lambda _: None).compare(KINDS)


def test_a_copy_closes_the_same_keys(store: Store, other: Store) -> None:
    """What is closed in the one is closed in the other, what is not is open, and both are told."""
    store.put(row())
    store.close_key("retired")
    other.close_key("in use again")
    assert compared(store, other).total == 3
    copied(store, other)
    assert other.closed_keys() == store.closed_keys() == ["retired"]
    assert compared(store, other).total == 0


def test_a_copy_is_equal_and_a_second_writes_nothing(store: Store, other: Store) -> None:
    """Rows of all kinds, more than a page, with their positions; and again without a write."""
    for n in range(0, 700, 100):
        store.commit([Append(row(f"{m:04}", kind="event")) for m in range(n, n + 100)])
    store.commit([Delete(row("0003", kind="event").ref, 1)])
    store.put(row())
    store.put(row("awkward", kind="k'", partition="a\0b", expires_at=None))
    other.put(row("surplus"))
    done = copied(store, other)
    assert (done.rows, done.surplus) == (701, 1)
    assert contents(other) == contents(store)
    assert compared(store, other).total == 0
    assert copied(store, other).total == 0


_CHANGES = st.lists(st.tuples(st.sampled_from(["put", "append", "write", "go"]), st.integers(0, 9)))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=_CHANGES)
def test_any_changes_are_caught_up_with(store: Store, other: Store, changes: list) -> None:  # type: ignore[type-arg]  # drawn above
    """Whatever was put, appended, written or deleted since, one more copy makes both equal."""
    for what, number in changes:
        place = row(f"r{number}", kind="event")
        there = store.get(place.ref)
        if there is None and what in {"put", "append"}:
            store.commit([Append(place)]) if what == "append" else store.put(place)
        elif there is not None and what == "write":
            fresh = replace(there, version=there.version + 1, state="new", expires_at=None)
            store.commit([Replace(fresh, there.version)])
        elif there is not None and what == "go":
            store.delete(there.ref, there.version)
    copied(store, other)
    assert contents(other) == contents(store)


def test_a_copy_that_was_cut_off_is_taken_up(store: Store, other: Store) -> None:
    """After an outage in the midst, the next copy writes the rest and not the beginning."""
    for n in range(350):
        store.put(row(f"{n:04}"))
    seen = 0

    def cut(done: int) -> None:
        nonlocal seen
        seen += done
        if seen == 250:
            raise StoreUnavailableError("cut")

    with pytest.raises(StoreUnavailableError):
        Copying(store, other, cut).copy(KINDS)
    assert 0 < len(other.list(Query("grant", limit=1_000))) < 250
    done = copied(store, other)
    assert 100 <= done.wrong < 350
    assert contents(other) == contents(store)


def test_a_difference_is_seen(store: Store, other: Store) -> None:
    """Comparing finds a missing, a changed, a surplus row, and a lost position."""
    for each in (store, other):
        each.commit([Append(row("same", kind="event"))])
    assert compared(store, other).total == 0
    store.put(row("missing"))
    assert compared(store, other).wrong == 1
    other.put(row("missing", body=b"other"))
    assert compared(store, other).wrong == 1
    other.put(row("surplus"))
    assert compared(store, other).surplus == 1
    store.commit([Append(row("unplaced", kind="event"))])
    other.put(row("unplaced", kind="event"))
    assert compared(store, other).wrong == 2
