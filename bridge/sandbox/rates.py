"""The limits on how often refreshes may come, by user and by client."""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from typing import Final

from bridge.sandbox.core import Core
from bridge.sandbox.refusal import GoogleRefusal

_WINDOW: Final = 1.0


class RefreshRates:
    """Counts refreshes in a sliding second; the core's lock is held by its user."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._calls: dict[str, deque[float]] = {}

    def check(self, client_id: str, sub: str) -> None:
        """Count a refresh, or refuse it.

        Raises:
            GoogleRefusal: `user_rate_limit`, which is answered in HTML, or `rate_limit_exceeded`.
        """
        options = self._core.options
        if self._exceeds(f"user {sub}", options.user_refreshes_per_second):
            raise GoogleRefusal("user_rate_limit", status=HTTPStatus.FORBIDDEN)
        if self._exceeds(client_id, options.client_refreshes_per_second):
            raise GoogleRefusal(
                "rate_limit_exceeded", "Rate Limit Exceeded", status=HTTPStatus.TOO_MANY_REQUESTS
            )

    def _exceeds(self, whose: str, limit: int | None) -> bool:
        if limit is None:
            return False
        # Load is real time: it does not pass faster because the calendar was advanced.
        now = self._core.clock.monotonic()
        calls = self._calls.setdefault(whose, deque())
        while calls and calls[0] <= now - _WINDOW:
            calls.popleft()
        if len(calls) >= limit:
            return True
        calls.append(now)
        return False
