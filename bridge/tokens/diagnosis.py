"""Why a grant died, as far as the evidence goes: pure.

Google says `invalid_grant` for a dozen causes. Owns the guess that helps whoever must mend it;
nothing is ever decided by it.
"""

from __future__ import annotations

from typing import Final

from bridge.google.outcome import Dead, DeadCause, Hint
from bridge.model import Grant, RefreshToken

_DAY: Final = 24 * 3600
_TESTING_LIFETIME_S: Final = 7 * _DAY  # an External app in Testing status
_UNUSED_S: Final = 180 * _DAY  # "six months"
_CAP: Final = 100  # live refresh tokens per account and client


def diagnose(grant: Grant, token: RefreshToken, dead: Dead, now: int) -> str:
    """Return the reason to show: what most likely ended this refresh token.

    `session_control`, `account_gone`, `testing_mode`, `time_limited`, `token_cap`,
    `idle_six_months`, or `unknown` (above all: the user revoked it, or changed a password).
    """
    if dead.cause is DeadCause.SESSION_CONTROL:
        return "session_control"
    if dead.hint is Hint.ACCOUNT_DELETED:
        return "account_gone"
    return _by_age(grant, token, now) or _by_count(grant) or "unknown"


def is_of_testing(token: RefreshToken) -> bool:
    """Return whether a refresh token lives for a week, as those of an app in Testing status do."""
    return token.lifetime is not None and abs(token.lifetime - _TESTING_LIFETIME_S) < _DAY


def _by_age(grant: Grant, token: RefreshToken, now: int) -> str | None:
    last_good = grant.refreshed_at or token.time
    if token.lifetime is not None and token.time and now >= token.time + token.lifetime - _DAY:
        return "testing_mode" if is_of_testing(token) else "time_limited"
    if token.time and last_good <= token.time + _TESTING_LIFETIME_S <= now < token.time + 8 * _DAY:
        return "testing_mode"
    if last_good and now - last_good >= _UNUSED_S:
        return "idle_six_months"
    return None


def _by_count(grant: Grant) -> str | None:
    return "token_cap" if grant.consents >= _CAP else None
