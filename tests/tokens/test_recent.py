"""The cache of sealed records: what it serves, and how soon it no longer does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge import metrics
from bridge.errors import BridgeError, Code
from bridge.secret import fingerprint
from bridge.services import build
from bridge.store.base import Query, Ref, Row
from bridge.store.sqlite import SqliteStore
from bridge.store.watched import WatchedStore
from tests.kit import CALENDAR, HOUR, World
from tests.store.heard import Heard
from tests.tokens.support import at_once, proven


def recent_of(what: str) -> float:
    """Return how many reads the metrics count as a `hit` of the cache, or as a `miss`."""
    metrics.settle()
    return metrics.REGISTRY.get_sample_value("bridge_cache_reads_total", {"result": what}) or 0


def test_a_second_read_asks_no_store(bridge_world: World) -> None:
    """The same token is served from what was read before."""
    bridge_world.grant("u1")
    first = bridge_world.read("u1")
    bridge_world.read("u1")
    hits, misses = recent_of("hit"), recent_of("miss")
    assert bridge_world.read("u1") == first
    assert (recent_of("hit"), recent_of("miss")) == (hits + 1, misses)


def test_the_cache_can_be_turned_off(bridge_world: World) -> None:
    """With `cache_mb = 0` every read asks the store."""
    bridge_world.store += "\n[store]\ncache_mb = 0\n" if "[store]" not in bridge_world.store else ""
    bridge_world.store = bridge_world.store.replace("[store]\nurl", "[store]\ncache_mb = 0\nurl")
    bridge_world.restart()
    bridge_world.grant("u1")
    hits, misses = recent_of("hit"), recent_of("miss")
    for _ in range(3):
        bridge_world.read("u1")
    assert (recent_of("hit"), recent_of("miss")) == (hits, misses)


def test_a_revocation_here_is_seen_at_once(bridge_world: World) -> None:
    """The process that revokes serves nothing from then on."""
    grant = bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.services.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
    with pytest.raises(BridgeError) as caught:
        bridge_world.read("u1")
    assert caught.value.code is Code.REAUTH_REQUIRED


def is_refused(bridge_world: World) -> bool:
    try:
        bridge_world.read("u1")
    except BridgeError as error:
        return error.code is Code.REAUTH_REQUIRED
    return False


def test_a_revocation_elsewhere_is_seen_within_a_second(bridge_world: World) -> None:
    """A bridge that has just served a token stops within a second of another one's revoking."""
    grant = bridge_world.grant("u1")
    bridge_world.read("u1")
    elsewhere = build(bridge_world.settings, bridge_world.clock)
    try:
        bridge_world.read("u1")
        elsewhere.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
        bridge_world.clock.advance(1)
        assert is_refused(bridge_world)
    finally:
        elsewhere.close()


def test_a_token_is_served_on_while_nothing_is_written(bridge_world: World) -> None:
    """A process that follows the store looks into it no more, and stops when the grant ends."""
    services, clock = bridge_world.services, bridge_world.clock
    grant = bridge_world.grant("u1")
    heard = Heard(services.store.recent)
    services.store.follow(heard)
    bridge_world.read("u1")
    heard.until_confirmed(clock)
    clock.advance(1)
    first = bridge_world.read("u1")
    clock.advance(10)
    heard.until_confirmed(clock)
    hits, misses = recent_of("hit"), recent_of("miss")
    assert bridge_world.read("u1").access_token == first.access_token
    assert (recent_of("hit"), recent_of("miss")) == (hits + 1, misses)
    elsewhere = build(bridge_world.settings, clock)
    try:
        elsewhere.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
    finally:
        elsewhere.close()
    clock.advance(1)
    assert is_refused(bridge_world)


def test_what_is_kept_is_sealed(bridge_world: World) -> None:
    """No token is in the rows that the process keeps."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    token = bridge_world.read("u1").access_token.reveal()
    services = bridge_world.services
    assert isinstance(services.store, WatchedStore)
    kept = services.store.recent.rows()
    assert [row.ref.kind for row in kept] == ["grant"]
    assert not any(token.encode() in row.body for row in kept)


def test_a_rejected_token_is_not_served_again(bridge_world: World) -> None:
    """A backend that names the token as rejected gets another, however recently it was read."""
    bridge_world.grant("u1")
    first = bridge_world.read("u1")
    bridge_world.clock.advance(120)
    bridge_world.read("u1")
    second = bridge_world.read("u1", rejected=fingerprint(first.access_token))
    assert second.access_token.reveal() != first.access_token.reveal()


class Counting(SqliteStore):
    """A store that counts how often it is asked for rows."""

    asked = 0

    def get(self, ref: Ref) -> Row | None:
        self.asked += 1
        return super().get(ref)

    def list(self, query: Query) -> Sequence[Row]:
        self.asked += 1
        return super().list(query)


@pytest.mark.sqlite
def test_of_a_crowd_that_waits_for_a_token_few_ask_the_store(bridge_world: World) -> None:
    """Forty readers of an expired token are served by one refresh and a few reads."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.hold("token", seconds=0.5)
    store = bridge_world.services.store
    assert isinstance(store, WatchedStore)
    counting = Counting(bridge_world.settings.store.path, bridge_world.clock)
    behind, store.inner = store.inner, counting
    try:
        answers = at_once(40, lambda _: bridge_world.read("u1", CALENDAR))
    finally:
        store.inner = behind
        counting.close()
    assert len({answer.access_token.reveal() for answer in answers}) == 1
    assert 0 < counting.asked < 20
