"""`bridge keys`: known before used, unused before gone, and nothing lost on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from bridge.clock import SystemClock
from bridge.config.keys import read_keys
from bridge.errors import BridgeError, Code
from bridge.vault.opening import Opening
from bridge.vault.records import Records
from tests.cli.conftest import Run
from tests.kit import World

Answer = Callable[..., Any]


@pytest.fixture
def server(bridge_world: World) -> Iterator[World]:
    """The same bridge, announced and noticing changed keys as a running server does."""
    bridge_world.services.start()
    yield bridge_world
    bridge_world.services.upkeep.stop()


def keys_of(answer: Answer, kind: str) -> list[dict[str, Any]]:
    return [key for key in answer("keys", "list")["keys"] if key["kind"] == kind]


def until(is_so: Callable[[], bool]) -> None:
    """Wait for a running server to notice; it takes a second at most."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end, "the server did not notice"
        time.sleep(0.02)


def test_the_listing_tells_what_depends_on_each_key(
    run: Run, answer: Answer, server: World
) -> None:
    """Use, records and servers for a record key; the hash and hook keys are there too."""
    server.grant("u1")
    [record] = keys_of(answer, "record")
    [hashing] = keys_of(answer, "hash")
    [hook] = keys_of(answer, "hook")

    assert record["in_use"] is True
    assert record["records"] > 0
    assert (record["known_by"], record["servers"]) == (1, 1)
    assert (hashing["records"], hashing["known_by"]) == (None, None)
    assert (hook["in_use"], hook["known_by"]) == (True, 1)
    head, *lines = run("keys", "list").stdout.splitlines()
    assert head.split() == ["KIND", "ID", "AGE", "USE", "RECORDS", "KNOWN", "BY"]
    assert [line.split()[0] for line in lines] == ["record", "hash", "hook"]
    assert "writes, reads" in lines[0]
    assert "1 of 1 servers" in lines[0]


def test_an_added_key_is_known_and_not_yet_used(answer: Answer, server: World) -> None:
    """A running server learns it within a second, and goes on writing with the old one."""
    old = server.services.keys.present.records.sealing_id
    added = answer("keys", "add")
    assert added["kind"] == "record"
    until(lambda: added["id"] in server.services.keys.present.records.ids)
    assert server.services.keys.present.records.sealing_id == old
    until(lambda: keys_of(answer, "record")[1]["known_by"] == 1)
    assert keys_of(answer, "record")[1]["records"] == 0


def test_a_rotation_while_serving_moves_every_record(
    run: Run, answer: Answer, server: World
) -> None:
    """The running server writes with the new key, every grant still serves, the old key can go."""
    for subject in ("u1", "u2", "u3"):
        server.grant(subject)
    old = server.services.keys.present.records.sealing_id
    new = answer("keys", "add")["id"]

    rotated = run("keys", "rotate")

    assert rotated.exit_code == 0
    assert rotated.stdout == f"{new} is in use\n"
    assert "records sealed anew" in rotated.stderr
    assert server.services.keys.present.records.sealing_id == new
    first, second = keys_of(answer, "record")
    assert (first["id"], first["in_use"], second["id"], second["records"]) == (new, True, old, 0)
    assert answer("keys", "retire", old) == {"kind": "record", "id": old}
    until(lambda: server.services.keys.present.records.ids == (new,))
    assert all(server.read(subject).access_token for subject in ("u1", "u2", "u3"))
    server.restart()
    assert server.read("u1").access_token


def test_the_newest_key_is_one_key_even_of_the_same_second(answer: Answer) -> None:
    """Two keys added at once and a rotation: the last added is used; once more changes nothing."""
    answer("keys", "add")
    last = answer("keys", "add")["id"]
    assert answer("keys", "rotate")["id"] == last
    again = answer("keys", "rotate")
    assert (again["id"], again["sealed"], again["damaged"]) == (last, 0, 0)


def test_a_key_in_use_is_not_retired(run: Run, bridge_world: World) -> None:
    """The text says what comes first."""
    [key] = read_keys(bridge_world.key_file).record_keys
    result = run("keys", "retire", key.id)
    assert result.exit_code == 1
    assert "put another one first" in result.stderr


def test_a_key_with_records_is_not_retired(run: Run, answer: Answer, bridge_world: World) -> None:
    """A record that another key sealed meanwhile holds it back, and the store can still start."""
    bridge_world.grant("u1")
    old = bridge_world.services.keys.present.records.sealing_id
    answer("keys", "add")
    answer("keys", "rotate")
    # A process that was cut off from the key file goes on writing with the old key.
    bridge_world.grant("u2")

    result = run("keys", "retire", old)

    assert result.exit_code == 1
    assert "Records are still sealed under this key; run `bridge keys rotate` first." in (
        result.stderr
    )
    answer("keys", "rotate")
    answer("keys", "retire", old)
    bridge_world.restart()
    assert bridge_world.read("u2").access_token


def test_a_key_that_a_server_writes_with_is_not_retired(
    run: Run, answer: Answer, bridge_world: World
) -> None:
    """Also when no record is under it for the moment: the next one would be lost."""
    world = bridge_world
    old = world.services.keys.present.records.sealing_id
    answer("keys", "add")
    answer("keys", "rotate")
    world.services.opening.announce("cut-off", world.clock.now())
    result = run("keys", "retire", old)
    assert result.exit_code == 1
    assert "A running bridge still writes with this key" in result.stderr


class CutOffOpening(Opening):
    """A process that dies as soon as the proof of a key is gone."""

    def forget_key(self, key_id: str) -> None:
        super().forget_key(key_id)
        raise KeyboardInterrupt


def test_retiring_forgets_the_proof_before_the_key(bridge_world: World) -> None:
    """Cut off between the two, the store opens as before: a proof without its key would not."""
    services = bridge_world.services
    old = services.keys.present.records.sealing_id
    services.key_admin.add()
    services.key_admin.rotate(None, lambda _: None)
    dying = replace(
        services.key_admin, opening=CutOffOpening(Records(services.store, services.keys))
    )
    with pytest.raises(KeyboardInterrupt):
        dying.retire(old)
    bridge_world.restart()
    bridge_world.services.key_admin.retire(old)
    bridge_world.restart()


def test_a_hash_key_is_never_retired(run: Run, bridge_world: World) -> None:
    """Nothing that it hashed could be found again."""
    [key] = read_keys(bridge_world.key_file).hash_keys
    result = run("keys", "retire", key.id)
    assert result.exit_code == 1
    assert "A hash key is never retired" in result.stderr


@pytest.mark.parametrize("command", [("retire",), ("rotate",), ("rotate", "--hook")])
def test_an_unknown_key_is_refused(run: Run, command: tuple[str, ...]) -> None:
    """Nothing changes."""
    result = run("keys", *command, "k_unknown")
    assert result.exit_code == 1
    assert "with this id" in result.stderr


def test_a_hook_key_is_published_first_only_once_every_server_opens_with_it(
    answer: Answer, run: Run, server: World
) -> None:
    """`add` puts it last, where servers learn it; `rotate` puts it where IdPs look."""

    def published() -> list[str]:
        keys = server.http.get("/.well-known/jwks.json").get_json()["keys"]
        return [key["kid"] for key in keys]

    [old] = published()
    new = answer("keys", "add", "--hook")["id"]
    until(lambda: published() == [old, new])
    assert answer("keys", "rotate", "--hook")["id"] == new
    until(lambda: published() == [new, old])

    assert run("keys", "retire", new).exit_code == 1
    unsure = run("keys", "retire", old, typed="n\n")
    assert unsure.exit_code == 1
    assert "can never be opened again" in unsure.stderr
    assert answer("keys", "retire", old, "--yes") == {"kind": "hook", "id": old}
    until(lambda: published() == [new])


class ImpatientClock(SystemClock):
    """Time that passes in waiting only."""

    def __init__(self) -> None:
        self.waited = 0.0

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


@pytest.mark.parametrize("kind", ["record", "hook"])
def test_a_rotation_refuses_while_a_server_lacks_the_key(bridge_world: World, kind: str) -> None:
    """After a minute it names what to mend, and the old key is still the one in use."""
    services = bridge_world.services
    services.opening.announce("elsewhere", time.time())
    admin = replace(services.key_admin, clock=ImpatientClock())
    before = read_keys(bridge_world.key_file)
    added = (admin.add() if kind == "record" else admin.add_hook_key()).id
    rotations: dict[str, Callable[[], object]] = {
        "record": lambda: admin.rotate(None, lambda _: None),
        "hook": lambda: admin.rotate_hook_key(None),
    }
    with pytest.raises(BridgeError, match=f"does not know {added} yet") as refused:
        rotations[kind]()
    assert refused.value.code is Code.CONFLICT
    after = read_keys(bridge_world.key_file)
    assert after.record_keys[0] == before.record_keys[0]
    assert after.hook_keys[0] == before.hook_keys[0]


def test_damaged_records_are_told_and_keep_their_key(
    run: Run, answer: Answer, bridge_world: World
) -> None:
    """The others move, and the exit code says that something is wrong."""
    bridge_world.grant("u1")
    bridge_world.grant("u2")
    [held] = bridge_world.services.grants.find("acme", "u1")
    row = bridge_world.services.store.get(held.ref)
    assert row is not None
    damaged = structs.replace(row, body=row.body[:-1], version=row.version + 1)
    bridge_world.services.store.replace(damaged, row.version)
    answer("keys", "add")

    result = run("keys", "rotate")

    assert result.exit_code == 1
    assert "1 damaged records were passed over; their old key must stay" in result.stderr
    assert run("keys", "retire", row.key_id).exit_code == 1
    bridge_world.restart()
    assert bridge_world.read("u2").access_token


@pytest.mark.parametrize("arguments", [("list",), ("add",), ("add", "--hook"), ("rotate",)])
def test_no_key_is_printed(run: Run, bridge_world: World, arguments: tuple[str, ...]) -> None:
    """Ids alone, in text and in JSON."""
    outputs = [run("keys", *arguments, *more).output for more in ((), ("--json",))]
    keys = read_keys(bridge_world.key_file)
    parts = [key.secret.reveal() for key in keys.record_keys]
    parts += [key.secret.reveal() for key in keys.hash_keys]
    parts += [json.loads(key.jwk.reveal())["d"] for key in keys.hook_keys]
    assert all(part not in output for part in parts for output in outputs)


def test_a_store_of_other_keys_is_named_before_anything_is_done(
    run: Run, bridge_world: World
) -> None:
    """No command works on a store that the keys do not open."""
    bridge_world.grant("u1")
    key_id = bridge_world.services.keys.present.records.sealing_id
    text = bridge_world.key_file.read_text().replace(key_id, "k_other")
    bridge_world.key_file.write_text(text)
    result = run("keys", "add")
    assert result.exit_code == 1
    assert f"The store was written with the record key {key_id}" in result.stderr
    assert bridge_world.key_file.read_text() == text


def test_the_public_keys_are_printed_as_the_listener_serves_them(
    run: Run, bridge_world: World
) -> None:
    """An IdP gets the same JWKS from a file as from the internal listener; nothing private."""
    printed = json.loads(run("keys", "public").stdout)
    assert printed == bridge_world.http.get("/.well-known/jwks.json").get_json()
    assert all("d" not in key for key in printed["keys"])
