"""Whoever follows a store, in tests."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.clock import Clock
from bridge.store.base import Ref
from bridge.store.recent import Recent
from tools.redis_servers import until


class Heard:
    """A follower that notes what it is told, and passes it on."""

    def __init__(self, recent: Recent | None = None) -> None:
        self.changes: list[tuple[Ref, set[tuple[str, str]]]] = []
        self.interruptions = 0
        self.confirmed: tuple[float, float] | None = None
        self._recent = recent or Recent(0, lambda: 0)

    def forget(self, refs: Iterable[Ref], subjects: Iterable[tuple[str, str]]) -> None:
        refs, subjects = tuple(refs), tuple(subjects)
        self.changes += ((ref, set(subjects)) for ref in refs)
        self._recent.forget(refs, subjects)

    def forget_all(self) -> None:
        self.interruptions += 1
        self._recent.forget_all()

    def confirm(self, since: float, at: float) -> None:
        self._recent.confirm(since, at)
        self.confirmed = since, at

    def until_confirmed(self, clock: Clock) -> None:
        """Wait until all has been told that happened up to now."""
        now = clock.monotonic()
        until(lambda: self.confirmed is not None and self.confirmed[1] >= now)
