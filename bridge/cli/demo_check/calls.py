"""The calls that the check makes: of a running bridge, and of Google Calendar.

Owns HTTP. Whatever is not as it should be is a `StepFailedError`, which says what to mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import requests

from bridge.secret import Secret

CALENDAR: Final = "https://www.googleapis.com/auth/calendar"
GOOGLE_APIS: Final = "https://www.googleapis.com"

_TIMEOUT_S: Final = 60
_EVENTS: Final = "/calendar/v3/calendars/primary/events"


class StepFailedError(Exception):
    """A step did not pass: what was found, and what to mend."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found = found
        self.mend = mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A bridge that serves.

    Attributes:
        url: of its internal listener.
        key: a caller's.
        verify: the certificate that it shows, where it speaks TLS.
    """

    url: str
    key: Secret
    verify: str | bool = True

    def get(self, path: str, **query: str) -> tuple[int, Mapping[str, Any]]:
        """Return status and JSON of a GET."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Return status and JSON of a POST."""
        return self._call("POST", path, json=body)

    def delete(self, path: str) -> tuple[int, Mapping[str, Any]]:
        """Return status and JSON of a DELETE."""
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **more: Any) -> tuple[int, Mapping[str, Any]]:  # noqa: ANN401 - passed on
        headers = {"Authorization": f"Bearer {self.key.reveal()}"}
        try:
            response = requests.request(
                method,
                self.url + path,
                headers=headers,
                timeout=_TIMEOUT_S,
                verify=self.verify,
                **more,
            )
            return response.status_code, response.json() if response.content else {}
        except (requests.RequestException, ValueError):
            mend = "start it with `bridge serve` and the same configuration"
            raise StepFailedError(f"the bridge does not answer at {self.url}", mend) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A user's calendar at Google, called with one access token."""

    url: str
    token: Secret

    def create(self, event: Mapping[str, Any]) -> str:
        """Create an event, and return its id."""
        return str(self._call("POST", "", event)["id"])

    def title(self, event_id: str) -> str:
        """Return an event's title."""
        return str(self._call("GET", f"/{event_id}").get("summary", ""))

    def rename(self, event_id: str, title: str) -> None:
        """Change an event's title."""
        self._call("PATCH", f"/{event_id}", {"summary": title})

    def delete(self, event_id: str) -> None:
        """Delete an event."""
        self._call("DELETE", f"/{event_id}")

    def list(self) -> int:
        """Return how many events there are on the first page."""
        return len(self._call("GET", "").get("items", ()))

    def _call(
        self, method: str, path: str, event: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self.token.reveal()}"}
        try:
            response = requests.request(
                method, self.url + _EVENTS + path, json=event, headers=headers, timeout=_TIMEOUT_S
            )
            body: Mapping[str, Any] = response.json() if response.content else {}
        except (requests.RequestException, ValueError):
            raise StepFailedError("Google Calendar does not answer", "try again later") from None
        if response.ok:
            return body
        raise StepFailedError(
            f"Google Calendar answered {response.status_code} to {method}",
            _CALENDAR_MENDS.get(response.status_code, "look at Google's status page"),
        )


_CALENDAR_MENDS: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "the token is dead already: was the app removed at Google just now?",
    HTTPStatus.FORBIDDEN: "switch the Calendar API on in the client's Google Cloud project, and "
    "see that the user granted the scope",
}
