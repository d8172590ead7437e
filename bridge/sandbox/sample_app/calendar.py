"""Google Calendar through the bridge: a token for each call, and a second one if Google refuses.

Owns the one rule that a backend must know: at 401, tell the bridge which token was refused, by its
fingerprint, and try once more with what it answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import requests

from bridge.sandbox.sample_app.bridge_client import BridgeClient, Problem, Served
from bridge.secret import fingerprint

_TIMEOUT_S: Final = 30
_EVENTS: Final = "/calendar/v3/calendars/primary/events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """An event of a calendar; `when` is for people, empty for one without a time."""

    when: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What is in a calendar, and by which token it was read."""

    served: Served
    appointments: tuple[Appointment, ...]


class Calendars:
    """Users' calendars."""

    def __init__(self, bridge: BridgeClient, google: str) -> None:
        self._bridge = bridge
        self._url = google + _EVENTS

    def read(self, subject: str, account: str) -> Agenda | Problem:
        """Return an account's appointments, the earliest first."""
        called = self._call("GET", subject, account)
        if isinstance(called, Problem):
            return called
        served, answer = called
        items = sorted(answer.get("items", ()), key=_start)
        return Agenda(served=served, appointments=tuple(map(_appointment, items)))

    def add(self, subject: str, account: str, what: str, start: datetime) -> Problem | None:
        """Add an appointment; None if it is done."""
        event = {"summary": what, "start": {"dateTime": start.isoformat()}}
        called = self._call("POST", subject, account, event)
        return called if isinstance(called, Problem) else None

    def _call(
        self, method: str, subject: str, account: str, event: Mapping[str, Any] | None = None
    ) -> tuple[Served, Mapping[str, Any]] | Problem:
        served = self._bridge.token(subject, account)
        if isinstance(served, Problem):
            return served
        answer = self._asked(method, served, event)
        if not isinstance(answer, Problem) or answer.status != HTTPStatus.UNAUTHORIZED:
            return answer if isinstance(answer, Problem) else (served, answer)
        served = self._bridge.token(subject, account, rejected=fingerprint(served.token))
        if isinstance(served, Problem):
            return served
        answer = self._asked(method, served, event)
        return answer if isinstance(answer, Problem) else (served, answer)

    def _asked(
        self, method: str, served: Served, event: Mapping[str, Any] | None
    ) -> Mapping[str, Any] | Problem:
        bearer = {"Authorization": f"Bearer {served.token.reveal()}"}
        try:
            response = requests.request(
                method, self._url, json=event, headers=bearer, timeout=_TIMEOUT_S
            )
            answer: Mapping[str, Any] = response.json()
        except (requests.RequestException, ValueError):
            return Problem(status=0, code="google_away", detail="Google does not answer.")
        if response.ok:
            return answer
        text = "Google Calendar refused."
        return Problem(status=response.status_code, code="calendar_refused", detail=text)


def _start(event: Mapping[str, Any]) -> str:
    return str(event.get("start", {}).get("dateTime", ""))


def _appointment(event: Mapping[str, Any]) -> Appointment:
    start = _start(event)
    when = datetime.fromisoformat(start).strftime("%a %H:%M") if start else ""
    return Appointment(when=when, what=str(event.get("summary", "Busy")))
