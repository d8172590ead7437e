"""What a process keeps is good for longer where the store says that nothing changed meanwhile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis
from redis.client import PubSub

from bridge.config.redis_url import parse
from bridge.config.store import RedisSettings
from bridge.secret import Secret
from bridge.store.base import (
    Delete,
    Op,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    Store,
    StoreUnavailableError,
)
from bridge.store.recent import KEPT_S, Recent
from bridge.store.redis import RedisStore
from bridge.store.sqlite import SqliteStore
from bridge.store.watched import RecentStore
from tests.store.backends import Backend, FakeClock, RedisBackend, row
from tests.store.heard import Heard
from tools.redis_servers import RedisServer, until

MINE = Query("grant", tenant="acme", subject="user")
_LONG_S = 5


@pytest.fixture
def recent(clock: FakeClock) -> Recent:
    return Recent(100_000, clock.monotonic)


@pytest.fixture
def heard(recent: Recent) -> Heard:
    return Heard(recent)


@pytest.fixture
def elsewhere(backend: Backend, clock: FakeClock) -> Iterator[Store]:
    """The store as another process has it."""
    other = backend.open(clock)
    yield other
    other.close()


@pytest.fixture
def read(store: Store, recent: Recent, heard: Heard, clock: FakeClock) -> RecentStore:
    """The reads of a process that follows the store, with a row that it has read."""
    store.put(row())
    store.follow(heard)
    heard.until_confirmed(clock)
    # What is read at the same moment as a look at the store may have come before it.
    clock.advance(0.01)
    read = RecentStore(store, recent)
    assert list(read.list(MINE)) == [row()]
    assert read.get(row().ref) == row()
    return read


def nothing() -> Sequence[Row]:
    raise AssertionError("the store is asked")


def test_nothing_is_read_again_while_nothing_is_written(
    read: RecentStore, recent: Recent, heard: Heard, clock: FakeClock
) -> None:
    """A row is used long after the time in which it had to be looked at again."""
    for _ in range(3):
        clock.advance(_LONG_S)
        heard.until_confirmed(clock)
        assert recent.read(MINE, nothing).rows == (row(),)
        assert recent.read(row().ref, nothing).rows == (row(),)


CHANGES: dict[str, Op] = {
    "replace": Replace(row(version=2), 1),
    "delete": Delete(row().ref, 1),
    "give away": Replace(row(version=2, subject="else"), 1),
    "another of the subject": Put(row("two")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_elsewhere_ends_what_was_confirmed(
    read: RecentStore, heard: Heard, elsewhere: Store, clock: FakeClock, change: str
) -> None:
    """However long it was good before; and what is read then is good again."""
    clock.advance(_LONG_S)
    heard.until_confirmed(clock)
    before = list(read.list(MINE))
    elsewhere.commit([CHANGES[change]])
    clock.advance(KEPT_S)
    assert before == [row()] != list(read.list(MINE))
    assert list(read.list(MINE)) == list(elsewhere.list(MINE))
    assert read.get(row().ref) == elsewhere.get(row().ref)


def test_a_change_that_was_never_told_is_not_confirmed(
    read: RecentStore, recent: Recent, heard: Heard, elsewhere: Store, clock: FakeClock
) -> None:
    """What follows a write is not good for longer because nothing happened after it."""
    elsewhere.replace(row(version=2), 1)
    clock.advance(_LONG_S)
    heard.until_confirmed(clock)
    assert list(read.list(MINE)) == [row(version=2)]
    assert read.get(row().ref) == row(version=2)


@pytest.fixture
def kept(clock: FakeClock) -> Recent:
    """A memory that has heard of everything up to now, from a moment ago on."""
    memory = Recent(100_000, clock.monotonic)
    memory.confirm(clock.monotonic() - 1, clock.monotonic())
    return memory


def is_kept(memory: Recent, clock: FakeClock, key: Query | Ref, found: Row) -> bool:
    """Tell whether what was read now is used long after, if all has been told meanwhile."""
    finding = memory.read(key, lambda: [found])
    since = clock.monotonic() - 1
    clock.advance(_LONG_S)
    memory.confirm(since, clock.monotonic())
    return finding.holds()


def test_only_what_would_be_told_is_confirmed(kept: Recent, clock: FakeClock) -> None:
    """Changes of rows without a subject go untold, and so do rows that come to other listings."""
    assert is_kept(kept, clock, MINE, row())
    assert is_kept(kept, clock, row().ref, row())
    nobodys = row(subject="")
    assert not is_kept(kept, clock, nobodys.ref, nobodys)
    assert not is_kept(kept, clock, Query("grant", tenant="acme"), row())
    assert not is_kept(kept, clock, Query("grant", subject=""), nobodys)


def test_what_is_confirmed_is_read_again_in_the_end(kept: Recent, clock: FakeClock) -> None:
    """A row that somebody changed by hand is not served for ever."""
    found = kept.read(MINE, lambda: [row()])
    since = clock.monotonic() - 1
    for _ in range(29):
        clock.advance(1)
        kept.confirm(since, clock.monotonic())
        assert found.holds()
    clock.advance(2)
    kept.confirm(since, clock.monotonic())
    assert not found.holds()


def test_what_was_read_before_is_not_confirmed(kept: Recent, clock: FakeClock) -> None:
    """Nobody knows what became of it before all was told."""
    found = kept.read(MINE, lambda: [row()])
    clock.advance(_LONG_S)
    kept.confirm(clock.monotonic() - 1, clock.monotonic())
    assert not found.holds()


def test_what_was_forgotten_is_not_confirmed(kept: Recent, clock: FakeClock) -> None:
    """Neither what changed nor, after an interruption, anything."""
    forgets: tuple[Callable[[], None], ...] = (
        lambda: kept.forget([row().ref], []),
        kept.forget_all,
    )
    for forget in forgets:
        found = kept.read(MINE, lambda: [row()])
        forget()
        kept.confirm(clock.monotonic() - 1, clock.monotonic())
        assert not found.holds()
    found = kept.read(MINE, lambda: [row()])
    clock.advance(_LONG_S)
    kept.confirm(clock.monotonic() - _LONG_S - 1, clock.monotonic())
    kept.forget_all()
    assert not found.holds()


@pytest.fixture
def redis_backend(tmp_path: Path) -> RedisBackend:
    return RedisBackend(tmp_path)


@pytest.fixture
def here(redis_backend: RedisBackend, clock: FakeClock) -> Iterator[Store]:
    store = redis_backend.open(clock)
    yield store
    store.close()


def test_other_processes_are_told_of_changes(
    redis_backend: RedisBackend, here: Store, clock: FakeClock
) -> None:
    """Rows with a subject are told, with the subject before and after, and others are not."""
    heard = Heard()
    here.follow(heard)
    heard.until_confirmed(clock)
    far = redis_backend.open(clock)
    far.put(row("nobody's", subject=""))
    far.put(row(partition="a\0b"))
    far.replace(row(partition="a\0b", subject="else", version=2), 1)
    far.delete(row(partition="a\0b").ref, 2)
    far.close()
    until(lambda: len(heard.changes) >= 3)
    place = row(partition="a\0b").ref
    assert heard.changes == [
        (place, {("grant", "user")}),
        (place, {("grant", "user"), ("grant", "else")}),
        (place, {("grant", "else")}),
    ]


def test_an_interruption_is_told(redis_backend: RedisBackend, here: Store) -> None:
    """Whoever lost the channel may have missed a change, and hears again afterwards."""
    heard = Heard()
    here.follow(heard)
    until(lambda: heard.interruptions == 1)
    with redis.Redis(unix_socket_path=redis_backend.address.socket) as client:
        client.client_kill_filter(_type="pubsub")
    until(lambda: heard.interruptions >= 3)
    here.put(row())
    until(lambda: [ref for ref, _ in heard.changes] == [row().ref])


def test_a_user_who_may_not_publish_costs_a_delay(
    redis_backend: RedisBackend, here: Store, clock: FakeClock
) -> None:
    """A server whose rules forbid the channel leaves no write half done, and nothing unnoticed.

    What was kept before such a write is not good for longer: it may be what was written.
    """
    heard = Heard()
    here.follow(heard)
    heard.until_confirmed(clock)
    with redis.Redis(unix_socket_path=redis_backend.address.socket) as client:
        client.execute_command(
            "ACL", "SETUSER", "quiet", "on", "nopass", "~*", "resetchannels", "+@all"
        )
    settings = RedisSettings(prefix=redis_backend.prefix, password=Secret("any"))
    address = dataclasses.replace(redis_backend.address, user="quiet")
    quiet = RedisStore(address, settings, clock)
    for change in (Put(row()), Delete(row().ref, 1)):
        clock.advance(_LONG_S)
        quiet.commit([change])
        assert list(here.list(MINE)) == list(quiet.list(MINE))
        until(lambda: heard.confirmed == (clock.monotonic(), clock.monotonic()))
    quiet.close()
    assert heard.changes == []
    assert heard.interruptions == 1


def test_a_server_that_hangs_confirms_nothing(clock: FakeClock) -> None:
    """Its channel is open, and says nothing: that is no proof that there is nothing to say."""
    server = RedisServer().start()
    settings = RedisSettings(timeout_s=0.3, connect_timeout_s=0.3, patience_s=0.1)
    store = RedisStore(parse(f"unix://{server.socket}"), settings, clock)
    heard = Heard()
    try:
        store.follow(heard)
        heard.until_confirmed(clock)
        server.pause()
        clock.advance(_LONG_S)
        with pytest.raises(StoreUnavailableError):
            store.get(row().ref)
        assert heard.confirmed is not None
        assert heard.confirmed[1] < clock.monotonic()
        server.go_on()
        heard.until_confirmed(clock)
    finally:
        server.go_on()
        store.close()
        server.close()


def test_a_channel_that_does_not_answer_is_given_up(
    redis_backend: RedisBackend, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection may have ended without a word: no error would ever come."""
    monkeypatch.setattr(PubSub, "ping", lambda _channel: None)
    settings = RedisSettings(prefix=redis_backend.prefix, timeout_s=0.3)
    store = RedisStore(redis_backend.address, settings, clock)
    heard = Heard()
    store.follow(heard)
    until(lambda: heard.interruptions >= 2)
    assert heard.confirmed is None
    monkeypatch.undo()
    heard.until_confirmed(clock)
    store.close()


def test_a_file_that_was_replaced_is_not_confirmed(tmp_path: Path, clock: FakeClock) -> None:
    """What was read of the one before says nothing about the one that is there now."""
    path = tmp_path / "store.db"
    store = SqliteStore(path, clock)
    heard = Heard()
    store.follow(heard)
    heard.until_confirmed(clock)
    path.rename(tmp_path / "away")
    clock.advance(_LONG_S)
    new, other = SqliteStore(path, clock), Heard()
    new.follow(other)
    other.until_confirmed(clock)
    new.close()
    assert heard.confirmed is not None
    assert heard.confirmed[1] < clock.monotonic()
    store.close()
