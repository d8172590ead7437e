from __future__ import annotations

import pytest

from bridge.store.base import (
    Delete,
    GuardConflictError,
    Op,
    Put,
    Replace,
    Row,
    Store,
    StoreConflictError,
)
from tests.store.backends import row

GUARD = row("message", kind="message", partition="elsewhere", body=b"answer")
_PRESENT = {"there": row("there"), "old": row("old")}


def _before(store: Store) -> None:
    for each in _PRESENT.values():
        store.put(each)


def _ops() -> list[Op]:
    return [
        Put(row("new")),
        Replace(row("there", version=2, body=b"new body"), 1),
        Delete(row("old").ref, 1),
        Put(row("new", kind="of another kind")),
    ]


def _untouched(store: Store) -> bool:
    return (
        {name: store.get(each.ref) for name, each in _PRESENT.items()} == _PRESENT
        and store.get(row("new").ref) is None
        and store.get(row("new", kind="of another kind").ref) is None
        and store.get(GUARD.ref) is None
    )


def test_a_commit_does_all_of_it(store: Store) -> None:
    """Every write of a commit is there when it returns, and so is its guard."""
    _before(store)
    store.commit(_ops(), guard=GUARD)
    assert store.get(row("new").ref) == row("new")
    assert store.get(row("there").ref) == row("there", version=2, body=b"new body")
    assert store.get(row("old").ref) is None
    assert store.get(row("new", kind="of another kind").ref) is not None
    assert store.get(GUARD.ref) == GUARD


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize(
    "wrong",
    [Put(row("there")), Replace(row("there", version=9), 8), Delete(row("never").ref, 1)],
    ids=["put", "replace", "delete"],
)
def test_a_conflict_anywhere_undoes_everything(store: Store, position: int, wrong: Op) -> None:
    """One row that is not as expected, at any place in a commit, and nothing of it happens."""
    _before(store)
    ops = _ops()
    ops.pop(1)  # the row that `wrong` is about must be as it was
    ops.insert(min(position, len(ops)), wrong)
    with pytest.raises(StoreConflictError) as caught:
        store.commit(ops, guard=GUARD)
    assert caught.value.ref == (wrong.ref if isinstance(wrong, Delete) else wrong.row.ref)
    assert _untouched(store)


def test_the_first_row_at_fault_is_named(store: Store) -> None:
    """Of two conflicts the error names the first in the order given."""
    _before(store)
    with pytest.raises(StoreConflictError) as caught:
        store.commit([Put(row("new")), Put(row("there")), Put(row("old"))])
    assert caught.value.ref == row("there").ref


def test_a_commit_keeps_to_one_partition(store: Store) -> None:
    """Writes over two partitions are a mistake of the program, and none is done."""
    with pytest.raises(ValueError, match="partition"):
        store.commit([Put(row()), Put(row(partition="q"))])
    assert store.get(row().ref) is None


def test_a_guard_with_the_same_body_lets_a_repeat_through(store: Store) -> None:
    """A commit whose guard is already there with the same body is done, the guard left alone."""
    store.put(GUARD)
    repeated = Row(GUARD.ref, 99, GUARD.body, expires_at=None)
    store.commit([Put(row())], guard=repeated)
    assert store.get(row().ref) == row()
    assert store.get(GUARD.ref) == GUARD


def test_a_guard_with_another_body_stops_the_commit(store: Store) -> None:
    """A guard that is held with another body undoes everything, even where a row conflicts too."""
    _before(store)
    other = row("message", kind="message", partition="elsewhere", body=b"another answer")
    store.put(other)
    for ops in (_ops(), [*_ops(), Put(row("there"))]):
        with pytest.raises(GuardConflictError):
            store.commit(ops, guard=GUARD)
    assert store.get(GUARD.ref) == other
    assert store.get(row("new").ref) is None
    assert store.get(row("old").ref) == row("old")


def test_a_guard_can_stand_alone(store: Store) -> None:
    """A commit without writes still records its guard, and an empty one is nothing."""
    store.commit([], guard=GUARD)
    assert store.get(GUARD.ref) == GUARD
    store.commit([])
