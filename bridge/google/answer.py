"""One HTTP answer as it came, and what its headers say once they are made safe to use.

Knows HTTP, not OAuth. Every header is what a stranger wrote: it is bounded, parsed, or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_REQUEST_ID_HEADERS: Final = ("x-goog-request-id", "x-google-request-id", "x-request-id")
# Nothing that could end a log line or imitate another field.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})\"?(?=[\s,]|$)", re.IGNORECASE)
# A longer wait is a mistake or an attack: it would keep a healthy grant from ever being refreshed.
_LONGEST_RETRY_AFTER: Final = 3600


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of an answer that came whole.

    Attributes:
        status: the HTTP status.
        headers: names in lower case.
        body: decoded; may hold tokens, hence hidden from `repr`.
        received: Unix seconds, by the host's clock, half-way between asking and having it.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received: float

    @property
    def request_id(self) -> str | None:
        """Google's name for the request, if it is a plain word."""
        for name in _REQUEST_ID_HEADERS:
            value = self.headers.get(name, "")
            if _REQUEST_ID.fullmatch(value):
                return value
        return None

    @property
    def date(self) -> int | None:
        """The `Date` header in Unix seconds (RFC 9110 section 6.6.1)."""
        return _http_date(self.headers.get("date", ""))

    @property
    def age(self) -> int:
        """Seconds that a cache held the answer (RFC 9111 section 5.1)."""
        return _seconds(self.headers.get("age", "")) or 0

    @property
    def max_age(self) -> int | None:
        """Seconds that the answer may be kept from its `date` (RFC 9111 section 5.2.2.1)."""
        found = _MAX_AGE.search(self.headers.get("cache-control", ""))
        return int(found.group(1)) if found else None

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait, 0 to 3600; given as seconds or as a date (RFC 9110 section 10.2.3)."""
        text = self.headers.get("retry-after", "")
        seconds = _seconds(text)
        if seconds is None:
            until = _http_date(text)
            if until is None:
                return None
            # Against Google's own clock where it is told: ours may be off.
            seconds = until - (self.date if self.date is not None else int(self.received))
        return min(max(seconds, 0), _LONGEST_RETRY_AFTER)

    @property
    def skew(self) -> float | None:
        """Seconds by which the host's clock is ahead of the sender's; None without a `Date`.

        `Date` cuts fractions off, so half a second is its best guess. A cache leaves `Date` alone
        and tells in `Age` how long ago that was; Google's keys come through such caches.
        """
        date = self.date
        return None if date is None else self.received - (date + self.age + 0.5)


def _seconds(text: str) -> int | None:
    text = text.strip()
    return int(text) if _SECONDS.fullmatch(text) else None


def _http_date(text: str) -> int | None:
    try:
        parsed = parsedate_to_datetime(text)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return int((parsed - datetime.fromtimestamp(0, UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
