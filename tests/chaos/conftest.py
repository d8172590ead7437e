"""Three bridges, each a process of its own, on servers that a test treats badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.kit import World, world
from tests.serve import conftest as serving
from tests.serve.conftest import Start
from tests.store.backends import needs_redis
from tools.redis_servers import Cluster, Proxy, RedisServer, Sentinels

serve = serving.serve


@dataclass
class Place:
    """Servers, the URL by which bridges find them, and which of them is the primary.

    Attributes:
        isolate, rejoin: cut a server off from everybody, and undo that.
        survives: whether writes are acknowledged after a failover while the old primary is away.
    """

    url: str
    primary: Callable[[], RedisServer]
    replicas: str
    isolate: Callable[[RedisServer], None]
    rejoin: Callable[[RedisServer], None]
    survives: bool = False


@contextmanager
def _sentinels(*, proxied: bool = False) -> Iterator[Place]:
    servers = Sentinels(proxied=proxied)
    yield Place(
        servers.url,
        lambda: servers.primary,
        '"all"',
        servers.isolate,
        servers.rejoin,
        survives=True,
    )
    servers.close()


@contextmanager
def _cluster(*, proxied: bool = False) -> Iterator[Place]:
    servers = Cluster(proxied=proxied)
    # Of a primary and a replica the one that is left has nobody to acknowledge its writes.
    yield Place(
        servers.url,
        lambda: servers.primary_of("grantbridge"),
        '"all"',
        servers.isolate,
        servers.rejoin,
    )
    servers.close()


@contextmanager
def _alone() -> Iterator[Place]:
    server = RedisServer().start()
    proxy = Proxy(server.port)
    yield Place(
        f"redis://127.0.0.1:{proxy.port}",
        lambda: server,
        "0",
        lambda _: proxy.cut(),
        lambda _: proxy.mend(),
    )
    proxy.close()
    server.close()


PLACES: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "sentinel": _sentinels,
    "cluster": _cluster,
    "sentinel behind proxies": partial(_sentinels, proxied=True),
    "cluster behind proxies": partial(_cluster, proxied=True),
    "alone": _alone,
}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    needs_redis()
    with PLACES[request.param]() as made:
        yield made


@pytest.fixture
def bridge_world(tmp_path: Path, place: Place) -> Iterator[World]:
    store = (
        f'[store]\nurl = "{place.url}"\n[store.redis]\nreplicas = {place.replicas}\n'
        "timeout_s = 0.5\nconnect_timeout_s = 0.3\n"
    )
    with world(tmp_path, store) as made:
        yield made


@pytest.fixture
def load(bridge_world: World, serve: Start) -> Iterator[Load]:
    """Three bridges under captures and revocations."""
    origins = [serve().internal for _ in range(3)]
    made = Load(bridge_world, origins, bridge_world.key())
    made.start()
    yield made
    made.stop()
