"""Sealing everything under the first record key, while serving, and counting what is left.

Owns the list of record kinds there are. A rotation that is cut off goes on where it was: what it
has still to do is what the store lists under other keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from bridge.model import (
    Binding,
    CallerKey,
    Circuit,
    Farewell,
    Grant,
    Mark,
    Need,
    Record,
    Recorded,
    Server,
    Unbound,
)
from bridge.store.base import Op, Query, Row, StoreConflictError
from bridge.vault.grants import Grants
from bridge.vault.records import CorruptRecordError, Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens

KINDS: Final[dict[str, type[Record]]] = {
    "grant": Grant,
    "unbound": Unbound,
    "caller": CallerKey,
    "binding": Binding,
    "message": Recorded,
    "need": Need,
    "farewell": Farewell,
    "circuit": Circuit,
    "mark": Mark,
    "server": Server,
}


class Rotation:
    """Moves records to the sealing key."""

    def __init__(self, records: Records, grants: Grants, tokens: RefreshTokens) -> None:
        self._records = records
        self._grants = grants
        self._tokens = tokens

    def run(self, progress: Callable[[int], None]) -> int:
        """Seal anew whatever another key sealed; returns how many damaged records it passed over.

        Args:
            progress: called with the number of records sealed anew since the last call.
        """
        damaged = 0
        for row in self._under_other_keys():
            try:
                op = self._anew(row)
            except CorruptRecordError:
                damaged += 1
                continue
            try:
                self._records.store.commit([op])
            except StoreConflictError:
                # Somebody wrote it meanwhile: under the sealing key, or the next run finds it.
                continue
            progress(1)
        return damaged

    def uses(self, key_id: str) -> bool:
        """Tell whether any record is still under a key."""
        return any(self._records.store.list(Query(kind, key_id=key_id, limit=1)) for kind in KINDS)

    def _under_other_keys(self) -> Iterator[Row]:
        sealing = self._records.keys.present.records.sealing_id
        for kind in KINDS:
            query = Query(kind, key_id_not=sealing)
            while rows := self._records.store.list(query):
                yield from rows
                query = Query(kind, key_id_not=sealing, after=rows[-1].ref)

    def _anew(self, row: Row) -> Op:
        if row.ref.kind == "grant":
            grant = self._records.open(row, Grant)
            return self._grants.write(grant, grant.record)
        if row.ref.kind == "unbound":
            return self._unbound_anew(row)
        held = self._records.open(row, KINDS[row.ref.kind])
        return self._records.replace(held, held.record)

    def _unbound_anew(self, row: Row) -> Op:
        held = self._records.open(row, Unbound)
        owner = Owner(row.tenant, row.ref.partition)
        token, id_token = held.record.token, held.record.id_token
        return self._records.replace(
            held,
            replace(
                held.record,
                token=None if token is None else self._tokens.resealed(owner, token),
                id_token=None if id_token is None else self._tokens.resealed_text(owner, id_token),
            ),
        )
