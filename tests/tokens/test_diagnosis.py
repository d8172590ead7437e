"""Why a grant died: every reason by its natural cause at Google."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import State
from bridge.sandbox.records import Account
from tests.kit import CALENDAR, DAY, HOUR, World
from tests.tokens.support import BOTH, ONLY_CALENDAR, capture, proven, refusal, told


def died(bridge: World, after: float = 2 * HOUR) -> BridgeError:
    bridge.clock.advance(after)
    error = refusal(lambda: bridge.read("u1", CALENDAR))
    assert error.code is Code.REAUTH_REQUIRED
    assert bridge.grant_of("u1").state is State.REAUTH_REQUIRED
    assert bridge.grant_of("u1").reason == error.reason
    return error


def signed_in(bridge: World, account: Account, **more: int) -> None:
    """Have a login captured with the refresh token's lifetime, and prove it."""
    tokens = bridge.sign_in(account, BOTH, **more)
    assert tokens.refresh_token_expires_in is not None
    told(
        bridge,
        "u1",
        account,
        refresh_token=tokens.refresh_token,
        refresh_token_expires_in=tokens.refresh_token_expires_in,
    )
    bridge.read("u1", CALENDAR)


def test_seven_days_of_testing_mode_are_told_from_the_lifetime(bridge_world: World) -> None:
    """A token that came with a week to live, and ends then, ended by Testing mode."""
    bridge_world.google.clients.publish(bridge_world.client, "testing")
    account = bridge_world.account()
    signed_in(bridge_world, account)
    for _ in range(6):
        bridge_world.clock.advance(DAY)
        bridge_world.read("u1", CALENDAR)

    assert died(bridge_world, 1.1 * DAY).reason == "testing_mode"


def test_seven_days_of_testing_mode_are_told_from_the_age_alone(bridge_world: World) -> None:
    """An IdP that drops `refresh_token_expires_in` leaves the age to tell."""
    bridge_world.google.clients.publish(bridge_world.client, "testing")
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account, BOTH)
    told(
        bridge_world,
        "u1",
        account,
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
    )
    bridge_world.read("u1", CALENDAR)

    assert died(bridge_world, 7.2 * DAY).reason == "testing_mode"


def test_time_based_access_is_told_from_the_lifetime(bridge_world: World) -> None:
    """A token that came with two days to live ended as the user chose."""
    signed_in(bridge_world, bridge_world.account(), lifetime=2 * DAY)

    assert died(bridge_world, 2.1 * DAY).reason == "time_limited"


def test_six_idle_months_are_told(bridge_world: World) -> None:
    """A token that nobody used for half a year died of it."""
    proven(bridge_world, "u1")

    assert died(bridge_world, 184 * DAY).reason == "idle_six_months"


@pytest.mark.slow
def test_the_cap_is_told_from_the_count(bridge_world: World) -> None:
    """A token pushed out by the 101st consent, of which the bridge saw most, died of the cap."""
    account, _ = proven(bridge_world, "u1")
    for _ in range(99):
        capture(bridge_world, "u1", account, ONLY_CALENDAR)
    for _ in range(100):
        bridge_world.sign_in(account, ONLY_CALENDAR)  # elsewhere: the bridge never sees these

    assert died(bridge_world).reason == "token_cap"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (lambda w, a: w.google.accounts.require_reauth(a), "session_control"),
        (lambda w, a: w.google.accounts.require_reauth(a, "rapt_required"), "session_control"),
        (lambda w, a: w.google.accounts.delete(a), "account_gone"),
        (lambda w, a: w.google.accounts.suspend(a), "unknown"),
        (lambda w, a: w.google.revoke_as_user(a, w.client), "unknown"),
        (lambda w, a: w.google.kill_refresh_tokens(a), "unknown"),
    ],
    ids=["session", "rapt required", "deleted", "suspended", "revoked by the user", "killed"],
)
def test_a_death_is_told_by_its_cause(
    bridge_world: World, cause: Callable[[World, object], object], reason: str
) -> None:
    """Session control and a deleted account are told; what leaves no evidence is `unknown`."""
    account, _ = proven(bridge_world, "u1")
    cause(bridge_world, account)

    assert died(bridge_world).reason == reason


def test_a_dead_grant_asks_for_what_was_wanted(bridge_world: World) -> None:
    """The action names the scopes of the request: the dead grant can tell none any more."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.google.kill_refresh_tokens(account)

    action = died(bridge_world).action

    assert action is not None
    assert (action.type, action.scopes) == ("connect", (CALENDAR,))
