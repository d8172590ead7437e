from __future__ import annotations

import base64
import json
import multiprocessing
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from bridge.config import ConfigError
from bridge.config.keys import editing_keys, generate, read_keys, write_keys
from bridge.config.keys.file import is_open_to_others
from bridge.errors import BridgeError, Code

NOW = 1_800_000_000.9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.keys.json"
    write_keys(path, generate(NOW))
    return path


def changed(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_fresh_keys_are_of_each_kind_and_of_full_length() -> None:
    """One record key and one hash key of 32 bytes, one pair for the hook, all dated."""
    keys = generate(NOW)
    (record,), (hashing,), (hook,) = keys.record_keys, keys.hash_keys, keys.hook_keys
    assert len(record.key_bytes()) == len(hashing.key_bytes()) == 32
    assert record.key_bytes() != hashing.key_bytes()
    assert record.created_at == hook.created_at == 1_800_000_000
    assert generate(NOW).record_keys[0].key_bytes() != record.key_bytes()


def test_the_hook_key_opens_what_was_encrypted_to_its_public_half() -> None:
    """The pair is a P-256 JWK that ECDH-ES works with."""
    (hook,) = generate(NOW).hook_keys
    private = ECKey.import_key(json.loads(hook.jwk.reveal()))
    assert private.kid == hook.id
    public = ECKey.import_key(private.as_dict(private=False))
    sealed = jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, b"tokens", public)
    assert jwe.decrypt_compact(sealed, private).plaintext == b"tokens"


def test_keys_survive_the_file(path: Path) -> None:
    """What is read is what was written, and only its owner can read it."""
    keys = generate(NOW)
    write_keys(path, keys)
    assert read_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_key_is_in_the_repr(path: Path) -> None:
    """Printing the keys shows ids and times."""
    keys = read_keys(path)
    shown = repr(keys)
    assert keys.record_keys[0].id in shown
    assert keys.record_keys[0].secret.reveal() not in shown
    assert json.loads(keys.hook_keys[0].jwk.reveal())["d"] not in shown


def test_an_added_record_key_reads_and_does_not_write() -> None:
    """It comes last; the others stay as they are."""
    keys = generate(NOW)
    more = keys.with_record_key_added(NOW + 5)
    assert more.record_keys[:-1] == keys.record_keys
    assert more.record_keys[-1].created_at == 1_800_000_005
    assert more.hash_keys == keys.hash_keys
    assert len(keys.record_keys) == 1


def test_a_record_key_moves_to_the_front_and_another_leaves() -> None:
    """Rotation is: add, put first, take the old one away."""
    keys = generate(NOW).with_record_key_added(NOW).with_record_key_added(NOW)
    first, second, third = keys.record_keys
    turned = keys.with_first(third.id)
    assert turned.record_keys == (third, first, second)
    assert turned.without(first.id).record_keys == (third, second)


def test_the_key_that_writes_cannot_leave() -> None:
    """Taking the first away would silently make another one write."""
    keys = generate(NOW).with_record_key_added(NOW)
    with pytest.raises(BridgeError) as caught:
        keys.without(keys.record_keys[0].id)
    assert caught.value.code is Code.INVALID_REQUEST


@pytest.mark.parametrize("name", ["with_first", "without"])
def test_an_unknown_or_hash_key_cannot_be_moved(name: str) -> None:
    """Only record keys are rotated; hash keys are never retired."""
    keys = generate(NOW)
    for key_id in ("k_unknown", keys.hash_keys[0].id):
        with pytest.raises(BridgeError) as caught:
            getattr(keys, name)(key_id)
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "is_open"),
    [
        (0o440, 0, 1000, False),
        (0o640, 0, 1000, False),
        (0o460, 0, 1000, True),
        (0o444, 0, 1000, True),
        (0o440, 0, 0, True),
        (0o440, 1000, 1000, True),
        (0o440, 1001, 1000, True),
        (0o600, 1000, 1000, False),
    ],
)
def test_only_a_file_of_roots_may_be_readable_by_one_group(
    mode: int, owner: int, reader: int, *, is_open: bool
) -> None:
    """A secret that Kubernetes mounts with `fsGroup` is taken; a user's own 0440 file is not."""
    assert is_open_to_others(mode, owner, reader) is is_open


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_file_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    """Group and world have no business with it, and the mend is a command to copy."""
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    (problem,) = caught.value.problems
    assert problem.mend == f"chmod 600 {path}"
    path.chmod(0o400)
    assert read_keys(path).record_keys


def test_a_missing_key_file_is_a_problem(tmp_path: Path) -> None:
    """It is named, and `bridge init` with it."""
    with pytest.raises(ConfigError, match="bridge init"):
        read_keys(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda f: f.pop("record_keys"), "without record_keys"),
        (lambda f: f.update(record_keys=[]), "at record_keys"),
        (lambda f: f.update(version=2), "at version"),
        (lambda f: f.pop("version"), "without version"),
        (lambda f: f.update(other=1), "no key file of version 1"),
        (lambda f: f["record_keys"][0].update(id="a b"), "at record_keys[0].id"),
        (lambda f: f["record_keys"][0].update(created_at="x"), "at record_keys[0].created_at"),
        (lambda f: f["hash_keys"][0].pop("secret"), "at hash_keys[0], without secret"),
        (lambda f: f["hook_keys"][0].update(crv="P-384"), "at hook_keys[0].crv"),
    ],
)
def test_a_key_file_of_another_form_is_refused_with_the_place(
    path: Path, change: Callable[[Any], object], place: str
) -> None:
    """Missing, unknown and wrongly typed members are told by their place."""
    changed(path, change)
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    assert place in str(caught.value)


def test_all_that_is_wrong_with_the_keys_is_told_together(path: Path) -> None:
    """Bad base64, wrong lengths, duplicates and broken pairs are named by place, not by value."""
    other = json.loads(generate(NOW).hook_keys[0].jwk.reveal())

    def change(file: Any) -> None:
        record = file["record_keys"][0]
        file["record_keys"] += [record, record | {"id": "k_2", "secret": "%%%"}]
        file["hash_keys"][0]["secret"] = base64.b64encode(b"short").decode()
        pair = file["hook_keys"][0]
        file["hook_keys"] += [
            pair | {"kid": "e_2", "d": other["d"]},
            pair | {"kid": "e_3", "x": "A"},
        ]

    changed(path, change)
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    assert [p.path.removeprefix(f"{path}: ") for p in caught.value.problems] == [
        "record_keys[1].id",
        "record_keys[1].secret",
        "record_keys[2].secret",
        "hash_keys[0].secret",
        "hook_keys[1]",
        "hook_keys[2]",
    ]


def test_a_file_that_is_there_is_only_replaced_on_request(path: Path) -> None:
    """`overwrite=False` leaves the old keys and no rest of the new ones."""
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="File exists"):
        write_keys(path, generate(NOW), overwrite=False)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_crash_before_the_rename_leaves_the_old_keys(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file stays whole until the new one is on disk."""
    before = path.read_bytes()

    def crash(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_keys(path, generate(NOW))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    """Writing and locking name what they could not do."""
    path = tmp_path / "none" / "keys.json"
    with pytest.raises(ConfigError, match="cannot be written"):
        write_keys(path, generate(NOW))
    with pytest.raises(ConfigError, match="cannot be made"), editing_keys(path):
        pytest.fail("the lock was given")


def _add_one(path: Path) -> None:
    with editing_keys(path) as keys:
        write_keys(path, keys.with_record_key_added(NOW))


def test_editors_take_turns_over_threads_and_processes(path: Path) -> None:
    """Of many editors that begin at once, none overwrites what another one wrote."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_one, args=(path,)) for _ in range(2)]
    threads = [threading.Thread(target=_add_one, args=(path,)) for _ in range(10)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(read_keys(path).record_keys) == 13


def test_a_failed_edit_gives_the_lock_back(path: Path) -> None:
    """An editor that raises does not lock the next one out."""
    with pytest.raises(RuntimeError), editing_keys(path):
        raise RuntimeError
    _add_one(path)
    assert len(read_keys(path).record_keys) == 2
