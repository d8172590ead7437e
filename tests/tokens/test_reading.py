"""Reading tokens from end to end, through the service."""

from __future__ import annotations

from bridge.errors import Action, Code
from bridge.model import State
from tests.kit import CALENDAR, HOUR, World
from tests.tokens.support import refusal


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


def test_a_caller_without_the_permission_gets_no_token(bridge_world: World) -> None:
    """Reading tokens is a permission of its own."""
    bridge_world.grant("u1")
    caller = bridge_world.caller(permissions=["grants:read"])

    error = refusal(lambda: bridge_world.read("u1", CALENDAR, caller=caller))

    assert error.code is Code.FORBIDDEN


def test_a_login_without_a_refresh_token_is_a_grant_to_connect(bridge_world: World) -> None:
    """A user who signed in, but never gave consent, is told what to grant."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account, CALENDAR, offline=False)
    bridge_world.login("u1", account, tokens)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert bridge_world.grant_of("u1").state is State.MISSING
    assert error.code is Code.GRANT_MISSING
    assert error.action == Action("connect", (CALENDAR,))


def test_a_client_that_left_the_configuration_is_the_operators_fault(bridge_world: World) -> None:
    """The grant of a client that is configured no more is kept, and says what is wrong."""
    bridge_world.grant("u1")
    bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.client = bridge_world.google.clients.create(project="111122223333")
    bridge_world.restart()

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert (error.code, error.reason) == (Code.CLIENT_FAULT, "client_not_configured")
    assert bridge_world.grant_of("u1").state is State.ACTIVE
