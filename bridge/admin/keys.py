"""Changing keys while the bridge serves.

Owns the order that keeps every record and every message readable by every process: a key is known
everywhere before it is used, and unused before it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.admin.key_states import KeyKind, KeyState, states_of
from bridge.clock import Clock
from bridge.config.keys import HookKey, KeyFile, RecordKey, editing_keys, read_keys, write_keys
from bridge.errors import BridgeError, Code, invalid
from bridge.model import Server
from bridge.vault.opening import Opening
from bridge.vault.rotation import Rotation

_PAUSE_S: Final = 0.2
_PATIENCE_S: Final = 60

Knowledge = Callable[[Server], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rotated:
    """A rotation that is done.

    Attributes:
        key_id: the key that writes now.
        damaged: how many records do not open and were passed over.
    """

    key_id: str
    damaged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAdmin:
    """Edits the key file of a store and seals its records anew."""

    path: Path
    opening: Opening
    rotation: Rotation
    reload: Callable[[], bool]
    clock: Clock

    def states(self) -> Iterator[KeyState]:
        """Yield every key, in the order of its use, and what still depends on it.

        Reads the index of the whole store.
        """
        return states_of(read_keys(self.path), self.rotation.census(), self._servers())

    def add(self) -> RecordKey:
        """Add a record key that every process can read with; nothing is written with it yet."""
        with editing_keys(self.path) as keys:
            added = keys.with_record_key_added(self.clock.now())
            write_keys(self.path, added)
        return added.record_keys[-1]

    def add_hook_key(self) -> HookKey:
        """Add a key pair that every process can open with; IdPs go on using the first."""
        with editing_keys(self.path) as keys:
            added = keys.with_hook_key_added(self.clock.now())
            write_keys(self.path, added)
        return added.hook_keys[-1]

    def rotate(self, key_id: str | None, progress: Callable[[int], None]) -> Rotated:
        """Write with a key from now on, and seal every record under it; resumable.

        Args:
            key_id: the key; None takes the newest, so that a rotation that was cut off goes on.
            progress: called with the number of records sealed anew since the last call.

        Raises:
            BridgeError: `not_found`; `conflict`, if a running process does not know the key in
                time.
        """
        chosen = self._written_with(key_id)
        damaged = self.rotation.run(progress)
        return Rotated(chosen, damaged)

    def _written_with(self, key_id: str | None) -> str:
        with editing_keys(self.path) as keys:
            chosen = key_id or _newest(keys.record_keys)
            keys.with_first(chosen)
        self._wait(_record_keys, lambda known: chosen in known, f"does not know {chosen} yet")
        with editing_keys(self.path) as keys:
            first = keys.with_first(chosen)
            # It may be back after a retirement, whole or begun.
            self.rotation.open_key(chosen)
            write_keys(self.path, first)
        self.reload()
        self.opening.prove_keys()
        self._wait(
            _record_keys, lambda known: known[:1] == (chosen,), f"does not write with {chosen} yet"
        )
        return chosen

    def rotate_hook_key(self, key_id: str | None) -> str:
        """Have IdPs encrypt to a hook key from now on; returns its id.

        Args:
            key_id: the key; None takes the newest.

        Raises:
            BridgeError: `not_found`; `conflict`, if a running process cannot open with it in time.
        """
        with editing_keys(self.path) as keys:
            chosen = key_id or _newest(keys.hook_keys)
            keys.with_first_hook_key(chosen)
        # Published first and known later would have IdPs send what no process can open.
        self._wait(_hook_keys, lambda known: chosen in known, f"does not know {chosen} yet")
        with editing_keys(self.path) as keys:
            write_keys(self.path, keys.with_first_hook_key(chosen))
        return chosen

    def kind_of(self, key_id: str) -> KeyKind:
        """Return which kind a key of the key file is.

        Raises:
            BridgeError: `not_found`.
        """
        keys = read_keys(self.path)
        by_kind = {
            KeyKind.RECORD: {key.id for key in keys.record_keys},
            KeyKind.HASH: {key.id for key in keys.hash_keys},
            KeyKind.HOOK: {key.id for key in keys.hook_keys},
        }
        for kind, ids in by_kind.items():
            if key_id in ids:
                return kind
        raise BridgeError(Code.NOT_FOUND, "The key file has no key with this id.")

    def retire(self, key_id: str) -> None:
        """Take a key out of the key file, once nothing that the bridge knows of needs it.

        Messages that IdPs still keep for a hook key are not known here.

        Raises:
            BridgeError: `conflict`, if a record is still under it or a process writes with it;
                `invalid_request`, if it is the first of its kind or a hash key; `not_found`.
        """
        match self.kind_of(key_id):
            case KeyKind.HASH:
                raise invalid("A hash key is never retired: what it hashed cannot be hashed anew.")
            case KeyKind.HOOK:
                with editing_keys(self.path) as keys:
                    write_keys(self.path, keys.without_hook_key(key_id))
            case KeyKind.RECORD:
                with editing_keys(self.path) as keys:
                    self._retire_record_key(keys, key_id)

    def _retire_record_key(self, keys: KeyFile, key_id: str) -> None:
        rest = keys.without(key_id)
        if any(server.key_ids[:1] == (key_id,) for server in self._servers()):
            raise BridgeError(
                Code.CONFLICT,
                "A running bridge still writes with this key; see `bridge keys list`.",
            )
        if not self.rotation.close_key(key_id):
            raise BridgeError(
                Code.CONFLICT,
                "Records are still sealed under this key; run `bridge keys rotate` first.",
            )
        # In this order: a proof without its key would have the next start refused.
        self.opening.forget_key(key_id)
        write_keys(self.path, rest)

    def _servers(self) -> list[Server]:
        return self.opening.servers(self.clock.now())

    def _wait(
        self, known_by: Knowledge, is_enough: Callable[[tuple[str, ...]], bool], lack: str
    ) -> None:
        until = self.clock.monotonic() + _PATIENCE_S
        while not all(is_enough(known_by(server)) for server in self._servers()):
            if self.clock.monotonic() >= until:
                raise BridgeError(
                    Code.CONFLICT,
                    f"A running bridge {lack}. Does it read the same key file? "
                    "Mend that, or stop it, and run the rotation again.",
                )
            self.clock.sleep(_PAUSE_S)


def _newest(keys: Iterable[RecordKey | HookKey]) -> str:
    return max(keys, key=lambda key: key.created_at).id


def _record_keys(server: Server) -> tuple[str, ...]:
    return server.key_ids


def _hook_keys(server: Server) -> tuple[str, ...]:
    return server.hook_key_ids
