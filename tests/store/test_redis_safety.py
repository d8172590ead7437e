"""What a Redis must be like, and what is said of one that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bridge.clock import SystemClock
from bridge.config.store import RedisSettings, Risk, StoreSettings
from bridge.errors import BridgeError, Code
from bridge.store.base import Append, Query, Store
from bridge.store.choosing import open_store
from tests.store.backends import needs_redis, row
from tools.redis_servers import RedisServer

DOCS: Final = Path(__file__).parents[2] / "docs" / "redis.md"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    needs_redis()
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _as_it_was(server: RedisServer) -> Iterator[None]:
    yield
    for option, value in (
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
    ):
        server.ask("CONFIG", "SET", option, value)


def opened(server: RedisServer, user: str = "", **more: object) -> Store:
    url = f"redis://{user}127.0.0.1:{server.port}"
    settings = StoreSettings(url=url, redis=RedisSettings.model_validate(more))
    return open_store(settings, SystemClock())


def test_a_safe_server_is_taken(server: RedisServer) -> None:
    """With an append-only file that is always synced and no eviction there is nothing to say."""
    store = opened(server)
    assert store.risks() == []
    store.put(row())
    store.close()


@pytest.mark.parametrize(
    ("option", "value", "risk", "mend"),
    [
        ("appendonly", "no", Risk.FSYNC, "`appendonly yes`"),
        ("appendfsync", "everysec", Risk.FSYNC, "`appendfsync always`"),
        ("maxmemory-policy", "allkeys-lru", Risk.EVICTION, "`maxmemory-policy noeviction`"),
    ],
)
def test_a_server_that_may_lose_grants_is_refused_unless_that_is_accepted(
    server: RedisServer, option: str, value: str, risk: Risk, mend: str
) -> None:
    """The refusal says how to mend it and how to accept it; accepted, the risk is still told."""
    server.ask("CONFIG", "SET", option, value)
    with pytest.raises(BridgeError) as caught:
        opened(server)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert mend in caught.value.public
    assert f'accept = ["{risk}"]' in caught.value.public
    store = opened(server, accept=[risk])
    (told,) = store.risks()
    assert mend in told
    store.close()


def test_a_policy_that_spares_what_has_no_expiry_is_taken(server: RedisServer) -> None:
    """Grants have no expiry in Redis: a volatile policy cannot drop them."""
    server.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    store = opened(server)
    assert store.risks() == []
    store.close()


def test_a_server_that_forbids_config_counts_as_a_risk(server: RedisServer) -> None:
    """What a managed service does not tell has to be accepted; the rest works without CONFIG."""
    server.ask("ACL", "SETUSER", "bridge", "on", ">pw", "~{grantbridge}*", "+@all", "-config")
    with pytest.raises(BridgeError, match="does not say"):
        opened(server, "bridge@", password="pw")
    store = opened(server, "bridge@", password="pw", accept=["fsync"])
    store.put(row("acl"))
    assert store.get(row("acl").ref) == row("acl")
    store.close()


def test_a_wrong_password_is_said_at_once(server: RedisServer) -> None:
    """Trying again would not help, and nothing quotes the password."""
    server.ask("ACL", "SETUSER", "bridge", "on", ">pw", "~{grantbridge}*", "+@all")
    with pytest.raises(BridgeError) as caught:
        opened(server, "bridge@", password="swordfish", patience_s=60)
    assert caught.value.context == {"detail": "AuthenticationError"}


def test_the_documented_user_may_do_all_that_is_needed(server: RedisServer) -> None:
    """The ACL line of docs/redis.md is enough for every call of a store."""
    (line,) = re.findall(r"^ACL SETUSER .*$", DOCS.read_text(), re.MULTILINE)
    server.ask(*line.split())
    store = opened(server, "bridge@", password="password")
    assert store.risks() == []
    store.commit([Append(row("documented"))], row("guard", kind="guard", expires_at=1))
    assert [found.ref.id for found in store.list(Query("grant", subject="user", limit=1_000))]
    assert store.list(Query("grant", after_position=0))
    held = store.lease("a", "me", 10)
    assert held is not None
    assert store.renew(held, 10)
    assert store.count("k", "m", 10).admitted
    assert store.sweep("guard", 2, 10) == 1
    assert store.release(held)
    store.close_key("k9")
    assert store.closed_keys() == ["k9"]
    assert store.claim_once(row("documented too", expires_at=1)) is None
    store.open_key("k9")
    store.check()
    store.close()


def test_the_documented_user_may_ask_for_replicas(server: RedisServer) -> None:
    """WAIT and what `all` needs are within the documented line; there is no replica to be had."""
    (line,) = re.findall(r"^ACL SETUSER .*$", DOCS.read_text(), re.MULTILINE)
    server.ask(*line.split())
    store = opened(server, "bridge@", password="password", replicas="all", replicas_timeout_s=0.05)
    with pytest.raises(BridgeError) as caught:
        store.check()
    assert caught.value.context == {"detail": "0 of 1 replicas have the write"}
    store.close()
