"""Opening a store: other keys, another store and an older one are noticed and named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.config.keys import KeyFile, generate, read_keys, write_keys
from bridge.errors import BridgeError, Code
from bridge.model import State
from bridge.services import Services, build
from bridge.vault.opening import Opening, StoreMismatchError, read_witness
from tests.kit import CALENDAR, DRIVE, SIGN_IN, World
from tests.vault.conftest import Hand, Vault

pytestmark = pytest.mark.sqlite


def _started(world: World) -> Services:
    """Start a bridge on the world's files as a new process would."""
    services = build(world.settings, world.clock)
    try:
        services.start()
    except BaseException:
        services.close()
        raise
    return services


def _refusal(world: World) -> str:
    with pytest.raises(StoreMismatchError) as refused:
        _started(world)
    assert refused.value.code is Code.KEY_UNAVAILABLE
    return refused.value.public


def _with_keys(world: World, change: Callable[[KeyFile], KeyFile]) -> None:
    write_keys(world.key_file, change(read_keys(world.key_file)))


def test_a_store_opens_again_with_the_keys_that_wrote_it(bridge_world: World) -> None:
    """Nothing is refused where nothing is wrong, start after start."""
    for _ in range(3):
        _started(bridge_world).close()


def test_a_store_of_other_keys_is_refused_and_the_missing_key_named(bridge_world: World) -> None:
    """With a fresh key file nothing starts; the key that is wanted is told by its id."""
    wanted = read_keys(bridge_world.key_file).record_keys[0].id
    write_keys(bridge_world.key_file, generate(1))

    assert wanted in _refusal(bridge_world)


def test_a_store_refuses_another_hash_key(bridge_world: World) -> None:
    """Right record keys do not make up for another hash key: nothing would be found."""
    _with_keys(bridge_world, lambda keys: replace(keys, hash_keys=generate(1).hash_keys))

    assert "hash key" in _refusal(bridge_world)


def test_a_missing_key_is_named_also_when_another_writes(bridge_world: World) -> None:
    """Every key that ever wrote must be there until it is retired."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    added = bridge_world.services.key_admin.add()
    bridge_world.services.key_admin.rotate(added.id, lambda _: None)
    _with_keys(bridge_world, lambda keys: keys.without(former))

    refusal = _refusal(bridge_world)

    assert former in refusal
    assert added.id not in refusal


def test_a_key_of_the_same_id_and_another_secret_is_named(bridge_world: World) -> None:
    """An id is no proof: the store holds one that the key itself has sealed."""

    def forged(keys: KeyFile) -> KeyFile:
        secret = generate(1).record_keys[0].secret
        return replace(keys, record_keys=(replace(keys.record_keys[0], secret=secret),))

    wanted = read_keys(bridge_world.key_file).record_keys[0].id
    _with_keys(bridge_world, forged)

    assert f"{wanted} is not the key of that id" in _refusal(bridge_world)


def test_every_key_at_fault_is_named_at_once(bridge_world: World) -> None:
    """An operator mends all of it in one go."""
    former = read_keys(bridge_world.key_file).record_keys[0].id
    added = bridge_world.services.key_admin.add()
    bridge_world.services.key_admin.rotate(added.id, lambda _: None)
    write_keys(bridge_world.key_file, generate(1))

    refusal = _refusal(bridge_world)

    assert former in refusal
    assert added.id in refusal


def test_a_refused_start_changes_neither_store_nor_witness(bridge_world: World) -> None:
    """With the right keys back in their place everything goes on as before."""
    grant = bridge_world.grant("u1")
    right = read_keys(bridge_world.key_file)
    witness = bridge_world.settings.witness_file.read_text()
    write_keys(bridge_world.key_file, generate(1))
    _refusal(bridge_world)
    assert bridge_world.settings.witness_file.read_text() == witness

    write_keys(bridge_world.key_file, right)
    services = _started(bridge_world)

    assert services.grants.get(grant.id) is not None
    services.close()


# A store that fell back, or is another one


def _copied(world: World, to: Path) -> None:
    """Copy the store as a backup tool does, while the bridge runs."""
    with (
        closing(sqlite3.connect(world.settings.store.path)) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


def _put_back(world: World, backup: Path) -> None:
    """Stop the bridge and put a backup where its store was."""
    world.services.close()
    path = world.settings.store.path
    for name in (f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.copy(backup, path)


def test_a_store_older_than_its_witness_is_refused(bridge_world: World, tmp_path: Path) -> None:
    """A backup that is put back is noticed at the next start, and the way out is told."""
    _copied(bridge_world, tmp_path / "backup.db")
    bridge_world.services.upkeep.rare()
    _put_back(bridge_world, tmp_path / "backup.db")

    refusal = _refusal(bridge_world)

    assert "older" in refusal
    assert "bridge store restored" in refusal


def test_a_running_bridge_notices_a_store_that_fell_back(bridge_world: World) -> None:
    """The rounds of a process that has seen a later mark refuse to move it on."""
    opening, witness = bridge_world.services.opening, bridge_world.settings.witness_file
    seen = read_witness(witness)
    assert seen is not None
    witness.write_text(f'{{"store_id": "{seen.store_id}", "value": {seen.value + 1}}}')

    with pytest.raises(StoreMismatchError, match="older"):
        opening.advance(witness)


def test_a_start_with_a_retired_key_in_front_is_refused_until_it_is_accepted(
    bridge_world: World,
) -> None:
    """An old key file writes nothing; one that was restored on purpose does, by the command."""
    bridge_world.grant("u1")
    first = read_keys(bridge_world.key_file).record_keys[0].id
    bridge_world.services.store.close_key(first)

    refusal = _refusal(bridge_world)
    assert first in refusal
    assert "bridge store restored" in refusal
    assert bridge_world.http.get("/ready").status_code == 503
    bridge_world.services.restored.run(lambda _: None)

    _started(bridge_world).close()
    assert bridge_world.http.get("/ready").status_code == 200
    assert bridge_world.read("u1").access_token


def test_an_empty_store_in_place_of_the_known_one_is_refused(bridge_world: World) -> None:
    """A wrong path or a lost volume does not make the bridge start over."""
    bridge_world.services.close()
    for path in bridge_world.folder.glob(f"{bridge_world.settings.store.path.name}*"):
        path.unlink()

    assert "not the store that this bridge last used" in _refusal(bridge_world)


def test_another_store_of_the_same_keys_is_refused(bridge_world: World, tmp_path: Path) -> None:
    """Two stores of one installation cannot be mixed up."""
    other = Vault(tmp_path / "other.db", read_keys(bridge_world.key_file))
    other.opening.prove_keys()
    for _ in range(5):
        other.opening.advance(tmp_path / "other.witness")
    other.close()
    _put_back(bridge_world, tmp_path / "other.db")

    assert "not the store that this bridge last used" in _refusal(bridge_world)


def test_a_witness_that_cannot_be_read_is_refused_and_mended_by_the_command(
    bridge_world: World,
) -> None:
    """A torn witness stops the start; taking the store for true writes a new one."""
    bridge_world.settings.witness_file.write_text("{")
    assert "cannot be read" in _refusal(bridge_world)

    bridge_world.services.restored.run(lambda _: None)

    _started(bridge_world).close()


def test_the_witness_moves_on_with_the_store(vault: Vault, tmp_path: Path) -> None:
    """Each advance writes a greater mark of the same store to both."""
    witness = tmp_path / "witness"
    marks = []
    for _ in range(3):
        vault.opening.advance(witness)
        marks.append(read_witness(witness))

    assert [mark.value for mark in marks if mark] == [1, 2, 3]
    assert len({mark.store_id for mark in marks if mark}) == 1
    assert [path.name for path in tmp_path.iterdir() if "witness" in path.name] == ["witness"]


def test_two_processes_share_one_witness(vault: Vault, tmp_path: Path) -> None:
    """Whichever advances, the other goes on: both belong to the same store."""
    other = Opening(vault.records)
    witness = tmp_path / "witness"

    for opening in (vault.opening, other, vault.opening):
        opening.advance(witness)

    mark = read_witness(witness)
    assert mark is not None
    assert mark.value == 3


# After a restore


def test_after_a_restore_every_grant_proves_itself_before_it_serves(
    bridge_world: World, tmp_path: Path
) -> None:
    """Accepted, the backup's grants serve again, each after a refresh of its own; none from cache.

    A grant that was revoked at Google since the backup does not.
    """
    kept, lost = bridge_world.account(), bridge_world.account()
    bridge_world.grant("kept", account=kept)
    bridge_world.grant("lost", account=lost)
    before = bridge_world.read("kept").access_token
    bridge_world.read("lost")
    _copied(bridge_world, tmp_path / "backup.db")
    bridge_world.services.upkeep.rare()
    bridge_world.google.revoke_as_user(lost, bridge_world.client)
    _put_back(bridge_world, tmp_path / "backup.db")
    _refusal(bridge_world)

    progress: list[int] = []
    restoring = build(bridge_world.settings, bridge_world.clock)
    doubted = restoring.restored.run(progress.append)
    restoring.close()
    bridge_world.restart()

    assert (doubted, sum(progress)) == (2, 2)
    assert bridge_world.grant_of("kept").state is State.UNVERIFIED
    bridge_world.google.reset_stats()
    assert bridge_world.read("kept").access_token != before
    assert bridge_world.google.stats().refreshes == 1
    with pytest.raises(BridgeError) as dead:
        bridge_world.read("lost")
    assert dead.value.code is Code.REAUTH_REQUIRED


def test_a_restore_costs_no_scope(bridge_world: World) -> None:
    """The wider of two restored tokens serves again, though the narrower one is newer."""
    account = bridge_world.account()
    wide = f"{SIGN_IN} {CALENDAR} {DRIVE}"
    bridge_world.grant("u1", wide, account=account)
    bridge_world.read("u1", DRIVE)
    bridge_world.clock.advance(60)
    bridge_world.login("u1", account, bridge_world.sign_in(account))
    bridge_world.clock.advance(7200)
    bridge_world.read("u1", DRIVE)
    assert bridge_world.grant_of("u1").spare is not None

    bridge_world.services.restored.run(lambda _: None)

    assert DRIVE in bridge_world.read("u1", DRIVE).scope


def test_a_restore_that_was_cut_off_is_finished_by_the_same_command(
    bridge_world: World, tmp_path: Path
) -> None:
    """The witness is told last: until every grant is doubted the start stays refused."""
    for n in range(3):
        bridge_world.grant(f"u{n}")
        bridge_world.read(f"u{n}")
    _copied(bridge_world, tmp_path / "backup.db")
    bridge_world.services.upkeep.rare()
    _put_back(bridge_world, tmp_path / "backup.db")
    restoring = build(bridge_world.settings, bridge_world.clock)

    def cut_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restoring.restored.run(cut_off)
    _refusal(bridge_world)
    doubted = restoring.restored.run(lambda _: None)
    restoring.close()
    bridge_world.restart()

    assert doubted == 3
    assert bridge_world.grant_of("u2").state is State.UNVERIFIED


def test_a_restore_goes_on_past_a_damaged_grant(bridge_world: World) -> None:
    """What does not open is left as it is; all others are doubted."""
    damaged, sound = bridge_world.grant("u1"), bridge_world.grant("u2")
    bridge_world.read("u2")
    hand = Hand(bridge_world.settings.store.path)
    hand.run("UPDATE records SET body = x'00' WHERE 'g_' || partition || id = ?", damaged.id)

    assert bridge_world.services.restored.run(lambda _: None) == 1
    held = bridge_world.services.grants.get(sound.id)
    assert held is not None
    assert held.record.access == ()
