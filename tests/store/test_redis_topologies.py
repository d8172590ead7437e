"""Sentinel and Cluster: the primary is found, followed, and written to with its replicas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.config.redis_url import parse
from bridge.config.store import RedisSettings
from bridge.store.base import Append, Query, StoreUnavailableError
from bridge.store.redis import RedisStore
from tests.store.backends import needs_redis, row, together
from tests.store.heard import Heard
from tests.store.jobs import ROUNDS, append, count, lease
from tools.redis_servers import Cluster, RedisServer, Sentinels, until

pytestmark = pytest.mark.slow


@dataclass
class Place:
    """A set of servers, one of which is the primary of the store."""

    servers: Sentinels | Cluster
    prefix: str = "grantbridge"

    def store(self, **more: Any) -> RedisStore:
        options = {"prefix": self.prefix, "patience_s": 20, "connect_timeout_s": 0.3} | more
        return RedisStore(parse(self.servers.url), RedisSettings(**options), SystemClock())

    @property
    def primary(self) -> RedisServer:
        if isinstance(self.servers, Sentinels):
            return self.servers.primary
        return self.servers.primary_of(self.prefix)


@pytest.fixture(params=[Sentinels, Cluster])
def placed(request: pytest.FixtureRequest) -> Iterator[Place]:
    needs_redis()
    servers = request.param()
    yield Place(servers)
    servers.close()


def test_the_primary_is_found_and_works_as_any_other(placed: Place) -> None:
    """Commits over two partitions, listings, positions, counts and leases do what they must."""
    store = placed.store(replicas="all")
    store.commit([Append(row("a", partition="q"))], row("guard", kind="guard", partition="p"))
    assert [found.ref.id for found in store.list(Query("grant", subject="user"))] == ["a"]
    won = sorted(n for names in together(4, lambda n: lease(store, n)) for n in names)
    assert won == list(range(ROUNDS))
    assert sum(len(admitted) for admitted in together(4, lambda n: count(store, n))) == 40
    together(3, lambda n: append(store, n))
    rows = store.list(Query("event", after_position=0, limit=1_000))
    positions = [found.position for found in rows]
    assert len(set(positions)) == len(positions) == 3 * ROUNDS
    assert store.risks() == []
    store.close()


def test_what_was_acknowledged_survives_the_death_of_the_primary(placed: Place) -> None:
    """Every write that a replica confirmed is there after the failover, and writing goes on."""
    store = placed.store(replicas="all")
    for n in range(30):
        store.put(row(f"{n:02}"))
    first = placed.primary
    first.kill()
    assert [found.ref.id for found in store.list(Query("grant"))] == [f"{n:02}" for n in range(30)]
    # The new primary answers a moment before the others have heard that it is one.
    until(lambda: placed.primary is not first, 30)
    # It comes back as a replica: a Cluster's new primary has no other.
    first.start()
    until(lambda: takes_writes(store), 30)
    store.close()


def test_whoever_follows_hears_from_the_new_primary(placed: Place) -> None:
    """The old one hangs and comes back, and confirms nothing that it cannot know."""
    store, writer, heard = placed.store(), placed.store(), Heard()
    store.follow(heard)
    until(lambda: heard.confirmed is not None)
    interruptions = heard.interruptions
    first = placed.primary
    first.pause()
    until(lambda: placed.primary is not first, 30)
    first.go_on()
    until(lambda: heard.interruptions > interruptions, 30)
    heard.confirmed = None
    until(lambda: heard.confirmed is not None, 30)
    writer.put(row())
    until(lambda: [ref for ref, _ in heard.changes] == [row().ref])
    store.close()
    writer.close()


def takes_writes(store: RedisStore) -> bool:
    try:
        store.check()
    except StoreUnavailableError:
        return False
    return True
