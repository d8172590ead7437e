"""`bridge store restored`: accepts an older store once, and only when nobody serves from it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from bridge.config.keys import generate, write_keys
from bridge.errors import BridgeError
from bridge.model import State
from tests.cli.conftest import Run
from tests.kit import World

Answer = Callable[..., Any]


def fall_back(world: World) -> None:
    """Put the store back to an earlier copy of itself, as after a restore from a backup."""
    copy = world.folder / "copy.db"
    with sqlite3.connect(world.folder / "bridge.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    world.restart()
    world.close()
    for name in ("bridge.db", "bridge.db-wal", "bridge.db-shm"):
        (world.folder / name).unlink(missing_ok=True)
    shutil.copy(copy, world.folder / "bridge.db")


def reopened(world: World) -> World:
    world.services = world._built()  # noqa: SLF001 - the kit's own way of opening
    return world


def test_a_restored_store_is_refused_with_the_command_that_accepts_it(
    run: Run, bridge_world: World
) -> None:
    """Other commands say what happened and what to do."""
    bridge_world.grant("u1")
    fall_back(bridge_world)
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "older than when this bridge last used it" in result.stderr
    assert "Run `bridge store restored`" in result.stderr


def test_an_accepted_store_serves_again_after_each_grant_proved_itself(
    answer: Answer, bridge_world: World
) -> None:
    """The grant is unverified at first, and active after one refresh."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    fall_back(bridge_world)

    assert answer("store", "restored", "--yes") == {"doubted": 1}

    world = reopened(bridge_world)
    assert world.grant_of("u1").state is State.UNVERIFIED
    world.read("u1")
    assert world.grant_of("u1").state is State.ACTIVE


def test_it_asks_first(run: Run, bridge_world: World) -> None:
    """Whoever says no leaves everything as it was."""
    bridge_world.grant("u1")
    fall_back(bridge_world)
    refused = run("store", "restored", typed="n\n")
    assert refused.exit_code == 1
    assert "for the true store from now on?" in refused.stderr
    with pytest.raises(BridgeError, match="bridge store restored"):
        reopened(bridge_world)
    accepted = run("store", "restored", typed="y\n")
    assert accepted.exit_code == 0
    assert "accepted; 1 grants prove themselves" in accepted.stdout
    reopened(bridge_world)


def test_it_refuses_while_a_server_runs(run: Run, bridge_world: World) -> None:
    """A server would go on serving tokens that are in doubt."""
    world = bridge_world
    world.services.opening.announce("server-1", world.clock.now())
    result = run("store", "restored", "--yes")
    assert result.exit_code == 1
    assert "1 server processes run on this store. Stop them first." in result.stderr
    assert "30 seconds" in result.stderr


def test_a_store_moved_here_is_accepted(run: Run, bridge_world: World) -> None:
    """The witness of another store is no obstacle."""
    bridge_world.grant("u1")
    bridge_world.close()
    witness = bridge_world.settings.witness_file
    mark = json.loads(witness.read_text())
    witness.write_text(json.dumps(mark | {"store_id": "another"}))
    assert run("keys", "list").exit_code == 1
    assert run("store", "restored", "--yes").exit_code == 0
    assert run("keys", "list").exit_code == 0


def test_a_witness_that_cannot_be_read_is_written_anew(run: Run, bridge_world: World) -> None:
    """As the refusal promises."""
    bridge_world.close()
    bridge_world.settings.witness_file.write_text("{")
    refused = run("keys", "list")
    assert "`bridge store restored` writes a new one" in refused.stderr
    assert run("store", "restored", "--yes").exit_code == 0
    assert run("keys", "list").exit_code == 0
    reopened(bridge_world)


def test_other_keys_than_the_stores_are_refused(run: Run, bridge_world: World) -> None:
    """With keys that open nothing there is nothing to accept."""
    bridge_world.close()
    write_keys(bridge_world.key_file, generate(0))
    result = run("store", "restored", "--yes")
    assert result.exit_code == 1
    assert "which the key file lacks" in result.stderr
