"""What a read found, and whether it is still there: for whoever answers the same request again.

Owns the two ways to look again: at the store, by the versions of the rows, or at what the process
read within the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bridge.store.base import Probe, Row, versions
from bridge.store.recent import Found, Recent


class Finding(Protocol):
    """Rows that a read found.

    Attributes:
        rows: sealed.
    """

    rows: Sequence[Row]

    def holds(self) -> bool:
        """Tell whether a read would find the same rows now.

        Raises:
            StoreUnavailableError: the store cannot tell.
        """
        ...


class Probed:
    """A finding that is looked for in the store each time; see `Finding`."""

    __slots__ = ("_probe", "_versions", "rows")

    def __init__(self, rows: Sequence[Row], probe: Probe) -> None:
        self.rows = rows
        self._versions = versions(rows)
        self._probe = probe

    def holds(self) -> bool:
        """Ask the store for the versions of what it has."""
        return self._probe() == self._versions


class Recalled:
    """A finding that is good for as long as the process keeps it; see `Finding`."""

    __slots__ = ("_find_again", "_found", "_recent", "rows")

    def __init__(
        self, recent: Recent, found: Found, find_again: Callable[[Sequence[Row]], Found]
    ) -> None:
        """Take what was found, and what finds it again, told of the rows that there were."""
        self._recent = recent
        self._find_again = find_again
        self._found = found
        self.rows: Sequence[Row] = found.rows

    def holds(self) -> bool:
        """Look at what the process keeps, and read anew what it no longer does."""
        if self._recent.holds(self._found):
            return True
        found = self._find_again(self.rows)
        if found.rows != self.rows:
            return False
        self._found = found
        return True
