"""Three bridges, each a process of its own, on servers that a test treats badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.load import Load
from tests.kit import World, world
from tests.redis_kit import Cluster, Proxy, RedisServer, Sentinels, needs_redis
from tests.serve import conftest as serving
from tests.serve.conftest import Start

serve = serving.serve

Disturb = Callable[[], float]


@dataclass
class Place:
    """Servers, the URL by which bridges find them, and which of them is the primary."""

    url: str
    servers: Any
    primary: Callable[[], RedisServer]
    replicas: str
    proxy: Proxy | None = None


@contextmanager
def _sentinels() -> Iterator[Place]:
    servers = Sentinels()
    yield Place(servers.url, servers, lambda: servers.primary, '"all"')
    servers.close()


@contextmanager
def _cluster() -> Iterator[Place]:
    servers = Cluster()
    yield Place(servers.url, servers, lambda: servers.primary_of("grantbridge"), '"all"')
    servers.close()


@contextmanager
def _alone() -> Iterator[Place]:
    server = RedisServer().start()
    proxy = Proxy(server.port)
    yield Place(f"redis://127.0.0.1:{proxy.port}", server, lambda: server, "0", proxy)
    proxy.close()
    server.close()


PLACES = {"sentinel": _sentinels, "cluster": _cluster, "alone": _alone}


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
