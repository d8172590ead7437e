"""Sealing everything under the first record key, while serving, and counting what is left.

Owns the list of record kinds there are. A rotation that is cut off goes on where it was: what it
has still to do is what the store lists under other keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.errors import BridgeError, Code
from bridge.model import (
    Asked,
    Binding,
    CallerKey,
    Circuit,
    Event,
    Farewell,
    Foreseen,
    Grant,
    Link,
    Mark,
    Need,
    Order,
    Pending,
    Record,
    Recorded,
    Server,
    SessionLink,
    SubjectRounds,
    Unbound,
    UserSession,
)
from bridge.store.base import Op, Query, Row, StoreConflictError
from bridge.vault.grants import Grants
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens

log = structlog.get_logger(__name__)

_PAGE: Final = 1000

KINDS: Final[dict[str, type[Record]]] = {
    "grant": Grant,
    "unbound": Unbound,
    "caller": CallerKey,
    "binding": Binding,
    "message": Recorded,
    "need": Need,
    "farewell": Farewell,
    "circuit": Circuit,
    "event": Event,
    "link": Link,
    "pending": Pending,
    "round": SubjectRounds,
    "order": Order,
    "asked": Asked,
    "foreseen": Foreseen,
    "mark": Mark,
    "server": Server,
    "session_link": SessionLink,
    "user_session": UserSession,
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
            ops = self._anew_or_none(row)
            if ops is None:
                damaged += 1
                continue
            try:
                self._records.store.commit(ops)
            except StoreConflictError:
                # Somebody wrote it meanwhile: under the sealing key, or the next run finds it.
                continue
            progress(1)
        return damaged

    def uses(self, key_id: str) -> bool:
        """Tell whether any record is still under a key."""
        return any(self._records.store.list(Query(kind, key_id=key_id, limit=1)) for kind in KINDS)

    def close_key(self, key_id: str) -> bool:
        """Let nothing be written under a key any more; False, and no change, if a record is.

        Closed before anybody looks: what was sealed before a rotation can be committed long after
        it, by a thread or a process that stood still meanwhile.
        """
        self._records.store.close_key(key_id)
        if not self.uses(key_id):
            return True
        self._records.store.open_key(key_id)
        return False

    def open_key(self, key_id: str) -> None:
        """Let records be written under a key that was closed."""
        self._records.store.open_key(key_id)

    def census(self) -> Counter[str]:
        """Return how many records are under each key, those of keys that are not here too."""
        found: Counter[str] = Counter()
        for kind in KINDS:
            query = Query(kind, limit=_PAGE)
            while rows := self._records.store.list(query):
                found.update(row.key_id for row in rows)
                query = Query(kind, after=rows[-1].ref, limit=_PAGE)
        return found

    def _under_other_keys(self) -> Iterator[Row]:
        sealing = self._records.keys.present.records.sealing_id
        for kind in KINDS:
            query = Query(kind, key_id_not=sealing)
            while rows := self._records.store.list(query):
                yield from rows
                query = Query(kind, key_id_not=sealing, after=rows[-1].ref)

    def _anew_or_none(self, row: Row) -> Sequence[Op] | None:
        try:
            return self._anew(row)
        except BridgeError as error:
            if error.code not in (Code.RECORD_CORRUPT, Code.KEY_UNAVAILABLE):
                raise
            # One record must not keep all the others under a key that is to go.
            log.error("record_passed_over", kind=row.ref.kind, code=error.code.value, **_at(row))
            return None

    def _anew(self, row: Row) -> Sequence[Op]:
        if row.ref.kind == "grant":
            grant = self._grants.opened(row)
            return self._grants.write(grant, grant.record)
        if row.ref.kind == "unbound":
            return [self._unbound_anew(row)]
        if row.ref.kind == "pending":
            return [self._pending_anew(row)]
        held = self._records.open(row, KINDS[row.ref.kind])
        return [self._records.replace(held, held.record)]

    def _unbound_anew(self, row: Row) -> Op:
        held = self._records.open(row, Unbound)
        owner = Owner(row.tenant, row.ref.partition)
        key_id = self._records.keys.present.records.sealing_id
        token, id_token = held.record.token, held.record.id_token
        return self._records.replace(
            held,
            replace(
                held.record,
                token=token and self._tokens.resealed(owner, token, key_id),
                id_token=id_token and self._tokens.resealed_text(owner, id_token, key_id),
            ),
            key_id=key_id,
        )

    def _pending_anew(self, row: Row) -> Op:
        held = self._records.open(row, Pending)
        pending = held.record
        # Sealed for the account that it may become a grant of, wherever it waits.
        owner = Owner(row.tenant, self._grants.partition(row.tenant, pending.account.sub))
        key_id = self._records.keys.present.records.sealing_id
        token = pending.token and self._tokens.resealed(owner, pending.token, key_id)
        return self._records.replace(held, replace(pending, token=token), key_id=key_id)


def _at(row: Row) -> dict[str, str]:
    return {"record": f"{row.ref.partition}/{row.ref.id}", "key_id": row.key_id}
