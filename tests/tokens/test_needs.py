"""Needs: noted where a backend asked in vain, dropped where they are met."""

from __future__ import annotations

import pytest

from bridge.errors import Code
from bridge.model import Need
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, DAY, DRIVE, HOUR, TENANT, World
from tests.tokens.support import BOTH, ONLY_CALENDAR, capture, proven, refusal


def needs(bridge: World, subject: str = "u1") -> list[Need]:
    return bridge.services.needs.of(TENANT, subject)


def ask(bridge: World, *scopes: str, subject: str = "u1") -> None:
    refusal(lambda: bridge.read(subject, *scopes))


def test_a_subject_never_seen_has_a_need(bridge_world: World) -> None:
    """The first login of somebody whom a backend already wanted can mend it at once."""
    ask(bridge_world, CALENDAR, subject="never-seen")

    [need] = needs(bridge_world, "never-seen")
    assert (need.client_id, need.scopes) == (bridge_world.client.client_id, (CALENDAR,))


def test_a_need_names_the_client_that_was_asked_for(bridge_world: World) -> None:
    """With `client` in the request, that client's consent is what is needed."""
    client = bridge_world.data_client.client_id
    refusal(lambda: bridge_world.read("u1", CALENDAR, client=client))

    assert [need.client_id for need in needs(bridge_world)] == [client]


def test_each_scope_is_needed_for_thirty_days_of_its_own(bridge_world: World) -> None:
    """That a backend goes on asking for one scope keeps no other one needed."""
    ask(bridge_world, DRIVE)
    bridge_world.clock.advance(20 * DAY)
    ask(bridge_world, CALENDAR)
    [need] = needs(bridge_world)
    assert need.scopes == (CALENDAR, DRIVE)

    bridge_world.clock.advance(15 * DAY)
    [need] = needs(bridge_world)
    assert need.scopes == (CALENDAR,)
    bridge_world.clock.advance(20 * DAY)
    assert needs(bridge_world) == []


def test_a_missing_scope_is_a_need_and_granting_it_meets_it(bridge_world: World) -> None:
    """Only what is lacking is needed; the refresh that proves the wider grant drops the need."""
    account, _ = proven(bridge_world, "u1", ONLY_CALENDAR)
    ask(bridge_world, CALENDAR, DRIVE)
    assert [need.scopes for need in needs(bridge_world)] == [(DRIVE,)]

    capture(bridge_world, "u1", account, BOTH)
    bridge_world.read("u1", DRIVE)

    assert needs(bridge_world) == []


def test_a_dead_grant_is_a_need_of_what_was_asked_for(bridge_world: World) -> None:
    """The need holds the scopes that the backend wanted, and a reconnect meets it."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.google.kill_refresh_tokens(account)
    bridge_world.clock.advance(2 * HOUR)
    ask(bridge_world, DRIVE)
    assert [need.scopes for need in needs(bridge_world)] == [(DRIVE,)]

    capture(bridge_world, "u1", account, BOTH)
    bridge_world.read("u1", DRIVE)

    assert needs(bridge_world) == []


def test_a_partial_consent_does_not_meet_a_wider_need(bridge_world: World) -> None:
    """A need stays until all of it is granted."""
    account = bridge_world.account()
    ask(bridge_world, CALENDAR, DRIVE)
    capture(bridge_world, "u1", account, ONLY_CALENDAR)
    bridge_world.read("u1", CALENDAR)

    assert [set(need.scopes) for need in needs(bridge_world)] == [{CALENDAR, DRIVE}]


def test_an_action_in_vain_is_a_need_of_one_scope(bridge_world: World) -> None:
    """Actions become the scopes to ask for, also for a subject without any grant."""
    request = TokenRequest(tenant=TENANT, subject="u1", actions=("drive.files.list",))
    error = refusal(lambda: bridge_world.services.tokens.read(bridge_world.caller(), request))

    [need] = needs(bridge_world)
    assert len(need.scopes) == 1
    assert error.code is Code.GRANT_MISSING
    assert error.action is not None
    assert error.action.scopes == need.scopes


@pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
def test_a_need_is_kept_for_thirty_days(bridge_world: World, days: int, left: int) -> None:
    """After thirty days nobody is asked for what nobody wants any more."""
    ask(bridge_world, CALENDAR)
    bridge_world.clock.advance(days * DAY)

    assert len(needs(bridge_world)) == left


def test_a_need_is_not_written_again_within_the_hour(bridge_world: World) -> None:
    """A backend that asks in a loop does not turn into a write at every read."""
    ask(bridge_world, CALENDAR)
    [first] = needs(bridge_world)
    bridge_world.clock.advance(HOUR - 60)
    ask(bridge_world, CALENDAR)
    [second] = needs(bridge_world)
    bridge_world.clock.advance(120)
    ask(bridge_world, CALENDAR)
    [third] = needs(bridge_world)

    assert first == second
    assert third.at > first.at


def test_a_wider_need_is_written_at_once(bridge_world: World) -> None:
    """What is new is noted whatever was written within the hour."""
    ask(bridge_world, CALENDAR)
    ask(bridge_world, DRIVE)

    [need] = needs(bridge_world)
    assert set(need.scopes) == {CALENDAR, DRIVE}


def test_what_no_user_can_mend_is_no_need(bridge_world: World) -> None:
    """Policies, operators' faults and outages ask nobody for consent."""
    proven(bridge_world, "u1")
    for answer in ("internal_failure", "invalid_client", "admin_policy_enforced"):
        bridge_world.clock.advance(2 * HOUR)
        bridge_world.google.inject("token", answer, times=None)
        ask(bridge_world, CALENDAR)
        bridge_world.google.clear_faults()

    assert needs(bridge_world) == []


def test_a_tenant_beyond_the_callers_leaves_no_need(bridge_world: World) -> None:
    """A caller cannot leave needs with tenants that it may not see."""
    stranger = bridge_world.caller(tenants=["globex"])
    refusal(lambda: bridge_world.read("u1", CALENDAR, caller=stranger))

    assert needs(bridge_world) == []
