"""What came of asking a user to consent: pure functions, round to round.

Owns when a round is over and how: a refresh token that came since it was asked for is consent, a
return without one is a denial, and no return at all is an abandonment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.consent.situation import UNDER_WAY_S, WINDOW_S
from bridge.model import Grant, Outcome, Round

_KEPT: Final = 8
# Google dates a token, the bridge dates the round; their clocks may differ by a little.
_SKEW_S: Final = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a subject's tokens for one client.

    Attributes:
        captured: how many refresh tokens ever came.
        refreshed_at: when a refresh last succeeded; 0 is never.
        consented_at: the time of the newest refresh token that ever came; 0 is none.
        waiting: the time of a refresh token that is captured and waits for its binding; 0 is none.
    """

    captured: int
    refreshed_at: int
    consented_at: int = 0
    waiting: int = 0


def seen(grants: Iterable[Grant], client_id: str, waiting: int = 0) -> Seen:
    """Return what a subject's grants tell about a client."""
    own = [grant for grant in grants if grant.client_id == client_id]
    refreshed_at = max((grant.refreshed_at or 0 for grant in own), default=0)
    consented_at = max((grant.consented_at for grant in own), default=0)
    return Seen(sum(grant.consents for grant in own), refreshed_at, consented_at, waiting)


def settled(last: Round, now_seen: Seen, now: int, *, is_returned: bool) -> Round:
    """Return a round as it stands in the light of what came since; the same if nothing changed.

    A denial or an abandonment is taken back when a refresh token from after the question turns up
    after all: its message was only late.
    """
    if last.times and now_seen.refreshed_at >= last.asked_at:
        last = replace(last, times=(), logins=())  # what came of it works
    if last.outcome is Outcome.GIVEN:
        return last
    if _is_given(last, now_seen, is_returned=is_returned):
        return ended(last, Outcome.GIVEN, now)
    if last.outcome is not None:
        return last
    if is_returned:
        return ended(last, Outcome.DENIED, now)
    # A clock that was set back must not keep a round under way for ever.
    if abs(now - last.asked_at) < UNDER_WAY_S:
        return last
    # Nobody may have looked for weeks: the rest began when the user stayed away.
    return ended(last, Outcome.ABANDONED, min(now, last.asked_at + UNDER_WAY_S))


def _is_given(last: Round, now_seen: Seen, *, is_returned: bool) -> bool:
    since = last.asked_at - _SKEW_S
    if now_seen.captured <= last.captured:
        return now_seen.waiting >= since
    # A message from before the round may only be late, and its token is no answer to the round. Of
    # whoever is back just now, one that nobody dated is.
    return is_returned or max(now_seen.consented_at, now_seen.waiting) >= since


def ended(last: Round, outcome: Outcome, now: int) -> Round:
    """Return a round with its outcome."""
    return replace(last, outcome=outcome, settled_at=now)


def asked_anew(last: Round | None, new: Round) -> Round:
    """Return a new round that remembers those before it, as long as they count."""
    times = tuple(t for t in (last.times if last else ()) if abs(new.asked_at - t) < WINDOW_S)
    logins = last.logins if last else ()
    return replace(
        new,
        times=(new.asked_at, *times)[:_KEPT],
        logins=(new.login, *logins)[:_KEPT],
    )
