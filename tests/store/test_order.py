"""Appended rows: they have an order, and no reader of it misses one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.clock import SystemClock
from bridge.store.base import (
    Append,
    Delete,
    GuardConflictError,
    Put,
    Query,
    Replace,
    Row,
    Store,
    StoreConflictError,
)
from tests.store.backends import Backend, row


def event(id_: str, **more: object) -> Row:
    return replace(row(id_, kind="event"), **more)


def append(store: Store, *rows: Row) -> None:
    for each in rows:
        store.commit([Append(each)])


def listed(store: Store, **more: object) -> list[str]:
    query = replace(Query("event", after_position=0), **more)
    return [found.ref.id for found in store.list(query)]


def test_appended_rows_are_listed_in_the_order_of_their_commits(store: Store) -> None:
    """Neither id nor partition nor kind decides, and a listing tells every field and position."""
    rows = [
        replace(event("z"), ref=event("z").ref._replace(partition="q")),
        event("a"),
        replace(event("m"), ref=event("m").ref._replace(partition="b")),
    ]
    append(store, *rows[:2], row("stranger", kind="other"), rows[2])
    found = store.list(Query("event", after_position=0))
    assert [replace(each, position=None) for each in found] == rows
    positions = [each.position or 0 for each in found]
    assert positions == sorted(set(positions))
    assert positions[0] > 0


def test_the_rows_of_a_commit_follow_each_other_in_its_order(store: Store) -> None:
    """Several rows appended at once have positions in the order of the writes."""
    store.commit([Append(event("c")), Put(row("plain")), Append(event("a")), Append(event("b"))])
    assert listed(store) == ["c", "a", "b"]


def test_what_was_put_has_no_position(store: Store) -> None:
    """A listing by position is of appended rows alone; other listings are of both."""
    store.put(event("put"))
    append(store, event("appended"))
    assert listed(store) == ["appended"]
    assert [found.ref.id for found in store.list(Query("event"))] == ["appended", "put"]
    assert store.get(event("appended").ref) == event("appended")


def test_a_row_is_appended_once(store: Store) -> None:
    """A second append of the same place is a conflict, and the first keeps its place and body."""
    append(store, event("a"), event("b"))
    with pytest.raises(StoreConflictError) as caught:
        append(store, event("a", body=b"other"))
    assert caught.value.ref == event("a").ref
    assert listed(store) == ["a", "b"]
    assert store.get(event("a").ref) == event("a")


def test_a_commit_that_fails_appends_nothing(store: Store) -> None:
    """Of a commit that conflicts, in a row or in its guard, nothing is ever listed."""
    guard = row("guard", kind="guard")
    store.put(guard)
    with pytest.raises(StoreConflictError):
        store.commit([Append(event("lost")), Replace(row(version=2), 1)])
    with pytest.raises(GuardConflictError):
        store.commit([Append(event("lost"))], replace(guard, body=b"other"))
    append(store, event("kept"))
    assert listed(store) == ["kept"]


def test_a_listing_goes_on_behind_a_position(store: Store) -> None:
    """Pages by position hold each row once, in order, also with rows deleted in between."""
    append(store, *(event(f"r{n}") for n in range(10)))
    store.delete(event("r4").ref, 1)
    found: list[str] = []
    last = 0
    while rows := store.list(Query("event", after_position=last, limit=3)):
        found += [each.ref.id for each in rows]
        last = rows[-1].position or 0
    assert found == [f"r{n}" for n in range(10) if n != 4]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"tenant": "acme"}, "ad"),
        ({"tenant": ""}, "c"),
        ({"state": "sold"}, "abd"),
        ({"tenant": "acme", "state": "sold"}, "ad"),
        ({"key_id": "k2"}, "b"),
        ({"key_id_not": "k2"}, "acd"),
        ({"partition": "p"}, "abcd"),
        ({"partition": "other"}, ""),
        ({"limit": 2}, "ab"),
    ],
)
def test_a_listing_by_position_takes_filters(
    store: Store, filters: dict[str, object], wanted: str
) -> None:
    """Filters choose among the appended rows, in both directions."""
    append(
        store,
        event("a", tenant="acme", state="sold"),
        event("b", tenant="globex", state="sold", key_id="k2"),
        event("c", tenant="", state="bought"),
        event("d", tenant="acme", state="sold"),
    )
    assert listed(store, **filters) == list(wanted)
    if "limit" not in filters:
        assert listed(store, newest_first=True, **filters) == list(reversed(wanted))


def test_the_newest_come_first_if_asked_for(store: Store) -> None:
    """The reverse order ends at the position that was given, and keeps to its limit."""
    append(store, *(event(f"r{n}") for n in range(5)))
    first = store.list(Query("event", after_position=0))[0].position
    assert listed(store, newest_first=True, limit=2) == ["r4", "r3"]
    assert listed(store, newest_first=True, after_position=first) == ["r4", "r3", "r2", "r1"]


def test_a_rewritten_row_keeps_its_place(store: Store) -> None:
    """A replace, as by a rotation of keys, changes neither the order nor the position."""
    append(store, event("a"), event("b"), event("c"))
    before = [each.position for each in store.list(Query("event", after_position=0))]
    store.replace(event("b", version=2, body=b"anew", key_id="k2"), 1)
    store.replace(event("a", version=2, subject="else", expires_at=None), 1)
    found = store.list(Query("event", after_position=0))
    assert [each.position for each in found] == before
    assert [each.body for each in found] == [event("a").body, b"anew", event("c").body]


def test_no_position_is_given_twice(store: Store, backend: Backend) -> None:
    """Positions go on growing where everything was swept or deleted, also after a reopening."""
    append(store, event("a", expires_at=1), event("b"))
    last = store.list(Query("event", after_position=0))[-1].position
    assert store.sweep("event", 10, 100) == 1
    store.commit([Delete(event("b").ref, 1)])
    assert listed(store) == []
    other = backend.open(SystemClock())
    try:
        append(other, event("a"))
        (found,) = other.list(Query("event", after_position=0))
        assert (found.position or 0) > (last or 0)
    finally:
        other.close()
