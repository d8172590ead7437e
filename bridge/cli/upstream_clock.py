"""How far this host's clock is from Google's, by the `Date` of an answer (RFC 9110 section 6.6.1).

A clock that is off makes good ID tokens and hook messages look old, and tokens look fresh that
have expired.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import requests

from bridge.clock import Clock
from bridge.config.settings import GoogleSettings
from bridge.google.endpoints import GOOGLE, Endpoints

LARGEST_SKEW_S: Final = 30.0

# A Date is cut to whole seconds, so on average it is half a second behind.
_CUT_OFF: Final = 0.5


class ClockUnknownError(Exception):
    """The upstream could not be asked, or did not tell; its text is for the operator."""


def skew(google: GoogleSettings, clock: Clock) -> float:
    """Return how many seconds this host is ahead of Google, to about a second.

    Args:
        google: where Google is, and how long to wait.
        clock: the host's clock.

    Raises:
        ClockUnknownError: there was no answer, or none with a date.
    """
    endpoints = Endpoints.at(google.base_url) if google.base_url else GOOGLE
    before = clock.now()
    date = _date(endpoints.token, (google.connect_timeout_s, google.read_timeout_s))
    return (before + clock.now()) / 2 - (date + _CUT_OFF)


def _date(url: str, timeout: tuple[float, float]) -> float:
    try:
        # The token endpoint takes POST alone. A refusal carries a date as well as an answer does,
        # and no cache on the way keeps it.
        with requests.head(url, timeout=timeout, allow_redirects=False) as answer:
            text = answer.headers.get("Date", "")
    except requests.RequestException as error:
        raise ClockUnknownError(f"cannot be reached ({type(error).__name__})") from None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise ClockUnknownError("sent no readable Date") from None
