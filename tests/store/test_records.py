from __future__ import annotations

import pytest

from bridge.store.base import Ref, Row, Store, StoreConflictError
from tests.store.backends import Backend, FakeClock, row

AWKWARD = [
    row(),
    Row(Ref("bare", "", ""), 1, b""),
    row(version=2**63 - 1, expires_at=2**53),
    row("ünïcode ✓ '\"; --", partition="a\x00b", kind="k'", subject="' OR 1=1", state="\u202e"),
    row(body=bytes(range(256)) * 4096),
    row(expires_at=0),
    row(expires_at=None, subject="", account="", tenant="", state="", key_id=""),
]


@pytest.mark.parametrize("written", AWKWARD, ids=range(len(AWKWARD)))
def test_every_field_comes_back_as_it_was_put(store: Store, written: Row) -> None:
    """A row that was put is read back equal in every field and type."""
    store.put(written)
    found = store.get(written.ref)
    assert found == written
    assert found is not None
    assert type(found.body) is bytes


@pytest.mark.parametrize("written", AWKWARD, ids=range(len(AWKWARD)))
def test_every_field_comes_back_as_it_was_replaced(store: Store, written: Row) -> None:
    """A row written over another one takes over none of its fields."""
    store.put(Row(written.ref, 7, b"old", "k0", "t0", "s0", "a0", "st0", 42))
    store.replace(written, 7)
    assert store.get(written.ref) == written


def test_what_was_never_put_is_none(store: Store) -> None:
    """A row that is not there is None, whatever part of its place differs."""
    store.put(row())
    for ref in (Ref("grant", "p", "two"), Ref("grant", "q", "one"), Ref("other", "p", "one")):
        assert store.get(ref) is None


def test_a_row_is_put_once(store: Store) -> None:
    """A second put of the same place is a conflict and changes nothing."""
    store.put(row())
    with pytest.raises(StoreConflictError) as caught:
        store.put(row(body=b"other", version=9))
    assert caught.value.ref == row().ref
    assert store.get(row().ref) == row()


@pytest.mark.parametrize("expected", [0, 1, 3, 2**63 - 1])
def test_only_the_present_version_is_replaced(store: Store, expected: int) -> None:
    """A replace that expects another version than the present one changes nothing."""
    store.put(row(version=2))
    with pytest.raises(StoreConflictError) as caught:
        store.replace(row(version=4, subject="else", body=b"other"), expected)
    assert caught.value.ref == row().ref
    assert store.get(row().ref) == row(version=2)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_only_the_present_version_is_deleted(store: Store, expected: int) -> None:
    """A delete that expects another version than the present one changes nothing."""
    store.put(row(version=2))
    with pytest.raises(StoreConflictError):
        store.delete(row().ref, expected)
    assert store.get(row().ref) == row(version=2)


def test_what_is_not_there_is_neither_replaced_nor_deleted(store: Store) -> None:
    """A missing row conflicts with any expected version and is not made."""
    with pytest.raises(StoreConflictError):
        store.replace(row(), 1)
    with pytest.raises(StoreConflictError):
        store.delete(row().ref, 1)
    assert store.get(row().ref) is None


def test_a_deleted_row_is_gone_and_can_be_put_again(store: Store) -> None:
    """A delete leaves nothing that a later put would meet."""
    store.put(row())
    store.delete(row().ref, 1)
    assert store.get(row().ref) is None
    store.put(row(version=5))
    assert store.get(row().ref) == row(version=5)


def test_a_bystander_stays_as_it_was(store: Store) -> None:
    """Writes to one row leave rows that share its kind, partition, id or columns untouched."""
    bystanders = [row("two"), row(partition="q"), row(kind="other"), row("on")]
    for bystander in bystanders:
        store.put(bystander)
    store.put(row())
    store.replace(row(version=2, subject="else", state="revoked", body=b"new"), 1)
    store.delete(row().ref, 2)
    assert [store.get(bystander.ref) for bystander in bystanders] == bystanders


def test_the_first_claim_wins_and_the_next_sees_it(store: Store) -> None:
    """Of two claims the first gets None and the second the first one's row."""
    assert store.claim_once(row(body=b"first")) is None
    assert store.claim_once(row(body=b"second")) == row(body=b"first")
    assert store.get(row().ref) == row(body=b"first")


def test_a_row_past_its_time_is_still_returned(store: Store) -> None:
    """What has expired is there until it is swept: its reader decides."""
    store.put(row(expires_at=1))
    assert store.get(row().ref) == row(expires_at=1)
    assert store.claim_once(row()) == row(expires_at=1)


def test_what_was_written_outlives_the_object(backend: Backend, clock: FakeClock) -> None:
    """A store that is closed and opened again holds the same rows and can be written."""
    first = backend.open(clock)
    first.put(row())
    first.put(row("two", kind="other"))
    first.close()
    second = backend.open(clock)
    try:
        assert second.get(row().ref) == row()
        assert second.get(row("two", kind="other").ref) == row("two", kind="other")
        second.replace(row(version=2), 1)
    finally:
        second.close()


def test_two_objects_see_each_other_at_once(store: Store, backend: Backend) -> None:
    """What one object has committed, new kinds included, another reads in its next call."""
    other = backend.open(FakeClock())
    try:
        assert other.get(row().ref) is None
        store.put(row())
        assert other.get(row().ref) == row()
        other.replace(row(version=2), 1)
        found = store.get(row().ref)
        assert found is not None
        assert found.version == 2
    finally:
        other.close()
