"""Rows in Redis: commits, claims, listings and sweeps, each a script.

Owns which index proposes the rows of a listing. Every script that writes a row writes its indexes,
and Redis runs a script as a whole or not at all: an index cannot be behind its rows, and a listing
verifies each row all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bridge.store.base import (
    Append,
    Delete,
    GuardConflictError,
    KeyClosedError,
    Op,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    StoreConflictError,
)
from bridge.store.redis_calls import Argument, Calls, Script
from bridge.store.redis_names import Names, escaped, partition_range, place, unescaped
from bridge.store.redis_rows import packed, unpacked, unpacked_at

_COMMIT: Final = Script("rows", "closed", "commit")
_CLAIM: Final = Script("rows", "closed", "claim")
_LIST: Final = Script("rows", "filter", "list")
_ORDER: Final = Script("rows", "filter", "order")
_SWEEP: Final = Script("rows", "sweep")
_LOAD: Final = Script("rows", "load")
_UNLOAD: Final = Script("rows", "unload")
_CLOSE_KEY: Final = Script("close_key")
_NO_GUARD: Final = (b"", b"", b"")
_GUARD_FAULT: Final = -1
# A script holds up everybody: a scan stops after this many rows, a millisecond or two, and goes on
# in the next call.
_ROWS_A_CALL: Final = 1000
_ROWS_LOADED: Final = 100


class Records:
    """The rows of one store."""

    def __init__(self, calls: Calls, names: Names) -> None:
        self._calls = calls
        self._names = names

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        found = self._calls.get(self._names.row(ref))
        return None if found is None else unpacked(ref, found)

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows in order of (partition, id), or of their positions."""
        if query.after_position is not None:
            return self._by_position(query, query.after_position)
        start, end = b"-", b"+"
        if query.partition is not None:
            start, end = partition_range(query.partition)
        if query.after is not None:
            # Behind the last row of the page before, and not before the partition.
            after = place(query.after)
            if start == b"-" or after >= start[1:]:
                start = b"(" + after
        rows: list[Row] = []
        while True:
            room = query.limit - len(rows)
            given = (*_filters(query), self._index(query), start, end, room, _ROWS_A_CALL)
            start, *found = self._calls.script(_LIST, escaped(query.kind), *given)
            rows += [
                unpacked_at(query.kind, found[at], found[at + 1]) for at in range(0, len(found), 2)
            ]
            if not start:
                return rows

    def _by_position(self, query: Query, after: int) -> Sequence[Row]:
        partition = b"" if query.partition is None else partition_range(query.partition)[0][1:]
        lowest, highest = str(after), "+inf"
        rows: list[Row] = []
        while True:
            room = query.limit - len(rows)
            bounds = (lowest, highest, int(query.newest_first), room, _ROWS_A_CALL, partition)
            reached, *found = self._calls.script(
                _ORDER, escaped(query.kind), *_filters(query), *bounds
            )
            rows += [
                unpacked_at(query.kind, found[at], found[at + 1], int(found[at + 2]))
                for at in range(0, len(found), 3)
            ]
            if not reached:
                return rows
            if query.newest_first:
                highest = f"({reached.decode()}"
            else:
                lowest = reached.decode()

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        found = self._calls.write(_CLAIM, escaped(row.ref.kind), place(row.ref), packed(row))
        _refuse_closed(found)
        return None if found is None else unpacked(row.ref, found)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none."""
        refs = [op.ref if isinstance(op, Delete) else op.row.ref for op in ops]
        if len({ref.partition for ref in refs}) > 1:
            raise ValueError("a commit writes to one partition")
        guarded = _NO_GUARD
        if guard is not None:
            guarded = escaped(guard.ref.kind), place(guard.ref), packed(guard)
        steps = (argument for op in ops for argument in _step(op))
        fault = self._calls.write(_COMMIT, *guarded, *steps)
        _refuse_closed(fault)
        if fault == _GUARD_FAULT:
            raise GuardConflictError
        if fault:
            raise StoreConflictError(refs[fault - 1])

    def close_key(self, key_id: str) -> None:
        """Let no row be written under a key any more."""
        self._calls.write(_CLOSE_KEY, key_id, "1")

    def open_key(self, key_id: str) -> None:
        """Let rows be written under a key again."""
        self._calls.write(_CLOSE_KEY, key_id, "")

    def closed_keys(self) -> Sequence[str]:
        """Return the keys that are closed, in order."""
        return sorted(found.decode() for found in self._members(self._names.closed_keys))

    def kinds(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        return sorted(map(unescaped, self._members(self._names.kinds)))

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are."""
        for start in range(0, len(rows), _ROWS_LOADED):
            given: list[Argument] = []
            for row in rows[start : start + _ROWS_LOADED]:
                position = "" if row.position is None else row.position
                given += (escaped(row.ref.kind), place(row.ref), packed(row), position)
            self._calls.script(_LOAD, *given)

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions."""
        for start in range(0, len(refs), _ROWS_LOADED):
            given: list[Argument] = []
            for ref in refs[start : start + _ROWS_LOADED]:
                given += (escaped(ref.kind), place(ref))
            self._calls.script(_UNLOAD, *given)

    def sweep(self, kind: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`."""
        swept = 0
        while swept < limit:
            chunk = min(limit - swept, _ROWS_A_CALL)
            gone = int(self._calls.script(_SWEEP, escaped(kind), before, chunk))
            swept += gone
            if gone < chunk:
                break
        return swept

    def _members(self, key: bytes) -> Iterable[bytes]:
        found: Iterable[bytes] = self._calls.run(
            lambda client, _: client.execute_command("SMEMBERS", key)
        )
        return found

    def _index(self, query: Query) -> bytes:
        """Return the key, without its first part, of the most selective index."""
        kind = query.kind
        if query.subject:
            key = self._names.index("s", kind, query.subject)
        elif query.account:
            key = self._names.index("c", kind, query.account)
        elif query.state:
            key = self._names.index("t", kind, query.state)
        else:
            key = self._names.index("a", kind)
        return key.removeprefix(self._names.base)


def _filters(query: Query) -> Iterable[Argument]:
    """Yield a sign and a value for each filter, as the scripts count on."""
    filters = (
        *(query.tenant, query.subject, query.account, query.state, query.key_id),
        *(query.key_id_not, query.expires_before),
    )
    for value in filters:
        yield "" if value is None else "="
        yield "" if value is None else value


def _refuse_closed(answer: Any) -> None:  # noqa: ANN401 - Lua's value
    """Check what a script that writes rows answered. Raises KeyClosedError."""
    if isinstance(answer, list):
        raise KeyClosedError(answer[0].decode())


def _step(op: Op) -> tuple[Argument, ...]:
    match op:
        case Put(row):
            return "put", escaped(row.ref.kind), place(row.ref), packed(row), ""
        case Append(row):
            return "append", escaped(row.ref.kind), place(row.ref), packed(row), ""
        case Replace(row, version):
            return "replace", escaped(row.ref.kind), place(row.ref), packed(row), str(version)
        case Delete(ref, version):
            return "delete", escaped(ref.kind), place(ref), b"", str(version)
