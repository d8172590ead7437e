"""Rows as they were read a moment ago: what a process keeps to answer the same read again.

Owns how long (a row that some other process changed is seen within a second), how much, and that
this process's own writes are seen at once. Holds what the store holds, sealed rows, and opens none.
Whoever writes, or decides anything but to serve, reads the store itself.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from bridge import metrics
from bridge.store.base import Delete, Op, Query, Ref, Row
from bridge.store.turns import Turns

KEPT_S: Final = 0.8
"""Seconds from before a read; with the time to answer from it, a change is seen within one."""

_OVERHEAD: Final = 1024

_T = TypeVar("_T")
Key = Query | Ref


class Found:
    """What a read found, for whoever may use it again.

    Attributes:
        rows: sealed.
        until: on the clock that never steps, when to look again; a change to a row ends it at once.
        size: about how many bytes they take, of what is kept.
    """

    __slots__ = ("rows", "size", "until")

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        self.until = -math.inf
        self.size = 0


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
        self._kept: dict[Key, Found] = {}
        self._size = 0
        self._by_ref: dict[Ref, set[Key]] = {}
        self._by_subject: dict[tuple[str, str], set[Key]] = {}
        self._changes = 0

    def read(self, key: Key, fetch: Callable[[], Sequence[Row]]) -> Found:
        """Return what was found for `key` a moment ago, or else what `fetch` finds.

        Thousands who look for the same at the same moment would all find nothing, and all fetch it.
        """
        found = self._known(key)
        if found is not None:
            return found
        return self.turns.answer(key, lambda: self._known(key), lambda: self._fetched(key, fetch))

    def _known(self, key: Key) -> Found | None:
        found = self._kept.get(key)
        return found if found is not None and self.holds(found) else None

    def holds(self, found: Found) -> bool:
        """Tell whether what was found may be used now."""
        if found.until <= self._monotonic():
            return False
        self.hits += 1
        metrics.count(metrics.CACHE, "hit")
        return True

    def _fetched(self, key: Key, fetch: Callable[[], Sequence[Row]]) -> Found:
        began = self._monotonic()
        self.misses += 1
        metrics.count(metrics.CACHE, "miss")
        changes = self._changes
        found = Found(fetch())
        if found.rows:
            self._keep(key, found, began, changes)
        return found

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

    def _keep(self, key: Key, found: Found, began: float, changes: int) -> None:
        found.size = _OVERHEAD + sum(len(row.body) for row in found.rows)
        with self._lock:
            # Something was written since the read began: it may have found what was before.
            if changes != self._changes or found.size > self._room:
                return
            self._drop((key,))
            while self._size + found.size > self._room:
                self._drop((next(iter(self._kept)),))
            found.until = began + KEPT_S
            self._kept[key] = found
            self._size += found.size
            for row in found.rows:
                self._by_ref.setdefault(row.ref, set()).add(key)
            if isinstance(key, Query) and key.subject:
                self._by_subject.setdefault((key.kind, key.subject), set()).add(key)

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in tuple(keys):
            kept = self._kept.pop(key, None)
            if kept is None:
                continue
            kept.until = -math.inf
            self._size -= kept.size
            for row in kept.rows:
                _discard(self._by_ref, row.ref, key)
            if isinstance(key, Query) and key.subject:
                _discard(self._by_subject, (key.kind, key.subject), key)


def _discard(index: dict[_T, set[Key]], name: _T, key: Key) -> None:
    keys = index.get(name)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[name]
