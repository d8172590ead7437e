"""The pace of refreshes, and the freeze on mass death."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import State
from bridge.secret import fingerprint
from bridge.store.base import Counted
from bridge.store.sqlite import SqliteStore
from bridge.tokens.clients import Clients
from bridge.tokens.limits import Pace, slices_of
from bridge.tokens.wire import TokenAnswer, TokenRequest
from tests.kit import CALENDAR, HOUR, TENANT, World
from tests.store.backends import FakeClock
from tests.tokens.support import (
    BOTH,
    at_once,
    calls,
    capture,
    is_live,
    mark_of,
    proven,
    refreshing_with,
    refusal,
)

MINUTES_5 = 301


def captured(bridge: World, count: int, *, first: int = 0) -> list[str]:
    """Capture the logins of so many accounts; return their subjects."""
    subjects = [f"u{n}" for n in range(first, first + count)]
    for subject in subjects:
        capture(bridge, subject, bridge.account(), BOTH)
    return subjects


def read_all(bridge: World, subjects: list[str]) -> list[TokenAnswer | BridgeError]:
    return [outcome(bridge, subject) for subject in subjects]


def outcome(bridge: World, subject: str) -> TokenAnswer | BridgeError:
    try:
        return bridge.read(subject, CALENDAR)
    except BridgeError as error:
        return error


def kill(bridge: World, subjects: list[str]) -> None:
    for subject in subjects:
        bridge.google.kill_refresh_tokens(bridge.grant_of(subject).account.sub)


def states(bridge: World, subjects: list[str]) -> list[State]:
    return [bridge.grant_of(subject).state for subject in subjects]


@pytest.mark.parametrize("rate", [0.3, 1, 1.9, 7, 19, 20, 32, 38, 50, 106])
def test_no_second_sees_more_calls_than_the_rate(tmp_path: Path, rate: float) -> None:
    """Wherever it begins, and though each call may take up to 0.15 s to arrive."""
    clock = FakeClock()
    store = SqliteStore(tmp_path / "store.db", clock)
    limit, window = slices_of(rate)
    admitted: list[float] = []
    began = clock.now()
    while clock.now() < began + 5 * window + 3:
        while store.count("pace", f"{len(admitted)}", window, limit).admitted:
            admitted.append(clock.now())
        clock.advance(window / 20)
    store.close()

    within = max(1, 1 / rate) + 0.15
    for at, first in enumerate(admitted):
        assert sum(1 for time in admitted[at:] if time - first < within - 1e-6) <= max(1, rate)
    # It is not far below the rate either.
    assert len(admitted) / (clock.now() - began) > 0.4 * rate


@pytest.mark.parametrize(
    ("rate", "delays", "taken"),
    [
        (20, [0.0], 1),
        (20, [0.3, 0.0], 2),
        (20, [0.3, 0.3, 0.3, 0.3], 4),
        (5, [0.3], 1),
    ],
)
def test_a_place_that_came_late_is_given_up_for_another(
    bridge_world: World, rate: float, delays: list[float], taken: int
) -> None:
    """Calls that wait for a slow store do not all go out with those that found it quick.

    Where it is always slow they go out all the same, and so they do where places are rare.
    """
    clock = FakeClock()
    places: list[str] = []

    class SlowStore(SqliteStore):
        def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
            counted = super().count(key, member, window, limit)
            if member and counted.admitted:
                places.append(member)
                clock.advance(delays[len(places) - 1])
            return counted

    store = SlowStore(bridge_world.folder / "places.db", clock)
    [client, _] = Clients(bridge_world.settings).of(TENANT)
    Pace(store, clock).take(replace(client, refreshes_per_second=rate), 10)
    store.close()

    assert len(places) == taken


def test_stale_readers_never_wait_for_the_rate_nor_fail_by_it(bridge_world: World) -> None:
    """Beyond the rate, whoever has a valid token keeps it for now."""
    subjects = captured(bridge_world, 10)
    first = read_all(bridge_world, subjects)
    bridge_world.restart(refreshes_per_second=0.5)
    bridge_world.clock.advance(HOUR - 100)

    second = read_all(bridge_world, subjects)

    assert all(isinstance(one, TokenAnswer) for one in second)
    assert sum(old == new for old, new in zip(_tokens(first), _tokens(second), strict=True)) == 9


def test_a_stale_reader_without_a_place_fails_nobody_who_waits_for_it(
    bridge_world: World,
) -> None:
    """A reader who needs a token goes on waiting where an early refresher gave up."""
    [subject, other] = captured(bridge_world, 2)
    read_all(bridge_world, [subject, other])
    bridge_world.restart(refreshes_per_second=2)
    bridge_world.clock.advance(HOUR - 100)
    bridge_world.read(other, CALENDAR)

    def read(number: int) -> TokenAnswer:
        rejected = told if number == 0 else None
        return bridge_world.read(subject, CALENDAR, rejected=rejected)

    told = _fingerprint(bridge_world, subject)
    answers = at_once(12, read)

    assert answers[0].expires_in > 3000


def test_a_reader_that_finds_no_place_in_time_is_told_to_come_back(bridge_world: World) -> None:
    """Patience ends with `upstream_unavailable`, and the grant is as it was."""
    subjects = captured(bridge_world, 2)
    read_all(bridge_world, subjects)
    bridge_world.restart(refreshes_per_second=0.001)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.read(subjects[0], CALENDAR)
    tokens = refreshing_with(bridge_world, patience=0.2)
    request = TokenRequest(tenant=TENANT, subject=subjects[1], scopes=(CALENDAR,))

    error = refusal(lambda: tokens.read(bridge_world.caller(), request))

    assert (error.code, error.reason) == (Code.UPSTREAM_UNAVAILABLE, "rate_limited_here")
    assert bridge_world.grant_of(subjects[1]).state is State.ACTIVE


def test_deaths_are_frozen_from_the_twentieth_on(bridge_world: World) -> None:
    """Nineteen die of all that answer `invalid_grant`; then none is believed any more."""
    subjects = captured(bridge_world, 30)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(2 * HOUR)
    kill(bridge_world, subjects)

    errors = read_all(bridge_world, subjects)

    assert states(bridge_world, subjects).count(State.REAUTH_REQUIRED) == 19
    frozen = [e for e in errors if isinstance(e, BridgeError) and e.reason == "mass_death"]
    assert len(frozen) == 11
    assert {(e.code, e.answer.status) for e in frozen} == {(Code.CLIENT_FAULT, 503)}


def test_a_freeze_ends_with_its_window(bridge_world: World) -> None:
    """Once the window has passed, a single death is a death again."""
    subjects = captured(bridge_world, 30)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(2 * HOUR)
    kill(bridge_world, subjects)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(MINUTES_5)

    error = outcome(bridge_world, subjects[-1])

    assert isinstance(error, BridgeError)
    assert error.code is Code.REAUTH_REQUIRED


def test_a_grant_that_was_frozen_serves_when_the_fault_is_over(bridge_world: World) -> None:
    """What Google called dead by mistake has lost nothing."""
    subjects = captured(bridge_world, 25)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", "invalid_grant", times=None)
    read_all(bridge_world, subjects)
    bridge_world.google.clear_faults()
    bridge_world.clock.advance(31)

    assert isinstance(outcome(bridge_world, subjects[-1]), TokenAnswer)


def test_a_frozen_failure_is_shared(bridge_world: World) -> None:
    """Readers of a frozen grant do not ask Google again at once."""
    subjects = captured(bridge_world, 21)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(2 * HOUR)
    kill(bridge_world, subjects)
    read_all(bridge_world, subjects)
    before = calls(bridge_world)

    for _ in range(5):
        refusal(lambda: bridge_world.read(subjects[-1], CALENDAR))

    assert calls(bridge_world) == before


def test_few_deaths_among_many_refreshes_are_no_mass_death(bridge_world: World) -> None:
    """Twenty-five deaths among sixty refreshes are believed, every one."""
    subjects = captured(bridge_world, 60)
    read_all(bridge_world, subjects)
    bridge_world.clock.advance(2 * HOUR)
    kill(bridge_world, subjects[35:])

    read_all(bridge_world, subjects)

    assert states(bridge_world, subjects[35:]) == [State.REAUTH_REQUIRED] * 25


def test_below_twenty_nothing_is_frozen(bridge_world: World) -> None:
    """Nineteen deaths of nineteen refreshes may be true."""
    subjects = captured(bridge_world, 19)
    kill(bridge_world, subjects)

    read_all(bridge_world, subjects)

    assert states(bridge_world, subjects) == [State.REAUTH_REQUIRED] * 19


def test_another_clients_deaths_freeze_nothing_here(bridge_world: World) -> None:
    """The count is a client's own."""
    subjects = captured(bridge_world, 21)
    account = bridge_world.account()
    capture(bridge_world, "other", account, BOTH, client=bridge_world.data_client)
    kill(bridge_world, [*subjects, "other"])
    read_all(bridge_world, subjects)

    error = outcome(bridge_world, "other")

    assert isinstance(error, BridgeError)
    assert error.code is Code.REAUTH_REQUIRED


def test_a_frozen_candidate_does_not_keep_the_live_token_from_serving(bridge_world: World) -> None:
    """A candidate's death that is not believed is passed over: the live token has its turn."""
    account, live = proven(bridge_world, "u-live")
    doomed = captured(bridge_world, 25)
    kill(bridge_world, doomed)
    read_all(bridge_world, doomed)
    dead = capture(bridge_world, "u-live", account, BOTH)
    bridge_world.google.kill_refresh_tokens(account, refresh_token=dead)

    rejected = _fingerprint(bridge_world, "u-live")
    assert bridge_world.read("u-live", CALENDAR, rejected=rejected).scope

    grant = bridge_world.grant_of("u-live")
    assert is_live(bridge_world, grant, live)
    assert mark_of(bridge_world, dead) in {c.mark for c in grant.candidates}


def _fingerprint(bridge: World, subject: str) -> str:
    return fingerprint(bridge.read(subject, CALENDAR).access_token)


def _tokens(answers: list[TokenAnswer | BridgeError]) -> list[object]:
    return [one.access_token for one in answers if isinstance(one, TokenAnswer)]
