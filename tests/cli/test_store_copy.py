"""`bridge store copy`: a bridge moves to another store and back, and to no wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bridge.config.keys import generate, write_keys
from tests.cli.conftest import Run
from tests.kit import HOUR, World, world
from tests.store.backends import RedisBackend


@pytest.fixture
def redis_backend(tmp_path: Path) -> RedisBackend:
    return RedisBackend(tmp_path)


@pytest.fixture
def redis_url(redis_backend: RedisBackend, bridge_world: World) -> str:
    """The URL of an empty store on Redis, whose prefix the bridge's settings hold."""
    bridge_world.store = f'[store.redis]\nprefix = "{redis_backend.prefix}"\n'
    bridge_world.restart()
    return f"unix://{redis_backend.address.socket}"


def sqlite_url(bridge_world: World, name: str = "bridge.db") -> str:
    return f"sqlite:///{bridge_world.folder / name}"


def move(bridge_world: World, url: str, prefix: str) -> None:
    bridge_world.store = f'[store]\nurl = "{url}"\n[store.redis]\nprefix = "{prefix}"\n'
    bridge_world.restart()


def test_a_bridge_moves_to_redis_and_back(
    run: Run, bridge_world: World, redis_url: str, redis_backend: RedisBackend
) -> None:
    """Grants serve, events go on and nothing must be accepted, there and back in a fresh file."""
    before = bridge_world.grant("u1")
    bridge_world.read("u1")
    result = run("store", "copy", sqlite_url(bridge_world), redis_url)
    assert result.exit_code == 0, result.output
    assert "the copy is whole" in result.stdout
    assert "rows compared" in result.stderr
    move(bridge_world, redis_url, redis_backend.prefix)
    assert bridge_world.grant_of("u1").id == before.id
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.read("u1")
    bridge_world.grant("u2")
    result = run("store", "copy", redis_url, sqlite_url(bridge_world, "back.db"))
    assert "the copy is whole" in result.stdout, result.output
    move(bridge_world, sqlite_url(bridge_world, "back.db"), redis_backend.prefix)
    bridge_world.read("u1")
    bridge_world.read("u2")


def test_a_copy_of_a_store_in_use_is_said_to_be_unfinished(
    run: Run, bridge_world: World, redis_url: str
) -> None:
    """While servers run the copy is made, and the operator told to stop them for the last one."""
    bridge_world.grant("u1")
    services = bridge_world.services
    services.opening.announce("one", services.clock.now())
    result = run("store", "copy", sqlite_url(bridge_world), redis_url)
    assert result.exit_code == 0
    assert "1 server processes run on the old store" in result.stdout
    bridge_world.grant("u2")
    services.opening.retreat("one")
    result = run("store", "copy", sqlite_url(bridge_world), redis_url, "--json")
    told = json.loads(result.stdout)
    assert told["whole"]
    assert 0 < told["written"] < told["rows"]


def test_a_store_in_use_is_not_written_over(run: Run, bridge_world: World, redis_url: str) -> None:
    """A copy over the store that servers run on by now is refused."""
    assert run("store", "copy", sqlite_url(bridge_world), redis_url).exit_code == 0
    services = bridge_world.services
    services.opening.announce("one", services.clock.now())
    result = run("store", "copy", redis_url, sqlite_url(bridge_world))
    assert result.exit_code == 1
    assert "Server processes run on the store that would be written over" in result.stderr


def test_a_newer_store_is_not_written_over(run: Run, bridge_world: World, redis_url: str) -> None:
    """What the bridge has used since the copy is not lost to the older one."""
    assert run("store", "copy", sqlite_url(bridge_world), redis_url).exit_code == 0
    bridge_world.restart()
    result = run("store", "copy", redis_url, sqlite_url(bridge_world))
    assert result.exit_code == 1
    assert "newer" in result.stderr


def test_another_bridges_store_is_not_written_over(
    run: Run, bridge_world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A store with other contents or another mark stays as it is."""
    with world(tmp_path_factory.mktemp("other")) as other:
        other.grant("theirs")
        target = sqlite_url(other)
        result = run("store", "copy", sqlite_url(bridge_world), target)
        assert result.exit_code == 1
        assert len(other.grants_of("theirs")) == 1


def test_other_keys_copy_nothing(run: Run, bridge_world: World, redis_url: str) -> None:
    """The keys must be those of the store: a copy nobody can open would be found too late."""
    write_keys(bridge_world.key_file.with_name("other.json"), generate(0))
    bridge_world.key_file.with_name("other.json").replace(bridge_world.key_file)
    result = run("store", "copy", sqlite_url(bridge_world), redis_url)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite:///nowhere.db", "sqlite:///other.db"),
        ("sqlite:///{}", "sqlite:///{}"),
        ("postgres://me:pw@db", "sqlite:///{}"),
        ("sqlite:///{}", "redis://me:pw@db"),
    ],
)
def test_ends_that_make_no_sense_are_refused(
    run: Run, bridge_world: World, source: str, target: str
) -> None:
    """A missing file, the same store twice, or a URL of another kind, without quoting it."""
    path = bridge_world.folder / "bridge.db"
    result = run("store", "copy", source.format(path), target.format(path))
    assert result.exit_code == 1
    assert "pw" not in result.stderr


def test_half_a_copy_is_no_store_to_start_on(
    run: Run, bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge pointed at a copy that was cut off refuses to start; the next copy finishes it."""
    bridge_world.grant("u1")
    half = sqlite_url(bridge_world, "half.db")

    def cut(_self: object, _kinds: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("bridge.store.copying.Copying.compare", cut)
        assert run("store", "copy", sqlite_url(bridge_world), half).exit_code != 0
    bridge_world.store = f'[store]\nurl = "{half}"\n'
    with pytest.raises(Exception, match="not the store that this bridge last used"):
        bridge_world.restart()
    bridge_world.store = ""
    bridge_world.restart()
    result = run("store", "copy", sqlite_url(bridge_world), half)
    assert "the copy is whole" in result.stdout
