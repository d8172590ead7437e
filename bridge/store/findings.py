"""What a read found, and whether it is still there: for whoever answers the same request again.

Owns what that is, and the way to look again at the store, by the versions of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bridge.store.base import Probe, Row, versions


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
