"""Changing record keys while the bridge serves.

Owns the order that keeps every record readable by every process: a key is known everywhere before
it writes, and unused before it goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.clock import Clock
from bridge.config.keys import RecordKey, editing_keys, write_keys
from bridge.errors import BridgeError, Code
from bridge.vault.opening import Opening
from bridge.vault.rotation import Rotation

_PAUSE_S: Final = 0.2
_PATIENCE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAdmin:
    """Edits the key file of a store and seals its records anew."""

    path: Path
    opening: Opening
    rotation: Rotation
    reload: Callable[[], bool]
    clock: Clock

    def add(self) -> RecordKey:
        """Add a record key that every process can read with; nothing is written with it yet."""
        with editing_keys(self.path) as keys:
            added = keys.with_record_key_added(self.clock.now())
            write_keys(self.path, added)
        return added.record_keys[-1]

    def rotate(self, key_id: str | None, progress: Callable[[int], None]) -> int:
        """Write with a key from now on, and seal every record under it; resumable.

        Args:
            key_id: the key; None takes the newest, so that a rotation that was cut off goes on.
            progress: called with the number of records sealed anew since the last call.

        Returns:
            How many damaged records were passed over.

        Raises:
            BridgeError: `not_found`; `conflict`, if a running process does not know the key in
                time.
        """
        with editing_keys(self.path) as keys:
            chosen = key_id or max(keys.record_keys, key=lambda key: key.created_at).id
            keys.with_first(chosen)
        self._wait(lambda known: chosen in known, f"does not know the key {chosen} yet")
        with editing_keys(self.path) as keys:
            write_keys(self.path, keys.with_first(chosen))
        self.reload()
        self.opening.prove_keys()
        self._wait(lambda known: known[:1] == (chosen,), f"does not write with {chosen} yet")
        return self.rotation.run(progress)

    def retire(self, key_id: str) -> None:
        """Take a key out of the key file, once nothing needs it.

        Raises:
            BridgeError: `conflict`, if a record is still under it; `invalid_request`, if it
                writes; `not_found`.
        """
        with editing_keys(self.path) as keys:
            rest = keys.without(key_id)
            if self.rotation.uses(key_id):
                raise BridgeError(
                    Code.CONFLICT,
                    "Records are still sealed under this key; run `bridge keys rotate` first.",
                )
            write_keys(self.path, rest)
        self.opening.forget_key(key_id)

    def _wait(self, is_enough: Callable[[tuple[str, ...]], bool], lack: str) -> None:
        until = self.clock.monotonic() + _PATIENCE_S
        while not all(is_enough(s.key_ids) for s in self.opening.servers(self.clock.now())):
            if self.clock.monotonic() >= until:
                raise BridgeError(
                    Code.CONFLICT,
                    f"A running bridge {lack}. Does it read the same key file? "
                    "Mend that, or stop it, and run the rotation again.",
                )
            self.clock.sleep(_PAUSE_S)
