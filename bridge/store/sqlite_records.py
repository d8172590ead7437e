"""Records in SQLite: reading, listing and writing rows.

Owns every statement about `records`. A body is bytes here, and nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from bridge.store.base import (
    Append,
    Delete,
    GuardConflictError,
    Op,
    Probe,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    StoreConflictError,
    Version,
    versions,
)
from bridge.store.sqlite_closed_keys import refuse_closed
from bridge.store.sqlite_connections import Connections
from bridge.store.sqlite_queries import COLUMNS, PLACES, Listings, listing, listings_of

_KIND: Final = "SELECT id FROM kinds WHERE name = ?"
_NEW_KIND: Final = "INSERT INTO kinds (name) VALUES (?) ON CONFLICT DO NOTHING"
_GET: Final = f"SELECT {COLUMNS} FROM records WHERE kind = ? AND partition = ? AND id = ?"  # noqa: S608 - our own constant
_INSERT: Final = """
INSERT INTO records (kind, partition, id, version, body, key_id, tenant, subject, account, state,
    expires_at, position)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_COLUMNS_BUT_REF: Final = (
    *("version", "body", "key_id", "tenant", "subject", "account", "state", "expires_at"),
)
_LOAD: Final = (
    _INSERT.removesuffix("ON CONFLICT DO NOTHING")
    + "ON CONFLICT (kind, partition, id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS_BUT_REF)
    + ", position = coalesce(excluded.position, position)"
)
_UNLOAD: Final = "DELETE FROM records WHERE kind = ? AND partition = ? AND id = ?"
_RAISE_POSITION: Final = "UPDATE numbers SET value = max(value, ?) WHERE name = 'position'"
_KINDS: Final = "SELECT name FROM kinds ORDER BY name"
# Writers come one at a time, so whoever sees a position sees all the lower ones.
_NEXT_POSITION: Final = (
    "UPDATE numbers SET value = value + 1 WHERE name = 'position' RETURNING value"
)
# Most writes leave the indexed columns alone. SQLite rewrites the entries of every index whose
# columns an UPDATE names, even to the same value: five dirty pages to sync in place of one.
_UPDATE_BODY: Final = """
UPDATE records SET version = ?, body = ?, key_id = ?, tenant = ?, state = ?
WHERE kind = ? AND partition = ? AND id = ? AND version = ?
    AND subject = ? AND account = ? AND expires_at IS ?"""
_UPDATE_ALL: Final = """
UPDATE records SET version = ?, body = ?, key_id = ?, tenant = ?, state = ?,
    subject = ?, account = ?, expires_at = ?
WHERE kind = ? AND partition = ? AND id = ? AND version = ?"""
_DELETE: Final = """
DELETE FROM records WHERE kind = ? AND partition = ? AND id = ? AND version = ?"""
_SWEEP: Final = """
DELETE FROM records WHERE rowid IN (
    SELECT rowid FROM records INDEXED BY records_by_expiry
    WHERE kind = ? AND expires_at IS NOT NULL AND expires_at < ? LIMIT ?)"""
# What a listing filters by, and a bit for each: the statement is found by those that are set.
_FILTERS: Final = attrgetter(
    *("partition", "tenant", "subject", "account", "state", "key_id", "key_id_not"),
    "expires_before",
)
_BITS: Final = tuple(1 << place for place in range(8))
_EMPTY: Final = 8
_AFTER: Final = 1 << 16


class Records:
    """The rows of one database file."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._kinds: dict[str, int] = {}
        self._listings: dict[int, Listings] = {}

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        kind = self._known_kind(ref.kind)
        if kind is None:
            return None
        found = self._connections.fetch(_GET, (kind, ref.partition, ref.id))
        return _row(ref.kind, found[0]) if found else None

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows in order of (partition, id), or of their positions."""
        name = query.kind
        kind = self._kinds.get(name) or self._known_kind(name)
        if kind is None:
            return []
        if query.after_position is not None:
            return self._by_position(kind, query)
        shape, parameters = _shape(kind, query)
        listings = self._listings.get(shape)
        if listings is None:
            listings = self._listings[shape] = listings_of(query)
        return self._listed(name, listings, parameters)

    def probe(self, query: Query) -> Probe:
        """Return what tells the versions of the rows that `list` would return, at each call."""
        kind = self._known_kind(query.kind)
        if kind is None or query.after_position is not None:
            return lambda: versions(self.list(query))
        sql = listing(query, is_sorted=False, selected=PLACES)
        _, parameters = _shape(kind, query)
        fetch, limit = self._connections.fetch, query.limit

        def look() -> Sequence[Version]:
            found = fetch(sql, parameters)
            if len(found) == limit:
                # Any of those that there are, and a listing has the first.
                return versions(self.list(query))
            found.sort()
            return found

        return look

    def _listed(self, kind: str, listings: Listings, parameters: Sequence[Any]) -> Sequence[Row]:
        in_order, few = listings
        if few is not None:
            rows = [_row(kind, columns) for columns in self._connections.fetch(few, parameters)]
            if len(rows) < parameters[-1]:
                if len(rows) > 1:
                    rows.sort(key=_place)
                return rows
        return [_row(kind, columns) for columns in self._connections.fetch(in_order, parameters)]

    def _by_position(self, kind: int, query: Query) -> Sequence[Row]:
        filters = (
            *(query.partition, query.tenant, query.subject, query.account, query.state),
            *(query.key_id, query.key_id_not, query.expires_before, query.after_position),
        )
        parameters = [kind, *(value for value in filters if value is not None), query.limit]
        found = self._connections.fetch(listing(query), parameters)
        return [_row(query.kind, columns) for columns in found]

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        kind = self._kind(row.ref.kind)

        def claim(connection: sqlite3.Connection) -> Row | None:
            if not _insert(connection, kind, row):
                return _there(connection, kind, row.ref)
            refuse_closed(connection, (row,))
            return None

        return self._connections.write(claim)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none."""
        refs = [op.ref if isinstance(op, Delete) else op.row.ref for op in ops]
        if len({ref.partition for ref in refs}) > 1:
            raise ValueError("a commit writes to one partition")
        steps = [(self._kind(ref.kind), ref, op) for ref, op in zip(refs, ops, strict=True)]
        guarded = None if guard is None else (self._kind(guard.ref.kind), guard)

        def do(connection: sqlite3.Connection) -> None:
            written = [op.row for op in ops if not isinstance(op, Delete)]
            if guarded is not None and _guard(connection, *guarded):
                written.append(guarded[1])
            for kind, ref, op in steps:
                if not _apply(connection, kind, op):
                    raise StoreConflictError(ref)
            refuse_closed(connection, written)

        self._connections.write(do)

    def every_kind(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        return [name for (name,) in self._connections.fetch(_KINDS, ())]

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are."""
        steps = [(self._kind(row.ref.kind), row) for row in rows]

        def do(connection: sqlite3.Connection) -> None:
            for kind, row in steps:
                connection.execute(_LOAD, _values(kind, row, row.position))
                if row.position is not None:
                    connection.execute(_RAISE_POSITION, (row.position,))

        if steps:
            self._connections.write(do)

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions."""
        steps = [(self._kind(ref.kind), ref.partition, ref.id) for ref in refs]

        def do(connection: sqlite3.Connection) -> None:
            connection.executemany(_UNLOAD, steps)

        if steps:
            self._connections.write(do)

    def sweep(self, kind_name: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`."""
        kind = self._known_kind(kind_name)
        if kind is None:
            return 0
        return self._connections.write(
            lambda connection: connection.execute(_SWEEP, (kind, before, limit)).rowcount
        )

    def _known_kind(self, name: str) -> int | None:
        kind = self._kinds.get(name)
        if kind is None:
            found = self._connections.fetch(_KIND, (name,))
            if found:
                kind = self._kinds[name] = int(found[0][0])
        return kind

    def _kind(self, name: str) -> int:
        kind = self._known_kind(name)
        if kind is not None:
            return kind
        # A transaction of its own: a number that is rolled back could become another kind's.
        self._connections.write(lambda connection: connection.execute(_NEW_KIND, (name,)))
        ((kind,),) = self._connections.fetch(_KIND, (name,))
        return self._kinds.setdefault(name, kind)


def _shape(kind: int, query: Query) -> tuple[int, list[Any]]:
    """Return a number for the set of filters of a query, and the parameters of its statement."""
    shape = 0
    parameters: list[Any] = [kind]
    for bit, value in zip(_BITS, _FILTERS(query), strict=True):
        if value is not None:
            # An empty text is another filter: the partial indexes leave it out.
            shape |= bit if value else bit << _EMPTY
            parameters.append(value)
    if query.after is not None:
        shape |= _AFTER
        parameters += list[Any](query.after[1:])
    parameters.append(query.limit)
    return shape, parameters


def _row(kind: str, columns: tuple[Any, ...]) -> Row:
    return Row(Ref(kind, columns[0], columns[1]), *columns[2:])


def _place(row: Row) -> Ref:
    return row.ref


def _guard(connection: sqlite3.Connection, kind: int, guard: Row) -> bool:
    """Insert a guard, and tell whether it was not there."""
    if _insert(connection, kind, guard):
        return True
    if _there(connection, kind, guard.ref).body != guard.body:
        raise GuardConflictError
    return False


def _there(connection: sqlite3.Connection, kind: int, ref: Ref) -> Row:
    return _row(ref.kind, connection.execute(_GET, (kind, ref.partition, ref.id)).fetchone())


def _apply(connection: sqlite3.Connection, kind: int, op: Op) -> bool:
    match op:
        case Put(row):
            return _insert(connection, kind, row)
        case Append(row):
            ((position,),) = connection.execute(_NEXT_POSITION).fetchall()
            return _insert(connection, kind, row, position)
        case Replace(row, expect_version):
            return _update(connection, kind, row, expect_version)
        case Delete(ref, expect_version):
            where = (kind, ref.partition, ref.id, expect_version)
            return connection.execute(_DELETE, where).rowcount == 1


def _insert(
    connection: sqlite3.Connection, kind: int, row: Row, position: int | None = None
) -> bool:
    return connection.execute(_INSERT, _values(kind, row, position)).rowcount == 1


def _values(kind: int, row: Row, position: int | None) -> tuple[Any, ...]:
    return (
        *(kind, row.ref.partition, row.ref.id, row.version, row.body, row.key_id),
        *(row.tenant, row.subject, row.account, row.state, row.expires_at, position),
    )


def _update(connection: sqlite3.Connection, kind: int, row: Row, expect_version: int) -> bool:
    plain = (row.version, row.body, row.key_id, row.tenant, row.state)
    indexed = (row.subject, row.account, row.expires_at)
    where = (kind, row.ref.partition, row.ref.id, expect_version)
    if connection.execute(_UPDATE_BODY, (*plain, *where, *indexed)).rowcount == 1:
        return True
    return connection.execute(_UPDATE_ALL, (*plain, *indexed, *where)).rowcount == 1
