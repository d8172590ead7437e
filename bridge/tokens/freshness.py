"""How fresh a cached access token is: pure, and the same for every reader.

Owns FRESH, STALE and INVALID, and the jitter that keeps grants of one minute from refreshing in
one minute.
"""

from __future__ import annotations

import zlib
from enum import Enum, auto
from typing import Final, NamedTuple

from bridge.model import AccessToken

YOUNG_S: Final = 60  # a token younger than this is not refreshed for `min_ttl`
_SPREAD: Final = 0.4
_MOST_AHEAD_S: Final = 60


class Freshness(Enum):
    """What a reader does: take it; have one reader refresh it; wait for a new one."""

    FRESH = auto()
    STALE = auto()
    INVALID = auto()


class Span(NamedTuple):
    """A time from `since` on, until before `until`, both Unix seconds."""

    since: float
    until: float


def judge(access: AccessToken | None, now: float, min_ttl: int, window: float) -> Freshness:
    """Judge a token.

    Args:
        access: the token, None if there is none.
        now: Unix seconds.
        min_ttl: seconds the reader wants it to live still.
        window: the grant's own safety window in seconds.
    """
    if access is None or access.expires_at <= now:
        return Freshness.INVALID
    if access.issued_at > now + _MOST_AHEAD_S:
        # The clock that dated it was ahead, and so is its expiry: Google ends it earlier than that.
        return Freshness.INVALID
    left = access.expires_at - now
    if left > max(min_ttl, window) or now - access.issued_at < YOUNG_S:
        return Freshness.FRESH
    return Freshness.STALE


def fresh_span(access: AccessToken, min_ttl: int, window: float) -> Span:
    """Return when `judge` finds a token FRESH."""
    is_long = access.expires_at - max(min_ttl, window)
    is_young = min(access.issued_at + YOUNG_S, access.expires_at)
    return Span(access.issued_at - _MOST_AHEAD_S, max(is_long, is_young))


def window_of(grant_id: str, safety_window: float) -> float:
    """Return a grant's own safety window: 80 to 120 % of the set one, always the same for it."""
    part = zlib.crc32(grant_id.encode()) / 2**32
    return safety_window * (1 - _SPREAD / 2 + _SPREAD * part)
