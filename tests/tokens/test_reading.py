"""Reading tokens from end to end, through the service."""

from __future__ import annotations

from tests.kit import CALENDAR, HOUR, World


def test_a_captured_grant_serves_a_token_after_one_refresh(bridge_world: World) -> None:
    """A login's refresh token gives a token at the first read, and the same one at the second."""
    bridge_world.grant("u1")

    first = bridge_world.read("u1", CALENDAR)
    second = bridge_world.read("u1", CALENDAR)

    assert first.access_token == second.access_token
    assert bridge_world.google.stats().refreshes == 1
    assert CALENDAR in first.scope.split()


def test_an_expired_token_is_refreshed_once(bridge_world: World) -> None:
    """After its expiry a token is replaced by one refresh."""
    bridge_world.grant("u1")
    first = bridge_world.read("u1", CALENDAR)

    bridge_world.clock.advance(2 * HOUR)
    second = bridge_world.read("u1", CALENDAR)

    assert first.access_token != second.access_token
    assert bridge_world.google.stats().refreshes == 2
