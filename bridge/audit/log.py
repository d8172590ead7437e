"""The audit record: events are appended, in order, and read from any place on.

Owns where events are kept, for how long, and how they are listed. What there is to tell is
`journal`'s and every other author's; who may read it is the business of `admin`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from bridge.audit.act import Act
from bridge.audit.cursor import BEGINNING, Cursor, cursor_at, cursor_lost
from bridge.clock import Clock
from bridge.model import Event
from bridge.store.base import Op, Query, Ref, Row, StoreConflictError
from bridge.vault.records import CorruptRecordError, Held, Index, Records

KIND: Final = "event"
_DAY_S: Final = 24 * 3600
_CHUNK: Final = 500
_MOST_CHUNKS: Final = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events to list.

    Attributes:
        tenants: whose; None is all, those that concern no tenant in particular too.
        type: of what type, if only one is wanted.
        after: from where on.
        limit: how many at most.
    """

    tenants: frozenset[str] | None
    type: str | None = None
    after: Cursor = BEGINNING
    limit: int = 100


class Named(NamedTuple):
    """An act that is told once, however many tell it: when it was, its name, and what it was."""

    at: int
    name: tuple[str, ...]
    act: Act


@dataclass(frozen=True, slots=True)
class Page:
    """Events in their order, each with its place, and the place to go on from."""

    events: Sequence[tuple[Cursor, Held[Event]]]
    next: Cursor


class AuditLog:
    """All events of all tenants."""

    def __init__(self, records: Records, clock: Clock, keep_days: int) -> None:
        self._records = records
        self._clock = clock
        self._kept = keep_days * _DAY_S

    def op(self, partition: str, act: Act) -> Op:
        """Return the write of an act, for the same commit as what it tells of.

        Args:
            partition: the commit's.
            act: what happened.
        """
        return self._written(Ref(KIND, partition, secrets.token_urlsafe(12)), self._now, act)

    def _written(self, ref: Ref, at: int, act: Act) -> Op:
        event = Event(
            type=act.type.value,
            at=at,
            actor=act.cause.actor,
            reason=act.cause.reason,
            subject=act.subject,
            account=act.account,
            client_id=act.client,
            grant=act.grant,
            before=act.before,
            after=act.after,
            tokens=act.tokens,
            details=act.details,
        )
        index = Index(tenant=act.tenant, state=event.type, expires_at=at + self._kept)
        return self._records.append(ref, event, index)

    @property
    def _now(self) -> int:
        return int(self._clock.now())

    def note(self, act: Act) -> None:
        """Write an act that no other write tells of; it is durable on return.

        Raises:
            BridgeError: `store_unavailable`.
        """
        self._records.store.commit([self.op(self.partition(act.tenant), act)])

    def note_once(self, told: Iterable[Named]) -> None:
        """Write acts that some other process may have told already, under the same names.

        Raises:
            BridgeError: `store_unavailable`; some may be written, and can be told again.
        """
        store, index = self._records.store, self._records.keys.hasher.index
        by_partition: dict[str, dict[Ref, Op]] = {}
        for at, name, act in told:
            ref = Ref(KIND, self.partition(act.tenant), index("event", *name))
            if store.get(ref) is None:
                ops = by_partition.setdefault(ref.partition, {})
                ops[ref] = self._written(ref, at, act)
        for ops in by_partition.values():
            self._commit_new(ops)

    def _commit_new(self, ops: dict[Ref, Op]) -> None:
        while ops:
            try:
                self._records.store.commit(list(ops.values()))
            except StoreConflictError as conflict:
                del ops[conflict.ref]
                continue
            return

    def partition(self, tenant: str) -> str:
        """Return the partition of a tenant's events that belong to no other commit."""
        return self._records.keys.hasher.index("audit", tenant)

    def page(self, selection: Selection) -> Page:
        """Return the events next in order, the damaged apart.

        There may be more even if these are fewer than the limit, where other tenants' lie between.

        Raises:
            BridgeError: `invalid_request`, the cursor is of another history; `key_unavailable`.
        """
        self._check(selection.after)
        # Before the events are listed: whatever has this place or a lower one is among them.
        head = self._head()
        rows, end = self._rows(selection)
        if len(rows) < selection.limit and end is None:
            end = max(selection.after, head, *map(cursor_at, rows[-1:]))
        elif end is None:
            end = cursor_at(rows[-1])
        return Page([(cursor_at(row), held) for row in rows if (held := self._opened(row))], end)

    def newest(self, selection: Selection) -> Page:
        """Return the last events before now, in their order; `after` is where they may begin."""
        head = self._head()
        query = replace(self._query(selection), newest_first=True)
        rows = [row for row in self._records.store.list(query) if _is_seen(row, selection)]
        rows.reverse()
        end = max(selection.after, head, *map(cursor_at, rows[-1:]))
        return Page([(cursor_at(row), held) for row in rows if (held := self._opened(row))], end)

    def knows(self, tenant: str) -> bool:
        """Tell whether there is an event of a tenant."""
        return bool(self._records.store.list(Query(KIND, tenant=tenant, limit=1, after_position=0)))

    def _rows(self, selection: Selection) -> tuple[list[Row], Cursor | None]:
        """Return rows, and the place that was reached if it was not the end of anything."""
        query = self._query(selection)
        if selection.tenants is None or query.tenant is not None:
            return list(self._records.store.list(query)), None
        found: list[Row] = []
        end = selection.after
        for _ in range(_MOST_CHUNKS):
            rows = self._records.store.list(replace(query, limit=_CHUNK))
            found += (row for row in rows if _is_seen(row, selection))
            if len(found) >= selection.limit:
                return found[: selection.limit], None
            if len(rows) < _CHUNK:
                return found, None
            end = cursor_at(rows[-1])
            query = replace(query, after_position=end.position)
        return found, end

    def _query(self, selection: Selection) -> Query:
        tenants = selection.tenants
        return Query(
            KIND,
            tenant=next(iter(tenants)) if tenants is not None and len(tenants) == 1 else None,
            state=selection.type,
            limit=selection.limit,
            after_position=selection.after.position,
        )

    def _head(self) -> Cursor:
        newest = Query(KIND, limit=1, after_position=0, newest_first=True)
        return next(map(cursor_at, self._records.store.list(newest)), BEGINNING)

    def _check(self, cursor: Cursor) -> None:
        """Refuse a cursor whose place has another event by now, or lies in the future."""
        if cursor.position == 0:
            return
        own = Query(KIND, limit=1, after_position=cursor.position - 1)
        row = next(iter(self._records.store.list(own)), None)
        if row is None:
            # Swept, if all is gone; with earlier events there, none has come so far yet.
            is_lost = self._head().position > 0
        else:
            is_lost = row.position == cursor.position and cursor_at(row) != cursor
        if is_lost:
            raise cursor_lost()

    def _opened(self, row: Row) -> Held[Event] | None:
        try:
            return self._records.open(row, Event)
        except CorruptRecordError as error:
            log.error("record_corrupt", **error.context)
            return None


def _is_seen(row: Row, selection: Selection) -> bool:
    return selection.tenants is None or row.tenant in selection.tenants
