"""What came of a round, by what has come since."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.consent.history import Seen, asked_anew, settled
from bridge.model import Outcome, Round
from tests.consent.situations import DAY, NOW, last_round

OPEN = last_round(asked_at=NOW - 60, captured=2, times=(NOW - 60,), logins=("l1",))
NOTHING = Seen(captured=2, refreshed_at=0)
ONE_MORE = Seen(captured=3, refreshed_at=0, consented_at=OPEN.asked_at + 3)
UNDATED = Seen(captured=3, refreshed_at=0)
JUST_BEFORE = Seen(captured=2, refreshed_at=0, consented_at=OPEN.asked_at - 2)
LATE = Seen(captured=3, refreshed_at=0, consented_at=OPEN.asked_at - 60)


def at(last: Round, seen: Seen, now: int = NOW, *, is_returned: bool = False) -> Outcome | None:
    return settled(last, seen, now, is_returned=is_returned).outcome


@pytest.mark.parametrize(
    ("seen", "seconds", "is_returned", "outcome"),
    [
        (NOTHING, 60, False, None),
        (NOTHING, 599, False, None),
        (NOTHING, 600, False, Outcome.ABANDONED),
        (NOTHING, 60, True, Outcome.DENIED),
        (ONE_MORE, 60, True, Outcome.GIVEN),
        (ONE_MORE, 60, False, Outcome.GIVEN),
        (ONE_MORE, 9999, False, Outcome.GIVEN),
        (UNDATED, 60, True, Outcome.GIVEN),
        (UNDATED, 60, False, None),
        (LATE, 60, False, None),
        (JUST_BEFORE, 60, True, Outcome.DENIED),
        (LATE, 600, False, Outcome.ABANDONED),
        (Seen(2, 0, waiting=OPEN.asked_at + 3), 60, True, Outcome.GIVEN),
        (Seen(2, 0, waiting=OPEN.asked_at - 60), 60, True, Outcome.DENIED),
    ],
)
def test_a_round_ends_by_what_came_of_it(
    seen: Seen, seconds: int, outcome: Outcome | None, *, is_returned: bool
) -> None:
    """A refresh token is consent, a return without one a refusal, no return an abandonment."""
    assert at(OPEN, seen, OPEN.asked_at + seconds, is_returned=is_returned) is outcome


def test_an_abandonment_is_dated_when_it_happened() -> None:
    """However late it is noticed: the rest begins then."""
    late = settled(OPEN, NOTHING, NOW + 90 * DAY, is_returned=False)
    assert late.settled_at == OPEN.asked_at + 600


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.ABANDONED])
def test_a_late_token_takes_a_refusal_back(outcome: Outcome) -> None:
    """Its message was only slow; one from before the question is no answer to it."""
    over = replace(OPEN, outcome=outcome, settled_at=NOW - 50)
    assert at(over, NOTHING) is outcome
    assert at(over, ONE_MORE) is Outcome.GIVEN
    assert at(over, LATE) is outcome


def test_a_consent_stays_one() -> None:
    """Also when its grant was forgotten since, so that fewer tokens are counted."""
    given = last_round(outcome=Outcome.GIVEN, captured=5)
    assert settled(given, NOTHING, NOW + DAY, is_returned=True) == given


def test_a_clock_that_was_set_back_keeps_no_round_under_way() -> None:
    """A round from the future is over, and dated by the clock there is."""
    future = last_round(asked_at=NOW + DAY, captured=2)
    over = settled(future, NOTHING, NOW, is_returned=False)
    assert (over.outcome, over.settled_at) == (Outcome.ABANDONED, NOW)


def test_rounds_are_counted_until_one_works() -> None:
    """A refresh that succeeded since the last round clears the count."""
    again = asked_anew(OPEN, last_round(asked_at=NOW, login="l2"))
    assert (again.times, again.logins) == ((NOW, NOW - 60), ("l2", "l1"))
    worked = settled(again, Seen(9, refreshed_at=NOW + 5), NOW + 9, is_returned=False)
    assert (worked.times, worked.logins) == ((), ())


def test_rounds_of_another_day_are_not_counted() -> None:
    """The breaker looks at one day."""
    again = asked_anew(OPEN, last_round(asked_at=NOW + 2 * DAY))
    assert again.times == (NOW + 2 * DAY,)
