from __future__ import annotations

from bridge.store.base import Store
from tests.store.backends import row


def test_a_sweep_takes_what_expired_before(store: Store) -> None:
    """Only rows of the kind with an earlier expiry go; later ones, endless ones, others stay."""
    gone = [row("a", expires_at=9), row("b", expires_at=0, partition="q")]
    stay = [
        row("c", expires_at=10),
        row("d", expires_at=11),
        row("e", expires_at=None),
        row("f", kind="other", expires_at=1),
    ]
    for each in gone + stay:
        store.put(each)
    assert store.sweep("grant", 10, 100) == 2
    assert [store.get(each.ref) for each in gone] == [None, None]
    assert [store.get(each.ref) for each in stay] == stay


def test_a_sweep_keeps_to_its_limit(store: Store) -> None:
    """At most `limit` rows go at a time, and the count tells when there is no more."""
    for n in range(5):
        store.put(row(f"r{n}", expires_at=n))
    assert [store.sweep("grant", 100, 2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_sweep_of_an_unknown_kind_is_nothing(store: Store) -> None:
    """A kind that was never written has nothing to sweep."""
    assert store.sweep("never", 2**40, 100) == 0


def test_a_row_that_was_prolonged_stays(store: Store) -> None:
    """A sweep goes by the present expiry, not by a former one."""
    store.put(row(expires_at=1))
    store.replace(row(version=2, expires_at=None), 1)
    store.put(row("two", expires_at=None))
    store.replace(row("two", version=2, expires_at=1), 1)
    assert store.sweep("grant", 10, 100) == 1
    assert store.get(row().ref) is not None
