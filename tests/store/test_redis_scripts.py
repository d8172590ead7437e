"""What the contract does not see: names, hosts whose clocks differ, answers that were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.store import RedisSettings
from bridge.store.base import (
    Append,
    Delete,
    KeyClosedError,
    Put,
    Query,
    Ref,
    Replace,
    Store,
    StoreConflictError,
    StoreUnavailableError,
)
from bridge.store.redis import RedisStore
from bridge.store.redis_calls import Argument, Calls, Script
from bridge.store.redis_names import Names, place, ref_of
from bridge.store.redis_primary import Primary
from bridge.store.redis_records import Records
from tests.store.backends import FakeClock, RedisBackend, row

_REFS = st.builds(Ref, st.just("k"), st.text("a\0\x01ÿ", max_size=4), st.text("a\0ÿ", max_size=4))


@given(st.lists(_REFS, max_size=12))
def test_places_sort_as_what_they_name(refs: list[Ref]) -> None:
    """The texts of places have the order of (partition, id), and can be read back."""
    assert [ref_of("k", text) for text in sorted(map(place, refs))] == sorted(refs)


@pytest.fixture
def redis_backend(tmp_path: Path) -> RedisBackend:
    return RedisBackend(tmp_path)


def on(host: str, backend: RedisBackend, clock: FakeClock) -> RedisStore:
    settings = RedisSettings(prefix=backend.prefix)
    return RedisStore(backend.address, settings, clock, host=host)


@pytest.fixture
def here(redis_backend: RedisBackend, clock: FakeClock) -> Iterator[RedisStore]:
    store = on("here", redis_backend, clock)
    yield store
    store.close()


@pytest.fixture
def far_clock() -> FakeClock:
    """Another host's clock: it began at another time, and its wall clock is wrong."""
    clock = FakeClock()
    clock.since_boot = 3.0
    clock.wall += 86_400
    return clock


@pytest.fixture
def far(redis_backend: RedisBackend, far_clock: FakeClock) -> Iterator[RedisStore]:
    store = on("far", redis_backend, far_clock)
    yield store
    store.close()


def test_another_host_waits_for_a_whole_term(
    here: Store, far: Store, clock: FakeClock, far_clock: FakeClock
) -> None:
    """A lease without a sign of life for a term of the watcher's own clock is over."""
    held = here.lease("a", "me", 10)
    assert held is not None
    assert far.lease("a", "you", 10) is None
    far_clock.advance(9)
    assert far.lease("a", "you", 10) is None
    far_clock.advance(2)
    taken = far.lease("a", "you", 10)
    assert taken is not None
    assert taken.fence > held.fence
    assert not here.renew(held, 10)
    assert not here.release(held)


def test_a_sign_of_life_keeps_another_host_out(
    here: Store, far: Store, clock: FakeClock, far_clock: FakeClock
) -> None:
    """Whoever renews keeps the lease, however long the other one has waited."""
    held = here.lease("a", "me", 10)
    assert held is not None
    for _ in range(5):
        assert far.lease("a", "you", 10) is None
        assert here.renew(held, 10)
        clock.advance(6)
        far_clock.advance(11)
    assert here.release(held)
    assert far.lease("a", "you", 10) is not None


def test_a_sweep_takes_what_another_host_left(
    here: Store, far: Store, redis_backend: RedisBackend, far_clock: FakeClock
) -> None:
    """A lease whose host is gone is forgotten once a sweep has watched it for its term."""
    assert here.lease("a", "me", 10)
    assert here.lease("b", "me", 1_000)
    leases = Names(redis_backend.prefix).leases
    with redis.Redis(unix_socket_path=redis_backend.address.socket) as client:
        far.sweep("grant", 0, 100)
        assert client.hlen(leases) == 2
        far_clock.advance(11)
        far.sweep("grant", 0, 100)
        assert client.hkeys(leases) == [b"b"]


def test_fences_grow_where_a_failover_lost_the_counts(
    here: Store, redis_backend: RedisBackend
) -> None:
    """A server that never saw the last fences gives out greater ones all the same."""
    first = here.lease("a", "me", 10)
    assert first is not None
    with redis.Redis(unix_socket_path=redis_backend.address.socket) as client:
        client.delete(f"{{{redis_backend.prefix}}}:n:fence", Names(redis_backend.prefix).leases)
    second = here.lease("a", "you", 10)
    assert second is not None
    assert second.fence >> 24 >= first.fence >> 24
    assert second.fence != first.fence


class _Forgetful(Calls):
    """Loses the answer to the first try of every write.

    Attributes:
        meanwhile: done before the second.
    """

    meanwhile: Callable[[], None] | None = None

    def write(self, script: Script, *arguments: Argument) -> Any:
        self.script(script, "0", *arguments)
        if self.meanwhile is not None:
            self.meanwhile()
        return self.script(script, "1", *arguments)


@pytest.fixture
def forgetful_calls(redis_backend: RedisBackend) -> Iterator[_Forgetful]:
    settings = RedisSettings(prefix=redis_backend.prefix)
    base = Names(settings.prefix).base
    calls = _Forgetful(Primary(redis_backend.address, settings), settings, base)
    yield calls
    calls.close()


@pytest.fixture
def forgetful(redis_backend: RedisBackend, forgetful_calls: _Forgetful) -> Records:
    return Records(forgetful_calls, Names(redis_backend.prefix))


def test_a_write_whose_answer_was_lost_is_not_a_conflict(forgetful: Records) -> None:
    """What is tried again and finds its own work done has succeeded, and did it once."""
    forgetful.commit([Put(row("a")), Append(row("e", kind="event"))], row("g", kind="guard"))
    forgetful.commit([Replace(row("a", version=2), 1), Put(row("b"))])
    assert forgetful.claim_once(row("c")) is None
    forgetful.commit([Delete(row("b").ref, 1)])
    assert [found.ref.id for found in forgetful.list(Query("grant"))] == ["a", "c"]
    assert [found.position for found in forgetful.list(Query("event", after_position=0))] == [1]


def test_a_key_that_is_closed_between_two_tries_stops_what_was_not_done(
    forgetful_calls: _Forgetful, forgetful: Records, here: Store
) -> None:
    """A write that was done before the key was closed has succeeded; one that was not never is."""
    forgetful_calls.meanwhile = lambda: here.close_key("k1")
    forgetful.commit([Put(row("a")), Append(row("e", kind="event"))], row("g", kind="guard"))
    here.open_key("k1")
    assert forgetful.claim_once(row("c")) is None
    with pytest.raises(KeyClosedError):
        forgetful.commit([Put(row("b"))])
    with pytest.raises(KeyClosedError):
        forgetful.claim_once(row("b"))
    assert [found.ref.id for found in here.list(Query("grant"))] == ["a", "c"]


def test_a_repeat_that_meets_somebody_elses_work_is_a_conflict(
    forgetful: Records, here: Store
) -> None:
    """A row of the same place that is not to the letter the one to write was not written by us."""
    here.put(row("a", body=b"theirs"))
    with pytest.raises(StoreConflictError):
        forgetful.commit([Put(row("a", body=b"ours")), Put(row("b"))])
    assert here.get(row("b").ref) is None
    theirs = forgetful.claim_once(row("a", body=b"ours"))
    assert theirs is not None
    assert theirs.body == b"theirs"


def test_a_long_scan_goes_on_where_a_call_stopped(here: Store) -> None:
    """A filter that few of many rows meet is answered in several calls, and wholly."""
    for start in range(0, 2_500, 500):
        here.commit([Append(row(f"{n:05}", kind="event")) for n in range(start, start + 500)])
    here.commit([Append(row("99999", kind="event", tenant="rare"))])
    for query in (
        Query("event", tenant="rare"),
        Query("event", tenant="rare", after_position=0),
        Query("event", tenant="rare", after_position=0, newest_first=True),
    ):
        assert [found.ref.id for found in here.list(query)] == ["99999"]


def test_a_store_that_wants_replicas_is_not_content_without(
    redis_backend: RedisBackend, clock: FakeClock
) -> None:
    """A write that no replica has is not acknowledged, `all` of none included."""
    for wanted in (1, "all"):
        settings = RedisSettings(
            prefix=redis_backend.prefix, replicas=wanted, replicas_timeout_s=0.05
        )
        store = RedisStore(redis_backend.address, settings, clock)
        writes = (partial(store.put, row(str(wanted))), partial(store.close_key, "k9"))
        for call in (*writes, store.confirm, store.check):
            with pytest.raises(StoreUnavailableError):
                call()
        store.close()
