from __future__ import annotations

import pytest

from bridge.store.base import Lease, Store
from tests.store.backends import Backend, FakeClock

TTL = 10.0


def _taken(lease: Lease | None) -> Lease:
    assert lease is not None
    return lease


def test_a_lease_has_one_holder(store: Store) -> None:
    """While a term runs nobody else gets the lease, and other names are not concerned."""
    held = _taken(store.lease("a", "me", TTL))
    assert (held.name, held.owner) == ("a", "me")
    assert store.lease("a", "you", TTL) is None
    assert store.lease("b", "you", TTL) is not None


def test_a_term_ends_by_itself(store: Store, clock: FakeClock) -> None:
    """A lease is somebody else's to take at the end of its term and not a moment sooner."""
    store.lease("a", "me", TTL)
    clock.advance(TTL - 0.001)
    assert store.lease("a", "you", TTL) is None
    clock.advance(0.002)
    assert store.lease("a", "you", TTL) is not None


def test_a_renewed_term_begins_anew(store: Store, clock: FakeClock) -> None:
    """A renewal counts from its own time, keeps the fence, and may be repeated."""
    held = _taken(store.lease("a", "me", TTL))
    for _ in range(3):
        clock.advance(TTL - 1)
        assert store.renew(held, TTL)
    assert store.lease("a", "you", TTL) is None
    clock.advance(TTL)
    assert store.lease("a", "you", TTL) is not None


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    """A release ends the term; a second one has no effect."""
    held = _taken(store.lease("a", "me", TTL))
    assert store.release(held)
    assert _taken(store.lease("a", "you", TTL)).owner == "you"
    assert not store.release(held)
    assert store.lease("a", "third", TTL) is None


def test_a_late_owner_can_do_nothing(store: Store, clock: FakeClock) -> None:
    """After its term a former owner neither renews nor releases what another holds now."""
    late = _taken(store.lease("a", "me", TTL))
    clock.advance(TTL + 1)
    present = _taken(store.lease("a", "you", TTL))
    assert not store.renew(late, 1_000)
    assert not store.release(late)
    assert store.lease("a", "third", TTL) is None
    assert store.renew(present, TTL)


def test_a_term_that_is_over_is_not_renewed(store: Store, clock: FakeClock) -> None:
    """A lease that nobody took in the meantime is lost all the same."""
    late = _taken(store.lease("a", "me", TTL))
    clock.advance(TTL + 1)
    assert not store.renew(late, TTL)
    assert not store.release(late)


@pytest.mark.parametrize("forged", ["owner", "fence", "name"])
def test_only_the_exact_lease_counts(store: Store, forged: str) -> None:
    """A lease with another owner, fence or name than the one given out has no effect."""
    held = _taken(store.lease("a", "me", TTL))
    other = {
        "owner": Lease("a", "you", held.fence),
        "fence": Lease("a", "me", held.fence + 1),
        "name": Lease("b", "me", held.fence),
    }[forged]
    assert not store.renew(other, TTL)
    assert not store.release(other)
    assert store.renew(held, TTL)


def test_an_owner_that_takes_it_again_gets_a_new_fence(store: Store) -> None:
    """Taking one's own lease anew voids the former Lease."""
    first = _taken(store.lease("a", "me", TTL))
    second = _taken(store.lease("a", "me", TTL))
    assert second.fence > first.fence
    assert not store.release(first)
    assert store.release(second)


def test_fences_only_grow(backend: Backend, clock: FakeClock) -> None:
    """Over release, expiry, sweeping and reopening, each fence of a name exceeds all before it."""
    fences: list[int] = []
    for way in ["release", "expire", "sweep", "sweep", "expire", "release"] * 3:
        store = backend.open(clock)
        try:
            held = _taken(store.lease("a", way, TTL))
            fences.append(held.fence)
            if way == "release":
                assert store.release(held)
            else:
                clock.advance(TTL + 1)
            if way == "sweep":
                clock.advance(10 * 86_400)
                store.sweep("grant", int(clock.now()), 100)
        finally:
            store.close()
    assert fences == sorted(set(fences))
    assert all(0 < fence < 2**63 for fence in fences)


def test_fences_cannot_be_guessed(store: Store) -> None:
    """A part of every fence is random, so that a store set back cannot give out an old one."""
    parts = {_taken(store.lease(f"n{n}", "me", TTL)).fence % 2**24 for n in range(20)}
    assert len(parts) > 15


@pytest.mark.parametrize("step", [-86_400.0, -1.0, 1.0, 86_400.0])
def test_steps_of_the_wall_clock_do_not_matter(store: Store, clock: FakeClock, step: float) -> None:
    """Setting the host's clock neither ends a term nor prolongs it."""
    held = _taken(store.lease("a", "me", TTL))
    clock.step_wall(step)
    clock.advance(TTL - 1)
    assert store.lease("a", "you", TTL) is None
    assert store.renew(held, TTL)
    clock.step_wall(-step)
    clock.advance(TTL)
    assert store.lease("a", "you", TTL) is not None


def test_sweeping_leaves_a_running_term_alone(store: Store, clock: FakeClock) -> None:
    """A sweep takes no lease from its holder."""
    held = _taken(store.lease("a", "me", 1_000))
    clock.advance(900)
    store.sweep("grant", int(clock.now()), 100)
    assert store.lease("a", "you", TTL) is None
    assert store.renew(held, TTL)
