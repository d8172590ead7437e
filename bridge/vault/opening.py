"""What is checked when a store is opened: its keys, and that it has not fallen back.

Owns a proof of each record key in the store, and the mark that a witness file outside remembers.
A vault that meets a store of other keys stops; it never starts over.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from bridge.crypto.keyring import KeyUnavailableError
from bridge.errors import BridgeError, Code
from bridge.model import KeyCheck, Mark, Server
from bridge.store.base import Query, Ref, Row
from bridge.vault.records import CorruptRecordError, Index, Records

_KEY: Final = "key"
MARK: Final = "mark"
_MARK_REF: Final = Ref(MARK, MARK, MARK)
SERVER: Final = "server"
SERVER_KEPT_S: Final = 30


class StoreMismatchError(BridgeError):
    """The store was written with other keys, or is older than this process has seen it."""

    def __init__(self, public: str) -> None:
        super().__init__(Code.KEY_UNAVAILABLE, public)


class Opening:
    """Proves a store against keys and witness, and tells who else runs on it."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def prove_keys(self) -> None:
        """Check that every key that wrote this store is here, and that hashes agree.

        Leaves a proof of each key that has none yet.

        Raises:
            StoreMismatchError: names each key at fault.
        """
        ring = self._records.keys.present.records
        wanted = KeyCheck(hash_check=self._records.keys.hasher.index("hash-check"))
        known = {row.ref.id for row in self._records.store.list(Query(_KEY, limit=1000))}
        if problems := [text for key in sorted(known) if (text := self._problem(key, wanted))]:
            raise StoreMismatchError(" ".join(problems))
        if ring.sealing_id not in {*known, *self._records.store.closed_keys()}:
            self._records.store.claim_once(self._proof(ring.sealing_id, wanted))

    def prove_writing(self) -> None:
        """Check that the key which seals is not one that was retired.

        Raises:
            StoreMismatchError: it is: the key file is an old one, or the store is.
        """
        first = self._records.keys.present.records.sealing_id
        if first in self._records.store.closed_keys():
            raise StoreMismatchError(
                f"The key file's first record key, {first}, was retired: nothing is written under "
                "it any more. Give this process the present key file; if an older one, or an older "
                "store, was restored on purpose, run `bridge store restored`."
            )

    def allow_writing(self) -> None:
        """Let the key which seals be written with, also if it was retired."""
        self._records.store.open_key(self._records.keys.present.records.sealing_id)

    def forget_key(self, key_id: str) -> None:
        """Drop the proof of a key that was retired."""
        row = self._records.store.get(_key_ref(key_id))
        if row is not None:
            self._records.store.delete(row.ref, row.version)

    def _problem(self, key_id: str, wanted: KeyCheck) -> str | None:
        try:
            held = self._records.get(_key_ref(key_id), KeyCheck)
        except KeyUnavailableError:
            return f"The store was written with the record key {key_id}, which the key file lacks."
        except CorruptRecordError:
            return f"The key file's {key_id} is not the key of that id that wrote the store."
        if held is not None and held.record != wanted:
            return "The key file's hash key is not the one that the store was written with."
        return None

    def _proof(self, key_id: str, wanted: KeyCheck) -> Row:
        # Under the key that it proves, also where the sealing key becomes another meanwhile.
        return self._records.put(_key_ref(key_id), wanted, key_id=key_id).row

    def advance(self, witness: Path) -> None:
        """Move the store's mark on, then have the witness remember it.

        Raises:
            StoreMismatchError: the witness knows another store, or has seen a later mark.
        """
        seen = read_witness(witness)
        mark = self._records.upsert(_MARK_REF, Mark, lambda present: _advanced(present, seen))
        if mark is not None and (seen is None or seen.value < mark.value):
            _write_witness(witness, mark)

    def accept(self, witness: Path) -> None:
        """Take the store as it is now for the true one, whatever the witness remembers."""
        try:
            seen = read_witness(witness)
        except StoreMismatchError:
            seen = None

        def beyond(present: Mark | None) -> tuple[Mark, Index]:
            value = max(present.value if present else 0, seen.value if seen else 0) + 1
            store_id = present.store_id if present else secrets.token_hex(8)
            return Mark(store_id=store_id, value=value), Index()

        mark = self._records.upsert(_MARK_REF, Mark, beyond)
        if mark is not None:
            _write_witness(witness, mark)

    def mark(self) -> Mark | None:
        """Return which store this is and how far it has come; None for one that nobody used.

        Raises:
            CorruptRecordError, KeyUnavailableError: the keys are not this store's.
        """
        held = self._records.get(_MARK_REF, Mark)
        return None if held is None else held.record

    def announce(self, instance: str, now: float) -> None:
        """Say that this process runs, and which record and hook keys it knows."""
        present = self._records.keys.present
        server = Server(key_ids=present.records.ids, hook_key_ids=present.envelope.ids)
        index = Index(expires_at=int(now) + SERVER_KEPT_S)
        ref = Ref(SERVER, SERVER, instance)
        self._records.upsert(ref, Server, lambda _: (server, index))

    def retreat(self, instance: str) -> None:
        """Say that this process runs no more."""
        self._records.remove(Ref(SERVER, SERVER, instance), Server)

    def servers(self, now: float) -> list[Server]:
        """Return the processes that announced themselves lately."""
        return [
            held.record
            for held in self._records.every(Query(SERVER), Server)
            if (held.index.expires_at or 0) > now
        ]


def read_witness(path: Path) -> Mark | None:
    """Return what the witness file remembers, or None before the first start.

    Raises:
        StoreMismatchError: the file cannot be read as one.
    """
    try:
        raw = json.loads(path.read_text())
        return msgspec.convert((raw["store_id"], raw["value"]), Mark)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError):
        raise StoreMismatchError(
            f"The witness file {path} cannot be read; `bridge store restored` writes a new one."
        ) from None


def _write_witness(path: Path, mark: Mark) -> None:
    # One file a process: two that start at once must not tear each other's.
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with fresh.open("w") as file:
        file.write(json.dumps({"store_id": mark.store_id, "value": mark.value}))
        file.flush()
        # A power failure must not leave an empty file under the name: no start would pass it.
        os.fsync(file.fileno())
    fresh.replace(path)


def _advanced(present: Mark | None, seen: Mark | None) -> tuple[Mark, Index]:
    if seen is not None:
        if present is None or present.store_id != seen.store_id:
            raise StoreMismatchError(
                "This is not the store that this bridge last used. If it is the right one, "
                "run `bridge store restored`; if not, mend store.url."
            )
        if present.value < seen.value:
            raise StoreMismatchError(
                "The store is older than when this bridge last used it, as after a restore from a "
                "backup. Run `bridge store restored`: every grant will prove itself once more "
                "before it serves."
            )
    if present is None:
        return Mark(store_id=secrets.token_hex(8), value=1), Index()
    return Mark(store_id=present.store_id, value=present.value + 1), Index()


def _key_ref(key_id: str) -> Ref:
    return Ref(_KEY, _KEY, key_id)
