"""Answers injected, held back or not given at all: what a test does to calls under way.

Owns the rules by which a call is picked. A held answer waits here, outside of every lock but its
own hold's.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from bridge.sandbox import minting
from bridge.sandbox.canned import ANSWERS, CLOSED, CannedAnswer

Down = Literal["close", "503"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as far as it is known when it arrives; unknown parts are empty."""

    endpoint: str
    client_id: str = ""
    sub: str = ""
    refresh_token: str = ""
    grant_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which calls are meant; None fits all."""

    endpoint: str | None = None
    client_id: str | None = None
    sub: str | None = None
    refresh_token: str | None = None
    grant_type: str | None = None

    def fits(self, call: Call) -> bool:
        """Tell whether `call` is meant."""
        return (
            self.endpoint in {None, call.endpoint}
            and self.client_id in {None, call.client_id}
            and self.sub in {None, call.sub}
            and self.refresh_token in {None, call.refresh_token}
            and self.grant_type in {None, call.grant_type}
        )


class Fault:
    """An answer given instead of the true one, the next `left` times (None: until cleared)."""

    def __init__(self, match: Match, answer: CannedAnswer, times: int | None) -> None:
        self.id = minting.opaque_id()
        self.match = match
        self.answer = answer
        self.left = times
        self.given = 0


class Hold:
    """True answers that are computed at once and sent late.

    The state has changed by the time an answer is held: this is a slow network, not a slow Google.
    """

    def __init__(self, match: Match, seconds: float | None, times: int | None) -> None:
        self.id = minting.opaque_id()
        self.match = match
        self.left = times
        self.seconds = seconds
        self._change = threading.Condition()
        self._released = False
        self._held = 0
        self._total = 0

    @property
    def held(self) -> int:
        """How many answers are held now."""
        with self._change:
            return self._held

    @property
    def total(self) -> int:
        """How many answers were ever held."""
        with self._change:
            return self._total

    def release(self) -> None:
        """Send what is held, and hold nothing more."""
        with self._change:
            self._released = True
            self._change.notify_all()

    def wait_for(self, calls: int, timeout: float = 10.0) -> bool:
        """Wait until `calls` answers are held; tell whether that came about in `timeout` s."""
        with self._change:
            return self._change.wait_for(lambda: self._total >= calls, timeout)

    def keep(self) -> None:
        """Hold the calling thread's answer."""
        until = None if self.seconds is None else time.monotonic() + self.seconds
        with self._change:
            self._held += 1
            self._total += 1
            self._change.notify_all()
            left = None if until is None else max(0.0, until - time.monotonic())
            self._change.wait_for(lambda: self._released, left)
            self._held -= 1
            self._change.notify_all()


class Interference:
    """The faults and holds in force, and whether the service is down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._holds: list[Hold] = []
        self._down: CannedAnswer | None = None

    def inject(self, match: Match, answer: CannedAnswer, times: int | None = 1) -> Fault:
        """Give `answer` to the next `times` calls that fit; the first fault that fits counts."""
        fault = Fault(match, answer, times)
        with self._lock:
            self._faults.append(fault)
        return fault

    def hold(self, match: Match, *, seconds: float | None, times: int | None) -> Hold:
        """Hold the next `times` answers for `seconds`, or until released."""
        hold = Hold(match, seconds, times)
        with self._lock:
            self._holds.append(hold)
        return hold

    def release(self, hold_id: str | None = None) -> int:
        """Release one hold, or all; return how many."""
        with self._lock:
            released = [hold for hold in self._holds if hold_id in {None, hold.id}]
            self._holds = [hold for hold in self._holds if hold not in released]
        for hold in released:
            hold.release()
        return len(released)

    def clear_faults(self, fault_id: str | None = None) -> int:
        """Drop one fault, or all; return how many."""
        with self._lock:
            kept = [fault for fault in self._faults if fault_id not in {None, fault.id}]
            dropped = len(self._faults) - len(kept)
            self._faults = kept
        return dropped

    def set_down(self, how: Down | None) -> None:
        """Close every connection, answer 503 everywhere, or work again with None."""
        down = {"close": CLOSED, "503": ANSWERS["html_503"]}
        with self._lock:
            self._down = None if how is None else down[how]

    def faults(self) -> list[Fault]:
        """Return the faults in force."""
        with self._lock:
            return list(self._faults)

    def holds(self) -> list[Hold]:
        """Return the holds in force."""
        with self._lock:
            return list(self._holds)

    def answer_to(self, call: Call) -> CannedAnswer | None:
        """Return the answer that is given instead of the true one, if any."""
        with self._lock:
            if self._down is not None:
                return self._down
            for fault in self._faults:
                if fault.match.fits(call) and (fault.left is None or fault.left > 0):
                    return self._use(fault)
        return None

    def hold_for(self, call: Call) -> Hold | None:
        """Return the hold that this call's answer must wait in, if any."""
        with self._lock:
            for hold in self._holds:
                if hold.match.fits(call) and (hold.left is None or hold.left > 0):
                    hold.left = None if hold.left is None else hold.left - 1
                    return hold
        return None

    def _use(self, fault: Fault) -> CannedAnswer:
        fault.given += 1
        if fault.left is not None:
            fault.left -= 1
            if fault.left == 0:
                self._faults.remove(fault)
        return fault.answer
