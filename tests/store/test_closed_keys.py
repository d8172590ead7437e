"""A key that is closed for writing: nothing comes under it any more, whoever sealed it before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.clock import SystemClock
from bridge.errors import Code
from bridge.store.base import (
    Append,
    Delete,
    GuardConflictError,
    KeyClosedError,
    Op,
    Put,
    Query,
    Replace,
    Row,
    Store,
    StoreConflictError,
)
from tests.store.backends import Backend, row, together
from tests.store.jobs import ROUNDS
from tests.store.test_races import Race, race

__all__ = ["race"]  # a fixture

OLD = row("old")
OTHER = row("other", key_id="k2")
WRITES: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put(row("new")),
    "replace": lambda store: store.replace(row("old", version=2), 1),
    "replace another's": lambda store: store.replace(row("other", version=2), 1),
    "claim_once": lambda store: store.claim_once(row("new")),
    "append": lambda store: store.commit([Append(row("new"))]),
    "commit": lambda store: store.commit(
        [Put(row("free", key_id="k2")), Delete(OTHER.ref, 1), Put(row("new"))],
        guard=row("guard", key_id=""),
    ),
    "guard": lambda store: store.commit([Put(row("free", key_id="k2"))], guard=row("guard")),
}


@pytest.fixture
def closed(store: Store) -> Store:
    """A store with a row of each of two keys, the first of which is closed."""
    store.put(OLD)
    store.put(OTHER)
    store.close_key("k1")
    return store


def everything(store: Store) -> list[Row]:
    return list(store.list(Query("grant", limit=10_000)))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_nothing_is_written_under_a_closed_key(
    closed: Store, write: Callable[[Store], object]
) -> None:
    """Whatever the call, it is refused as one that may be repeated, and nothing of it is done."""
    with pytest.raises(KeyClosedError) as refused:
        write(closed)
    assert refused.value.key_id == "k1"
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert refused.value.retry_after == 1
    assert everything(closed) == [OLD, OTHER]


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_opened_key_is_written_under_again(
    closed: Store, write: Callable[[Store], object]
) -> None:
    """After `open_key` the same call does what it is for."""
    closed.open_key("k1")
    write(closed)
    assert everything(closed) != [OLD, OTHER]


def test_what_is_there_stays_and_can_go(closed: Store) -> None:
    """Rows of a closed key are read, written over under another one, and removed."""
    assert closed.get(OLD.ref) == OLD
    assert closed.list(Query("grant", key_id="k1")) == [OLD]
    closed.replace(row("old", version=2, key_id="k2"), 1)
    assert closed.list(Query("grant", key_id="k1")) == []
    closed.delete(OLD.ref, 2)
    closed.put(row("without a key", key_id=""))
    assert [found.ref.id for found in everything(closed)] == ["other", "without a key"]


def test_a_copy_loads_rows_of_a_closed_key(closed: Store) -> None:
    """`load` writes rows as they are, and is not concerned."""
    closed.load([row("loaded"), row("old", version=7)])
    assert [found.version for found in everything(closed)] == [1, 7, 1]
    assert closed.closed_keys() == ["k1"]


def test_a_conflict_goes_before(closed: Store) -> None:
    """Whoever's write would have failed anyway learns of that, and a guard that is there stays."""
    guard = row("guard", body=b"first")
    closed.open_key("k1")
    closed.commit([], guard)
    closed.close_key("k1")
    assert closed.claim_once(row("old", body=b"late")) == OLD
    late: list[Op] = [Put(row("new")), Put(row("old")), Replace(row("other"), 9)]
    with pytest.raises(StoreConflictError) as conflict:
        closed.commit(late)
    assert conflict.value.ref == OLD.ref
    with pytest.raises(GuardConflictError):
        closed.commit([Put(row("new"))], row("guard", body=b"other"))
    closed.commit([Put(row("new", key_id="k2"))], guard)


def test_closed_keys_are_told_and_kept(store: Store, backend: Backend) -> None:
    """They are listed in order, also by a process that opens the store later."""
    assert store.closed_keys() == []
    for key_id in ("k2", "k1", "k2", "k3 é"):
        store.close_key(key_id)
    store.open_key("k1")
    store.open_key("never closed")
    later = backend.open(SystemClock())
    try:
        assert later.closed_keys() == ["k2", "k3 é"]
        with pytest.raises(KeyClosedError):
            later.put(row(key_id="k3 é"))
    finally:
        later.close()


def test_writers_at_once_are_refused_each_alone(closed: Store) -> None:
    """Of many who write at the same moment those under another key are done."""

    def write(number: int) -> bool:
        try:
            closed.put(row(str(number), key_id=f"k{1 + number % 2}"))
        except KeyClosedError:
            return False
        return True

    assert together(8, write) == [False, True] * 4
    assert len(everything(closed)) == 2 + 4


def test_what_is_listed_after_closing_is_all_there_will_ever_be(race: Race) -> None:
    """Of many who write all the time none gets a row in after `close_key` has returned."""
    ((listed,), *written) = race("fence")
    assert listed == ROUNDS + sum(map(len, written))
