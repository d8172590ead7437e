"""Rows as they were read a moment ago: what a process keeps to answer the same read again.

Owns how long (a row that some other process changed is seen within a second), how much, and that
this process's own writes are seen at once. Holds what the store holds, sealed rows, and opens none.
Whoever writes, or decides anything but to serve, reads the store itself.

What was read is good for a moment. Where the store tells of changes, and confirms that it has told
them all, it is good for a moment from then: most rows change once an hour, and need not be read
every second to find that out.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from bridge import metrics
from bridge.metrics import Tally
from bridge.store.base import Delete, Op, Query, Ref, Row
from bridge.store.turns import Turns

KEPT_S: Final = 0.8
"""Seconds from before a read or what confirms it; with the time to answer, a change is seen within
one."""

# However much is confirmed: rows that somebody changes by hand, behind the store's back, go untold.
_CONFIRMED_S: Final = 30.0
_OVERHEAD: Final = 1024
_HITS: Final = Tally(metrics.CACHE, "hit")
_MISSES: Final = Tally(metrics.CACHE, "miss")

_T = TypeVar("_T")
Key = Query | Ref


class Found:
    """What a read found, for whoever may use it again; see `Finding`.

    Attributes:
        rows: sealed.
        began: when they were read, on the clock that never steps.
        until: when to look again, on the same clock; a change to a row ends it at once.
        is_told: whether changes to what was read are told.
        size: about how many bytes they take, of what is kept; 0 is not kept.
    """

    __slots__ = ("_recent", "began", "is_told", "rows", "size", "until")

    def __init__(self, recent: Recent, rows: Sequence[Row], began: float) -> None:
        self._recent = recent
        self.rows: Sequence[Row] = tuple(rows)
        self.began = began
        self.until = -math.inf
        self.is_told = False
        self.size = 0

    def holds(self) -> bool:
        """Tell whether what was found may be used now."""
        if self.until <= self._recent.monotonic() and not self._recent.extend(self):
            return False
        _HITS.add()
        return True


class Recent:
    """The rows of one process, by the reads that found them. Safe for use by many threads.

    Attributes:
        monotonic: the clock that never steps.
        turns: of those who look for what is not here.
    """

    def __init__(self, room: int, monotonic: Callable[[], float]) -> None:
        """Take how many bytes to use at most, about, and a clock that never steps."""
        self.monotonic = monotonic
        self._room = room
        self._lock = threading.Lock()
        self._confirmed_since = math.inf
        # One number that all share whom it makes good, and so at hand in the processor's memory.
        self._confirmed_until = -math.inf
        self.turns = Turns()
        # In the order in which they were read.
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
        return found if found is not None and found.holds() else None

    def extend(self, found: Found) -> bool:
        """Use what was found for longer, if nothing that was told since it was read concerns it."""
        with self._lock:
            until = self._confirmed_until
            is_good = (
                found.is_told
                and found.began > self._confirmed_since
                and self.monotonic() < until <= found.began + _CONFIRMED_S
            )
            if is_good:
                found.until = until
            return is_good

    def _fetched(self, key: Key, fetch: Callable[[], Sequence[Row]]) -> Found:
        began = self.monotonic()
        _MISSES.add()
        changes = self._changes
        found = Found(self, fetch(), began)
        if found.rows:
            self._keep(key, found, changes)
        return found

    def forget(self, refs: Iterable[Ref], subjects: Iterable[tuple[str, str]]) -> None:
        """Forget every read that found one of these rows, or looked for one of these subjects.

        Args:
            refs: rows that changed.
            subjects: kinds, with subjects that rows of theirs have now or had.
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

    def confirm(self, since: float, at: float) -> None:
        """Learn that of all changes between two moments `forget` has been told."""
        with self._lock:
            self._confirmed_since, self._confirmed_until = since, at + KEPT_S

    def rows(self) -> list[Row]:
        """Return all that is kept, for whoever wants to see that it is sealed."""
        with self._lock:
            return [row for kept in self._kept.values() for row in kept.rows]

    @property
    def size(self) -> int:
        """About how many bytes are kept."""
        return self._size

    def _keep(self, key: Key, found: Found, changes: int) -> None:
        size = _OVERHEAD + sum(len(row.body) for row in found.rows)
        with self._lock:
            # Something was written since the read began: it may have found what was before.
            if changes != self._changes or size > self._room:
                return
            self._drop((key,))
            while self._size + size > self._room:
                self._drop((next(iter(self._kept)),))
            found.until = found.began + KEPT_S
            found.is_told = _is_told(key, found.rows)
            found.size = size
            self._kept[key] = found
            self._size += size
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
            kept.is_told = False
            self._size -= kept.size
            for row in kept.rows:
                _discard(self._by_ref, row.ref, key)
            if isinstance(key, Query) and key.subject:
                _discard(self._by_subject, (key.kind, key.subject), key)


def _is_told(key: Key, rows: Sequence[Row]) -> bool:
    """Tell whether a store that tells of changes would tell of one to what a read found."""
    return bool(key.subject) if isinstance(key, Query) else all(row.subject for row in rows)


def _discard(index: dict[_T, set[Key]], name: _T, key: Key) -> None:
    keys = index.get(name)
    if keys is not None:
        keys.discard(key)
        if not keys:
            del index[name]
