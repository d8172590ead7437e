"""What was asked of this Google, counted so that a test can tell how often the bridge called.

Times of windows are monotonic seconds: they measure load, not the sandbox's calendar.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from bridge.clock import Clock

_WINDOW: Final = 1.0
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """One kind of call of the token endpoint; `outcome` is `ok` or the answer's error."""

    grant_type: str
    client_id: str
    sub: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Busiest:
    """The most calls seen within one second; both ends are monotonic seconds."""

    calls: int = 0
    first: float = 0.0
    last: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All counters at one moment.

    Attributes:
        endpoints: calls by endpoint, counted as they arrive.
        statuses: answers by endpoint and HTTP status.
        token_calls: answered calls of the token endpoint.
        consent_screens: screens by (sub, client id).
        api_calls: calls by (API, account, outcome).
        busiest: the busiest second by endpoint; `token <client id>` for one client's.
        in_flight: calls that have arrived and are not answered.
    """

    endpoints: dict[str, int]
    statuses: dict[tuple[str, int], int]
    token_calls: dict[TokenCall, int]
    consent_screens: dict[tuple[str, str], int]
    api_calls: dict[tuple[str, str, str], int]
    busiest: dict[str, Busiest]
    in_flight: int

    def count(
        self,
        *,
        grant_type: str | None = None,
        client_id: str | None = None,
        sub: str | None = None,
        outcome: str | None = None,
    ) -> int:
        """Return how many answered token calls fit."""
        return sum(
            times
            for call, times in self.token_calls.items()
            if grant_type in {None, call.grant_type}
            and client_id in {None, call.client_id}
            and sub in {None, call.sub}
            and outcome in {None, call.outcome}
        )

    @property
    def refreshes(self) -> int:
        """How many refreshes were answered, well or badly."""
        return self.count(grant_type="refresh_token")


@dataclass(slots=True)
class _Window:
    times: deque[float] = field(default_factory=deque)
    busiest: Busiest = field(default_factory=Busiest)

    def add(self, now: float) -> None:
        self.times.append(now)
        while self.times[0] <= now - _WINDOW:
            self.times.popleft()
        if len(self.times) > self.busiest.calls:
            self.busiest = Busiest(calls=len(self.times), first=self.times[0], last=now)


class Stats:
    """Counters with a lock of their own, so that counting never waits for a change of state."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Set everything to nought, except for the calls that are under way."""
        with self._lock:
            self._endpoints: Counter[str] = Counter()
            self._statuses: Counter[tuple[str, int]] = Counter()
            self._token_calls: Counter[TokenCall] = Counter()
            self._screens: Counter[tuple[str, str]] = Counter()
            self._api_calls: Counter[tuple[str, str, str]] = Counter()
            self._windows: dict[str, _Window] = {}

    def arrived(self, endpoint: str, client_id: str = "") -> None:
        """Count a call as it arrives."""
        now = self._clock.monotonic()
        with self._lock:
            self._in_flight += 1
            self._endpoints[endpoint] += 1
            self._windows.setdefault(endpoint, _Window()).add(now)
            if endpoint == "token" and client_id:
                self._windows.setdefault(f"token {client_id}", _Window()).add(now)

    def left(self, endpoint: str, status: int) -> None:
        """Count an answer as it leaves; status 0 is a connection closed without one."""
        with self._lock:
            self._in_flight -= 1
            self._statuses[endpoint, status] += 1

    def token_call(self, call: TokenCall) -> None:
        """Count an answer of the token endpoint."""
        self._add(self._token_calls, call)

    def consent_screen(self, sub: str, client_id: str) -> None:
        """Count a consent screen shown."""
        self._add(self._screens, (sub, client_id))

    def api_call(self, api: str, sub: str, outcome: str) -> None:
        """Count a call of Calendar, Drive or Gmail."""
        self._add(self._api_calls, (api, sub, outcome))

    def snapshot(self) -> Snapshot:
        """Return all counters."""
        with self._lock:
            return Snapshot(
                endpoints=dict(self._endpoints),
                statuses=dict(self._statuses),
                token_calls=dict(self._token_calls),
                consent_screens=dict(self._screens),
                api_calls=dict(self._api_calls),
                busiest={name: window.busiest for name, window in self._windows.items()},
                in_flight=self._in_flight,
            )

    def _add(self, counter: Counter[_Key], key: _Key) -> None:
        with self._lock:
            counter[key] += 1
