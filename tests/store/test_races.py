from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.clock import SystemClock
from bridge.store.base import Query, Row, Store
from tests.store.backends import Backend, together
from tests.store.conftest import Workers
from tests.store.jobs import COUNTER, JOBS, ROUNDS

Race = Callable[[str], list[list[int]]]


@pytest.fixture(params=["threads", "objects", pytest.param("processes", marks=pytest.mark.slow)])
def race(request: pytest.FixtureRequest, store: Store, backend: Backend, workers: Workers) -> Race:
    """Return a way to do a job several times at once: by threads, by objects, by processes."""

    def with_own_object(job: str, worker: int) -> list[int]:
        own = backend.open(SystemClock())
        try:
            return JOBS[job](own, worker)
        finally:
            own.close()

    ways: dict[str, Race] = {
        "threads": lambda job: together(8, lambda worker: JOBS[job](store, worker)),
        "objects": lambda job: together(4, lambda worker: with_own_object(job, worker)),
        "processes": lambda job: workers.together(4, job),
    }
    return ways[str(request.param)]


def test_no_update_is_lost(store: Store, race: Race) -> None:
    """Compare-and-set additions to one number by many at once add up."""
    store.put(Row(COUNTER, 1, b"0"))
    added = len(race("add")) * ROUNDS
    found = store.get(COUNTER)
    assert found is not None
    assert int(found.body) == added


def test_every_claim_has_one_winner(race: Race) -> None:
    """Of all who claim a name at once exactly one wins it."""
    won = sorted(name for names in race("claim") for name in names)
    assert won == list(range(ROUNDS))


def test_every_lease_has_one_holder(race: Race) -> None:
    """Of all who ask for a lease at once exactly one gets it."""
    won = sorted(name for names in race("lease") for name in names)
    assert won == list(range(ROUNDS))


def test_a_lease_shuts_everybody_else_out(race: Race) -> None:
    """Between taking and releasing a lease nobody else is inside; fences differ and grow."""
    results = race("enter")
    assert all(fences == sorted(fences) for fences in results)
    fences = [fence for result in results for fence in result]
    assert len(set(fences)) == len(results) * ROUNDS


def test_a_limit_is_never_exceeded(store: Store, race: Race) -> None:
    """However many ask for places at once, exactly as many as the limit are let in."""
    assert sum(len(admitted) for admitted in race("count")) == 40


def test_nothing_appears_behind_a_position_that_was_read(store: Store, race: Race) -> None:
    """Whoever reads on while many append has seen, in order, the beginning of the whole."""
    results = race("append")
    rows = store.list(Query("event", after_position=0, limit=10_000))
    positions = [found.position for found in rows]
    assert len(set(positions)) == len(positions) == len(results) * ROUNDS
    for seen in results:
        assert seen == positions[: len(seen)]
        assert len(seen) >= ROUNDS
