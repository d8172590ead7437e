from __future__ import annotations

import pytest

from bridge.store.base import Counted, Store
from tests.store.backends import Backend, FakeClock

WINDOW = 60.0


def test_distinct_members_are_counted(store: Store) -> None:
    """A member counted again keeps its one place; other keys are not concerned."""
    assert store.count("k", "a", WINDOW) == Counted(1, admitted=True)
    assert store.count("k", "b", WINDOW) == Counted(2, admitted=True)
    assert store.count("k", "a", WINDOW) == Counted(2, admitted=True)
    assert store.count("other", "a", WINDOW) == Counted(1, admitted=True)


def test_a_member_leaves_when_its_window_has_passed(store: Store, clock: FakeClock) -> None:
    """A member counts for exactly the window, from the last time it was counted."""
    store.count("k", "a", WINDOW)
    clock.advance(WINDOW / 2)
    store.count("k", "b", WINDOW)
    clock.advance(WINDOW / 2 - 1)
    assert store.count("k", "", WINDOW).total == 2
    store.count("k", "b", WINDOW)
    clock.advance(1)
    assert store.count("k", "", WINDOW).total == 1
    clock.advance(WINDOW - 2)
    assert store.count("k", "", WINDOW).total == 1
    clock.advance(1)
    assert store.count("k", "", WINDOW).total == 0
    assert store.count("k", "a", WINDOW) == Counted(1, admitted=True)


def test_a_limit_lets_no_more_in(store: Store) -> None:
    """Beyond the limit a new member is refused and takes no place; a present one is welcome."""
    for member in ("a", "b"):
        assert store.count("k", member, WINDOW, limit=2).admitted
    assert store.count("k", "c", WINDOW, limit=2) == Counted(2, admitted=False)
    assert store.count("k", "a", WINDOW, limit=2) == Counted(2, admitted=True)
    assert store.count("k", "c", WINDOW, limit=3) == Counted(3, admitted=True)
    assert store.count("k", "a", WINDOW, limit=0) == Counted(3, admitted=True)
    assert store.count("empty", "a", WINDOW, limit=0) == Counted(0, admitted=False)


def test_a_place_is_free_again_after_the_window(store: Store, clock: FakeClock) -> None:
    """Who was refused is let in once an earlier member's window has passed."""
    store.count("k", "a", WINDOW, limit=1)
    assert not store.count("k", "b", WINDOW, limit=1).admitted
    clock.advance(WINDOW)
    assert store.count("k", "b", WINDOW, limit=1) == Counted(1, admitted=True)


def test_an_empty_member_only_counts(store: Store) -> None:
    """Counting without a member adds nothing and tells whether one more would be let in."""
    assert store.count("k", "", WINDOW, limit=1) == Counted(0, admitted=True)
    store.count("k", "a", WINDOW)
    assert store.count("k", "", WINDOW, limit=1) == Counted(1, admitted=False)
    assert store.count("k", "", WINDOW) == Counted(1, admitted=True)


def test_a_short_window_forgets_nothing_of_a_long_one(store: Store, clock: FakeClock) -> None:
    """A key counted over two windows keeps each member for the longest it was counted with."""
    store.count("k", "a", 3_600)
    clock.advance(100)
    assert store.count("k", "b", WINDOW).total == 1
    assert store.count("k", "", 3_600).total == 2
    clock.advance(WINDOW)
    store.count("k", "a", 1)
    clock.advance(1_000)
    assert store.count("k", "", 3_600).total >= 1


@pytest.mark.parametrize("back", [1.0, 3_600.0, 400 * 86_400.0])
def test_a_clock_set_back_keeps_no_member_for_ever(
    store: Store, clock: FakeClock, back: float
) -> None:
    """After the wall clock was set back, members leave within one more window of the next count."""
    store.count("k", "a", WINDOW)
    clock.step_wall(-back)
    assert store.count("k", "b", WINDOW).total == 2
    clock.advance(WINDOW)
    assert store.count("k", "", WINDOW).total == 0


def test_counts_outlive_the_object_and_are_shared(backend: Backend, clock: FakeClock) -> None:
    """Another object counts on where the first one ended."""
    first = backend.open(clock)
    first.count("k", "a", WINDOW)
    first.close()
    second = backend.open(clock)
    assert second.count("k", "b", WINDOW).total == 2
    second.close()


def test_sweeping_takes_only_members_whose_window_has_passed(
    store: Store, clock: FakeClock
) -> None:
    """A sweep changes no count."""
    store.count("k", "a", WINDOW)
    store.count("k", "b", 3_600)
    clock.advance(WINDOW - 1)
    store.sweep("grant", int(clock.now()), 100)
    assert store.count("k", "", WINDOW).total == 2
    clock.advance(1)
    store.sweep("grant", int(clock.now()), 100)
    assert store.count("k", "", 3_600).total == 1
