"""When a call to Google is tried again, and how long it waits before.

Knows outcomes and time, not what is called.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result

from bridge.clock import Clock
from bridge.google.deadline import Deadline
from bridge.google.outcome import Outcome, Transient, TransientReason

_T = TypeVar("_T", bound=Outcome)

_TRIES: Final = 3
_FIRST_WAIT: Final = 1.0
_JITTER: Final = 0.1
# What these say does not change within seconds.
_LASTING: Final = frozenset(
    {TransientReason.TLS, TransientReason.REDIRECT, TransientReason.UNRECOGNISED}
)


def retryable(outcome: Outcome) -> bool:
    """Tell whether another try may fare better, for calls that can be repeated."""
    return isinstance(outcome, Transient) and outcome.reason not in _LASTING


def retryable_unsent(outcome: Outcome) -> bool:
    """Tell whether another try may fare better, for calls that must reach Google once at most."""
    return isinstance(outcome, Transient) and not outcome.sent and retryable(outcome)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Google's own clients' policy: three tries, 1 s doubling, 10 % jitter (google-auth).

    A `Retry-After` lengthens a wait, and nothing shortens it. A wait that would end at or after
    the deadline is not begun: the outcome so far is returned at once, with its `retry_after`.

    Attributes:
        clock: sleeps.
        jitter: returns a number from 0 to 1 each time.
    """

    clock: Clock
    jitter: Callable[[], float] = random.random

    def run(
        self, attempt: Callable[[], _T], deadline: Deadline, again: Callable[[Outcome], bool]
    ) -> _T:
        """Call `attempt` until its outcome is not one to try `again`; returns the last outcome."""

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= _TRIES or state.upcoming_sleep >= deadline.left()

        retrying = Retrying(
            sleep=self.clock.sleep,
            stop=enough,
            wait=self._wait,
            retry=retry_if_result(again),
            retry_error_callback=_last_outcome,
        )
        return retrying(attempt)

    def _wait(self, state: RetryCallState) -> float:
        doubled = _FIRST_WAIT * (1 << (state.attempt_number - 1))
        spread = 1 + _JITTER * (2 * self.jitter() - 1)
        outcome = _last_outcome(state)
        asked = outcome.retry_after if isinstance(outcome, Transient) else None
        # Callers that were all told the same time must not all come back in the same instant.
        return max(doubled * spread, (asked or 0) * (1 + _JITTER * self.jitter()))


def _last_outcome(state: RetryCallState) -> Outcome | None:
    return None if state.outcome is None else state.outcome.result()
