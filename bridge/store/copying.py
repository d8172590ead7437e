"""A store made equal to another one, row by row, while that one goes on being written.

Owns the comparison. Both stores list in the same order, so one walk over the two finds what is
missing, what differs and what is too much; a copy that was cut off is taken up by the same walk,
which writes only what still differs. Knows no kind of row, and opens none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from msgspec.structs import replace

from bridge.store.base import Query, Ref, Row, Store

_PAGE: Final = 500
_AT_ONCE: Final = 100

_Key = TypeVar("_Key", Ref, int)


@dataclass(slots=True)
class Difference:
    """How many rows were compared, and what was not equal.

    Attributes:
        rows: of the source.
        wrong: missing in the target, or other there; keys that are not closed there too.
        surplus: in the target alone.
    """

    rows: int = 0
    wrong: int = 0
    surplus: int = 0

    @property
    def total(self) -> int:
        """How many rows are not equal."""
        return self.wrong + self.surplus


class Copying:
    """Makes the kinds of one store equal to those of another."""

    def __init__(self, source: Store, target: Store, progress: Callable[[int], None]) -> None:
        """Take both; `progress` is told of rows as they are compared."""
        self._source = source
        self._target = target
        self._progress = progress

    def copy(self, kinds: Iterable[str]) -> Difference:
        """Write and remove in the target until it has the rows of the source, and its closed keys.

        Raises:
            StoreUnavailableError: one of the two is away; what was written stays.
        """
        found = Difference()
        self._closed_keys()
        for kind in kinds:
            self._order(kind)
            self._rows(kind, found)
        return found

    def compare(self, kinds: Iterable[str]) -> Difference:
        """Return what differs, and change nothing. Raises as `copy`."""
        found = Difference()
        closed, closed_there = self._closed()
        found.wrong += len(closed - closed_there)
        found.surplus += len(closed_there - closed)
        for kind in kinds:
            for source, target in _pairs(
                _by_position(self._source, kind), _by_position(self._target, kind)
            ):
                found.wrong += source is not None and target is None
            for source, target in _pairs(
                _by_place(self._source, kind), _by_place(self._target, kind)
            ):
                self._count(found, source, target)
        return found

    def _closed_keys(self) -> None:
        """Close the same keys: what was retired stays so, and what is in use can be written with.

        The target may be where the source once came from, and have closed what is in use again.
        """
        closed, closed_there = self._closed()
        for key_id in sorted(closed - closed_there):
            self._target.close_key(key_id)
        for key_id in sorted(closed_there - closed):
            self._target.open_key(key_id)

    def _closed(self) -> tuple[set[str], set[str]]:
        return set(self._source.closed_keys()), set(self._target.closed_keys())

    def _order(self, kind: str) -> None:
        """Write the appended rows that lack their positions, and remove those that have others."""
        load: list[Row] = []
        unload: list[Ref] = []
        pairs = _pairs(_by_position(self._source, kind), _by_position(self._target, kind))
        for source, target in pairs:
            if source is not None and target is not None and source.ref == target.ref:
                continue
            if target is not None:
                unload.append(target.ref)
            if source is not None:
                load.append(source)
            if len(load) + len(unload) >= _AT_ONCE:
                self._change(load, unload)
                load, unload = [], []
        self._change(load, unload)

    def _rows(self, kind: str, found: Difference) -> None:
        load: list[Row] = []
        unload: list[Ref] = []
        for source, target in _pairs(_by_place(self._source, kind), _by_place(self._target, kind)):
            self._count(found, source, target)
            if source is None and target is not None:
                unload.append(target.ref)
            elif source is not None and source != target:
                load.append(source)
            if len(load) + len(unload) >= _AT_ONCE:
                self._change(load, unload)
                load, unload = [], []
        self._change(load, unload)

    def _change(self, load: list[Row], unload: list[Ref]) -> None:
        # In this order: a row that was appended anew is among both.
        self._target.unload(unload)
        self._target.load(load)

    def _count(self, found: Difference, source: Row | None, target: Row | None) -> None:
        if source is None:
            found.surplus += 1
            return
        found.rows += 1
        found.wrong += source != target
        self._progress(1)


def _pairs(
    source: Iterator[tuple[_Key, Row]], target: Iterator[tuple[_Key, Row]]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield what the two have at each key, None where one has nothing."""
    ours, theirs = next(source, None), next(target, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[0] < theirs[0]):
            yield _row(ours), None
            ours = next(source, None)
        elif ours is None or theirs[0] < ours[0]:
            yield None, _row(theirs)
            theirs = next(target, None)
        else:
            yield _row(ours), _row(theirs)
            ours, theirs = next(source, None), next(target, None)


def _row(found: tuple[_Key, Row] | None) -> Row | None:
    return None if found is None else found[1]


def _by_place(store: Store, kind: str) -> Iterator[tuple[Ref, Row]]:
    query = Query(kind, limit=_PAGE)
    while rows := store.list(query):
        for row in rows:
            yield row.ref, row
        query = replace(query, after=rows[-1].ref)


def _by_position(store: Store, kind: str) -> Iterator[tuple[int, Row]]:
    query = Query(kind, after_position=0, limit=_PAGE)
    while rows := store.list(query):
        for row in rows:
            yield row.position or 0, row
        query = replace(query, after_position=rows[-1].position)
