"""Records in SQLite: reading, listing and writing rows.

Owns every statement about `records`. A body is bytes here, and nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from bridge.store.base import (
    Delete,
    GuardConflictError,
    Op,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    StoreConflictError,
)
from bridge.store.sqlite_connections import Connections
from bridge.store.sqlite_queries import COLUMNS, listing

_KIND: Final = "SELECT id FROM kinds WHERE name = ?"
_NEW_KIND: Final = "INSERT INTO kinds (name) VALUES (?) ON CONFLICT DO NOTHING"
_GET: Final = f"SELECT {COLUMNS} FROM records WHERE kind = ? AND partition = ? AND id = ?"  # noqa: S608 - our own constant
_INSERT: Final = """
INSERT INTO records (kind, partition, id, version, body, key_id, tenant, subject, account, state,
    expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
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


class Records:
    """The rows of one database file."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._kinds: dict[str, int] = {}
        self._listings: dict[tuple[object, ...], str] = {}

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        kind = self._known_kind(ref.kind)
        if kind is None:
            return None
        found = self._connections.fetch(_GET, (kind, ref.partition, ref.id))
        return _row(ref.kind, found[0]) if found else None

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows in order of (partition, id)."""
        name = query.kind
        kind = self._known_kind(name)
        if kind is None:
            return []
        values = (
            query.partition,
            query.tenant,
            query.subject,
            query.account,
            query.state,
            query.key_id,
            query.key_id_not,
            query.expires_before,
        )
        # None is no filter, and an empty text another one: the partial indexes leave it out.
        shape = (query.after is None, *[value and True for value in values])
        sql = self._listings.get(shape)
        if sql is None:
            sql = self._listings[shape] = listing(query)
        parameters: list[Any] = [kind]
        parameters += [value for value in values if value is not None]
        if query.after is not None:
            parameters += query.after[1:]
        parameters.append(query.limit)
        return [_row(name, columns) for columns in self._connections.fetch(sql, parameters)]

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        kind = self._kind(row.ref.kind)

        def claim(connection: sqlite3.Connection) -> Row | None:
            return None if _insert(connection, kind, row) else _there(connection, kind, row.ref)

        return self._connections.write(claim)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none."""
        refs = [op.ref if isinstance(op, Delete) else op.row.ref for op in ops]
        if len({ref.partition for ref in refs}) > 1:
            raise ValueError("a commit writes to one partition")
        steps = [(self._kind(ref.kind), ref, op) for ref, op in zip(refs, ops, strict=True)]
        guarded = None if guard is None else (self._kind(guard.ref.kind), guard)

        def do(connection: sqlite3.Connection) -> None:
            if guarded is not None:
                _guard(connection, *guarded)
            for kind, ref, op in steps:
                if not _apply(connection, kind, op):
                    raise StoreConflictError(ref)

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


def _row(kind: str, columns: tuple[Any, ...]) -> Row:
    partition, id_, *rest = columns
    return Row(Ref(kind, partition, id_), *rest)


def _guard(connection: sqlite3.Connection, kind: int, guard: Row) -> None:
    if _insert(connection, kind, guard):
        return
    if _there(connection, kind, guard.ref).body != guard.body:
        raise GuardConflictError


def _there(connection: sqlite3.Connection, kind: int, ref: Ref) -> Row:
    return _row(ref.kind, connection.execute(_GET, (kind, ref.partition, ref.id)).fetchone())


def _apply(connection: sqlite3.Connection, kind: int, op: Op) -> bool:
    match op:
        case Put(row):
            return _insert(connection, kind, row)
        case Replace(row, expect_version):
            return _update(connection, kind, row, expect_version)
        case Delete(ref, expect_version):
            where = (kind, ref.partition, ref.id, expect_version)
            return connection.execute(_DELETE, where).rowcount == 1


def _insert(connection: sqlite3.Connection, kind: int, row: Row) -> bool:
    values = (
        *(kind, row.ref.partition, row.ref.id, row.version, row.body, row.key_id),
        *(row.tenant, row.subject, row.account, row.state, row.expires_at),
    )
    return connection.execute(_INSERT, values).rowcount == 1


def _update(connection: sqlite3.Connection, kind: int, row: Row, expect_version: int) -> bool:
    plain = (row.version, row.body, row.key_id, row.tenant, row.state)
    indexed = (row.subject, row.account, row.expires_at)
    where = (kind, row.ref.partition, row.ref.id, expect_version)
    if connection.execute(_UPDATE_BODY, (*plain, *where, *indexed)).rowcount == 1:
        return True
    return connection.execute(_UPDATE_ALL, (*plain, *indexed, *where)).rowcount == 1
