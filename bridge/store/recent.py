"""Rows as they were read a moment ago: what a process keeps to answer the same read again.

Owns how long (a row that some other process changed is seen within a second), how much, and that
this process's own writes are seen at once. Holds what the store holds, sealed rows, and opens none.
Whoever writes, or decides anything but to serve, reads the store itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from bridge import metrics
from bridge.store.base import Delete, Op, Query, Ref, Row
from bridge.store.turns import Turns

KEPT_S: Final = 0.8
"""Seconds from before a read; with the time to answer from it, a change is seen within one."""

_OVERHEAD: Final = 1024

_T = TypeVar("_T")
_Key = Query | Ref


class _Kept(NamedTuple):
    """What a read found, and until when it may be used."""

    until: float
    rows: tuple[Row, ...]
    size: int


class Recent:
    """The rows of one process, by the reads that found them. Safe for use by many threads.

    Attributes:
        hits, misses: how many reads were answered from here, and how many were not.
        turns: of those who look for what is not here.
    """

    def __init__(self, room: int, monotonic: Callable[[], float]) -> None:
        """Take how many bytes to use at most, about, and a clock that never steps."""
        self.hits = 0
        self.misses = 0
        self._room = room
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.turns = Turns()
        # In the order of their ends: each is kept equally long.
        self._kept: dict[_Key, _Kept] = {}
        self._size = 0
        self._by_ref: dict[Ref, set[_Key]] = {}
        self._by_subject: dict[tuple[str, str], set[_Key]] = {}
        self._changes = 0

    def read(self, key: _Key, fetch: Callable[[], Sequence[Row]]) -> Sequence[Row]:
        """Return what was found for `key` a moment ago, or else what `fetch` finds.

        Thousands who look for the same at the same moment would all find nothing, and all fetch it.
        """
        kept = self._fresh(key)
        if kept is not None:
            return kept.rows
        with self.turns.of(key):
            kept = self._fresh(key)
            return self._fetched(key, fetch) if kept is None else kept.rows

    def _fresh(self, key: _Key) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None or kept.until <= self._monotonic():
            return None
        self.hits += 1
        metrics.count(metrics.CACHE, "hit")
        return kept

    def _fetched(self, key: _Key, fetch: Callable[[], Sequence[Row]]) -> Sequence[Row]:
        now = self._monotonic()
        self.misses += 1
        metrics.count(metrics.CACHE, "miss")
        changes = self._changes
        rows = tuple(fetch())
        if rows:
            self._keep(key, rows, now, changes)
        return rows

    def forget(self, refs: Iterable[Ref], subjects: Iterable[tuple[str, str]]) -> None:
        """Forget every read that found one of these rows, or looked for one of these subjects.

        Args:
            refs: rows that changed.
            subjects: kinds, and the subjects that rows of theirs have now.
        """
        with self._lock:
            self._changes += 1
            for ref in refs:
                self._drop(self._by_ref.get(ref, ()))
            for subject in subjects:
                self._drop(self._by_subject.get(subject, ()))

    def forget_written(self, ops: Iterable[Op]) -> None:
        """Forget what some writes changed."""
        ops = tuple(ops)
        rows = [op.row for op in ops if not isinstance(op, Delete)]
        refs = [*(row.ref for row in rows), *(op.ref for op in ops if isinstance(op, Delete))]
        self.forget(refs, ((row.ref.kind, row.subject) for row in rows if row.subject))

    def forget_all(self) -> None:
        """Forget everything."""
        with self._lock:
            self._changes += 1
            self._drop(self._kept)

    def rows(self) -> list[Row]:
        """Return all that is kept, for whoever wants to see that it is sealed."""
        with self._lock:
            return [row for kept in self._kept.values() for row in kept.rows]

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return self._size

    def _keep(self, key: _Key, rows: tuple[Row, ...], began: float, changes: int) -> None:
        size = _OVERHEAD + sum(len(row.body) for row in rows)
        with self._lock:
            # Something was written since the read began: it may have found what was before.
            if changes != self._changes or size > self._room:
                return
            self._drop((key,))
            while self._size + size > self._room:
                self._drop((next(iter(self._kept)),))
            self._kept[key] = _Kept(began + KEPT_S, rows, size)
            self._size += size
            for row in rows:
                self._by_ref.setdefault(row.ref, set()).add(key)
            if isinstance(key, Query) and key.subject:
                self._by_subject.setdefault((key.kind, key.subject), set()).add(key)

    def _drop(self, keys: Iterable[_Key]) -> None:
        for key in tuple(keys):
            kept = self._kept.pop(key, None)
            if kept is None:
                continue
            self._size -= kept.size
            for row in kept.rows:
                _discard(self._by_ref, row.ref, key)
            if isinstance(key, Query) and key.subject:
                _discard(self._by_subject, (key.kind, key.subject), key)


def _discard(index: dict[_T, set[_Key]], name: _T, key: _Key) -> None:
    keys = index.get(name)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[name]
