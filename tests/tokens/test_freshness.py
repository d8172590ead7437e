"""FRESH, STALE and INVALID: as a rule, and as readers see it."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Code
from bridge.model import AccessToken
from bridge.secret import Secret, fingerprint
from bridge.tokens.freshness import Freshness, fresh_span, judge, window_of
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL, World
from tests.tokens.support import Later, calls, held, proven, refusal, under_way

NOW = 1_000_000
WINDOW = 225.0


def token(left: float, age: float = 3000) -> AccessToken:
    return AccessToken(
        token=Secret("ya29.a"),
        scopes=None,
        issued_at=int(NOW - age),
        expires_at=int(NOW + left),
    )


@pytest.mark.parametrize(
    ("left", "age", "min_ttl", "expected"),
    [
        (1000, 2600, 300, Freshness.FRESH),
        (301, 3299, 300, Freshness.FRESH),
        (300, 3300, 300, Freshness.STALE),
        (226, 3374, 0, Freshness.FRESH),
        (225, 3375, 0, Freshness.STALE),
        (1800, 1800, 1800, Freshness.STALE),
        (1, 3599, 0, Freshness.STALE),
        (0, 3600, 0, Freshness.INVALID),
        (-5, 3605, 0, Freshness.INVALID),
        (100, 59, 1800, Freshness.FRESH),
        (100, 60, 1800, Freshness.STALE),
        (0, 10, 0, Freshness.INVALID),
    ],
)
def test_a_token_is_judged_by_what_is_left_of_it(
    left: float, age: float, min_ttl: int, expected: Freshness
) -> None:
    """More than `min_ttl` and the window is FRESH, as is a young one; what is over is INVALID."""
    assert judge(token(left, age), NOW, min_ttl, WINDOW) is expected


@given(
    left=st.integers(-100, 8000),
    age=st.integers(-100, 8000),
    min_ttl=st.integers(0, 1800),
    window=st.floats(0, 360),
    passed=st.floats(-200, 8000),
)
def test_the_time_in_which_a_token_is_fresh_is_told_beforehand(
    *, left: int, age: int, min_ttl: int, window: float, passed: float
) -> None:
    """It is FRESH exactly within the span."""
    its, now = token(left, age), NOW + passed
    fresh = fresh_span(its, min_ttl, window)
    is_within = fresh.since <= now < fresh.until
    assert is_within == (judge(its, now, min_ttl, window) is Freshness.FRESH)


def test_no_token_is_invalid() -> None:
    """Without a token there is nothing to hand out."""
    assert judge(None, NOW, 0, WINDOW) is Freshness.INVALID


def test_a_token_dated_by_a_clock_that_was_ahead_is_not_believed() -> None:
    """A clock set back by an hour must not make a dead token look alive for one hour more."""
    assert judge(token(left=7200, age=-3600), NOW, 300, WINDOW) is Freshness.INVALID


def test_hosts_whose_clocks_differ_a_little_share_a_token() -> None:
    """A few seconds between two hosts' clocks make no refresh."""
    assert judge(token(left=3602, age=-3), NOW, 300, WINDOW) is Freshness.FRESH


def test_windows_differ_by_grant_and_stay_the_same() -> None:
    """Every grant has its own window within 80 to 120 %, spread over all of that."""
    windows = [window_of(f"g_{n}", WINDOW) for n in range(1000)]
    assert windows == [window_of(f"g_{n}", WINDOW) for n in range(1000)]
    assert all(0.8 * WINDOW <= window <= 1.2 * WINDOW for window in windows)
    tenths = {int((window / WINDOW - 0.8) / 0.04) for window in windows}
    assert tenths >= set(range(10))


def test_min_ttl_refreshes_early(bridge_world: World) -> None:
    """A reader that needs half an hour gets it, though the token is good for others."""
    proven(bridge_world, "u1")
    first = bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(HOUR - 1000)

    assert bridge_world.read("u1", CALENDAR).access_token == first.access_token
    longer = bridge_world.read("u1", CALENDAR, min_ttl=1800)
    assert longer.access_token != first.access_token
    assert longer.expires_in > 1800


def test_a_young_token_is_not_refreshed_for_min_ttl(bridge_world: World) -> None:
    """Where Google's tokens live less than `min_ttl`, a reader does not refresh at every read."""
    bridge_world.google.configure(expires_in=600)
    proven(bridge_world, "u1")
    before = calls(bridge_world)

    for _ in range(3):
        assert bridge_world.read("u1", CALENDAR, min_ttl=1800).expires_in <= 600
    assert calls(bridge_world) == before
    bridge_world.clock.advance(61)
    bridge_world.read("u1", CALENDAR, min_ttl=1800)
    assert calls(bridge_world) == before + 1


def test_stale_readers_take_the_old_token_while_one_refreshes(bridge_world: World) -> None:
    """During an early refresh nobody but the one who does it waits."""
    proven(bridge_world, "u1")
    old = bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(HOUR - 100)
    hold = held(bridge_world)
    leader = Later(lambda: bridge_world.read("u1", CALENDAR))
    under_way(hold)

    others = [bridge_world.read("u1", CALENDAR) for _ in range(5)]
    hold.release()

    assert {one.access_token for one in others} == {old.access_token}
    assert leader.outcome().access_token != old.access_token
    assert bridge_world.read("u1", CALENDAR).access_token == leader.outcome().access_token


def test_a_rejected_token_is_replaced_once(bridge_world: World) -> None:
    """The fingerprint of the present token forces a refresh; told again, it does nothing."""
    proven(bridge_world, "u1")
    bad = fingerprint(bridge_world.read("u1", CALENDAR).access_token)
    before = calls(bridge_world)

    answers = [bridge_world.read("u1", CALENDAR, rejected=bad) for _ in range(5)]

    assert calls(bridge_world) == before + 1
    assert len({fingerprint(answer.access_token) for answer in answers} - {bad}) == 1


def test_a_fingerprint_of_another_token_forces_nothing(bridge_world: World) -> None:
    """Only the present token can be rejected."""
    proven(bridge_world, "u1")
    before = calls(bridge_world)

    bridge_world.read("u1", CALENDAR, rejected=fingerprint("ya29.of-long-ago"))

    assert calls(bridge_world) == before


def test_a_rejected_token_is_not_served_when_the_refresh_fails(bridge_world: World) -> None:
    """Who was told 401 is not handed the same token again; others still are."""
    proven(bridge_world, "u1")
    good = bridge_world.read("u1", CALENDAR)
    bridge_world.google.set_down("503")

    told = fingerprint(good.access_token)
    error = refusal(lambda: bridge_world.read("u1", CALENDAR, rejected=told))

    assert error.code is Code.UPSTREAM_UNAVAILABLE
    assert bridge_world.read("u1", CALENDAR).access_token == good.access_token


def test_scope_sets_take_turns_and_are_refreshed_once_each(bridge_world: World) -> None:
    """Callers of different allowances refresh one after the other, once each, and nobody errs."""
    account = bridge_world.account()
    bridge_world.login("u1", account, bridge_world.sign_in(account, f"{CALENDAR} {DRIVE} {MAIL}"))
    bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(2 * HOUR)
    before = calls(bridge_world)
    allowances = [
        (scope, *more)
        for scope in (CALENDAR, DRIVE, MAIL)
        for more in ((), (CALENDAR,), (DRIVE,), (MAIL,))
    ]
    distinct = {frozenset(allowance) for allowance in allowances}
    hold = held(bridge_world)

    def read(allowance: tuple[str, ...]) -> str:
        caller = bridge_world.caller(scopes=allowance)
        return bridge_world.read("u1", allowance[0], caller=caller).scope

    first = Later(lambda: read(allowances[0]))
    under_way(hold)
    rest = [Later(partial(read, allowance)) for allowance in allowances[1:]]
    hold.release()

    for allowance, reading in zip(allowances, (first, *rest), strict=True):
        assert set(reading.outcome().split()) == set(allowance)
    assert calls(bridge_world) - before == len(distinct)
