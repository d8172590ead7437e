"""The store goes away in the midst of a refresh: an access token may be lost, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.errors import Code
from bridge.model import State
from tests.kit import CALENDAR, HOUR, World
from tests.tokens.support import Later, held, is_live, proven, refusal, under_way

pytestmark = pytest.mark.sqlite


class Outage:
    """The store's file taken away, and put back."""

    def __init__(self, bridge: World) -> None:
        self._bridge = bridge
        self._file: Path = bridge.settings.store.path
        self._away = self._file.with_name("away.db")

    def begin(self) -> None:
        self._file.rename(self._away)
        self._bridge.clock.advance(2)  # the store looks once a second whether its file is there

    def end(self) -> None:
        if self._away.exists():
            self._away.rename(self._file)
            self._bridge.clock.advance(2)


def test_an_answer_that_cannot_be_written_is_told_and_costs_no_grant(bridge_world: World) -> None:
    """The reader gets `store_unavailable`, the log an error; afterwards the grant serves."""
    _, token = proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    outage = Outage(bridge_world)
    hold = held(bridge_world)
    with capture_logs() as logged:
        reading = Later(lambda: bridge_world.read("u1", CALENDAR))
        under_way(hold)
        outage.begin()
        hold.release()
        error = refusal(reading.outcome)
    outage.end()
    bridge_world.clock.advance(5)

    assert error.code is Code.STORE_UNAVAILABLE
    assert "refresh_not_written" in {entry["event"] for entry in logged}
    assert bridge_world.read("u1", CALENDAR).scope
    assert is_live(bridge_world, bridge_world.grant_of("u1"), token)


def test_a_death_that_cannot_be_written_is_found_again(bridge_world: World) -> None:
    """A grant is not half dead: it stays as it was until a death is on disk."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.kill_refresh_tokens(account)
    outage = Outage(bridge_world)
    hold = held(bridge_world)
    reading = Later(lambda: bridge_world.read("u1", CALENDAR))
    under_way(hold)
    outage.begin()
    hold.release()
    assert refusal(reading.outcome).code is Code.STORE_UNAVAILABLE
    outage.end()
    bridge_world.clock.advance(5)

    assert bridge_world.grant_of("u1").state is State.ACTIVE
    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.REAUTH_REQUIRED


def test_a_rotated_token_is_written_as_soon_as_the_store_is_back(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh token that came while the store was away is not lost: the old one is dead."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.configure(rotate_refresh_tokens=True)
    outage = Outage(bridge_world)
    hold = held(bridge_world)
    reading = Later(lambda: bridge_world.read("u1", CALENDAR))
    under_way(hold)
    outage.begin()
    monkeypatch.setattr(bridge_world.clock, "sleep", lambda _: outage.end())
    hold.release()

    assert reading.outcome().scope
    bridge_world.clock.advance(2 * HOUR)
    assert bridge_world.read("u1", CALENDAR).scope


def test_a_store_that_is_away_is_no_fault_of_the_grant(bridge_world: World) -> None:
    """Readers are told of the store, and it is served as before when it is back."""
    proven(bridge_world, "u1")
    outage = Outage(bridge_world)
    outage.begin()
    error = refusal(lambda: bridge_world.read("u1", CALENDAR))
    outage.end()

    assert error.code is Code.STORE_UNAVAILABLE
    assert bridge_world.read("u1", CALENDAR).scope
