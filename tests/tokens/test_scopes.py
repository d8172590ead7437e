"""What a token carries: granted, allowed, narrowed; and what is said where that is too little."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from bridge.errors import BridgeError, Code
from bridge.model import Caller, State
from bridge.sandbox.canned import CannedAnswer
from bridge.tokens.wire import TokenAnswer, TokenRequest
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL, OTHER, SIGN_IN, TENANT, World
from tests.tokens.support import BOTH, ONLY_CALENDAR, Backend, calls, capture, proven, refusal

EVENTS = "https://www.googleapis.com/auth/calendar.events"


def api(bridge: World, path: str, served: TokenAnswer) -> int:
    """Call a Google API of the sandbox with a served token; return the HTTP status."""
    headers = {"Authorization": f"Bearer {served.access_token.reveal()}"}
    with requests.get(bridge.server.url + path, headers=headers, timeout=10) as answer:
        return answer.status_code


def by_actions(bridge: World, *actions: str, caller: Caller | None = None) -> TokenAnswer:
    request = TokenRequest(tenant=TENANT, subject="u1", actions=actions)
    return bridge.services.tokens.read(caller or bridge.caller(), request)


def test_a_caller_allowed_calendar_only_gets_a_token_that_drive_refuses(
    bridge_world: World,
) -> None:
    """The grant holds Calendar and Drive; Google's Drive answers 403 to the narrowed token."""
    proven(bridge_world, "u1")
    narrow = bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR]))
    full = bridge_world.read("u1", CALENDAR)

    assert api(bridge_world, "/calendar/v3/users/me/calendarList", narrow) == 200
    assert api(bridge_world, "/drive/v3/files", narrow) == 403
    assert api(bridge_world, "/drive/v3/files", full) == 200
    assert DRIVE not in narrow.scope.split()


def test_a_wider_answer_is_not_handed_out(bridge_world: World) -> None:
    """Where Google ignores `scope`, a narrow caller gets `client_fault`, others a token."""
    proven(bridge_world, "u1")
    bridge_world.google.configure(narrowing="ignored")
    caller = bridge_world.caller(scopes=[CALENDAR])

    error = refusal(lambda: bridge_world.read("u1", CALENDAR, caller=caller))

    assert (error.code, error.reason) == (Code.CLIENT_FAULT, "narrowing_ignored")
    assert bridge_world.read("u1", CALENDAR).scope
    assert bridge_world.grant_of("u1").state is State.ACTIVE


def test_refused_narrowing_is_found_out_by_two_calls_and_not_repeated(bridge_world: World) -> None:
    """Where Google refuses to narrow, a reader is told so, and the next ones share it."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.configure(narrowing="refused")
    caller = bridge_world.caller(scopes=[CALENDAR])
    before = calls(bridge_world)

    errors = [refusal(lambda: bridge_world.read("u1", CALENDAR, caller=caller)) for _ in range(5)]

    assert {(e.code, e.reason) for e in errors} == {(Code.CLIENT_FAULT, "narrowing_refused")}
    assert calls(bridge_world) - before == 2
    assert bridge_world.read("u1", CALENDAR).scope


def test_a_client_without_narrowing_serves_everything_or_nothing(bridge_world: World) -> None:
    """With `narrowing = false` a caller whose allowance covers less than the grant is refused."""
    bridge_world.restart(narrowing=False)
    proven(bridge_world, "u1")

    error = refusal(
        lambda: bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR]))
    )
    both = bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR, DRIVE]))

    assert error.code is Code.FORBIDDEN
    assert set(both.scope.split()) >= {CALENDAR, DRIVE}


def test_sign_in_scopes_never_count_as_wider(bridge_world: World) -> None:
    """A grant of Calendar and sign-in needs no narrowing for a caller allowed Calendar."""
    proven(bridge_world, "u1", ONLY_CALENDAR)
    before = calls(bridge_world)

    served = bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR]))

    assert calls(bridge_world) == before
    assert "openid" in served.scope.split()


def test_an_answer_with_sign_in_scopes_beside_what_was_asked_is_taken(bridge_world: World) -> None:
    """Google puts sign-in scopes into every token: that is no wider answer."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    body = f'{{"access_token":"ya29.n","expires_in":3599,"scope":"{CALENDAR} {SIGN_IN} openid"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=body))

    served = bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR]))

    assert served.access_token.reveal() == "ya29.n"


def test_a_scope_beyond_the_allowance_is_forbidden(bridge_world: World) -> None:
    """A caller is told which of its scopes it may not have, whatever the grant holds."""
    proven(bridge_world, "u1")
    caller = bridge_world.caller(scopes=[CALENDAR])

    error = refusal(lambda: bridge_world.read("u1", CALENDAR, DRIVE, caller=caller))

    assert (error.code, error.field) == (Code.FORBIDDEN, "scopes[1]")


def test_a_missing_scope_is_named_for_the_user_to_grant(bridge_world: World) -> None:
    """`insufficient_scope` carries the action `connect` with just what is lacking."""
    proven(bridge_world, "u1", ONLY_CALENDAR)

    answer = Backend(bridge_world).post("u1", CALENDAR, DRIVE)

    assert answer.status_code == 403
    problem = answer.get_json(force=True)
    assert problem["code"] == "insufficient_scope"
    assert problem["action"] == {"type": "connect", "scopes": [DRIVE]}


def test_an_action_is_served_by_any_scope_that_opens_it(bridge_world: World) -> None:
    """`calendar.events.list` is open to a grant of Calendar; Drive's actions are not."""
    proven(bridge_world, "u1", ONLY_CALENDAR)

    assert CALENDAR in by_actions(bridge_world, "calendar.events.list").scope.split()
    error = refusal(lambda: by_actions(bridge_world, "drive.files.list"))

    assert error.code is Code.INSUFFICIENT_SCOPE
    assert error.action is not None
    assert len(error.action.scopes) == 1


def test_an_unknown_action_is_named_with_its_field(bridge_world: World) -> None:
    """A misspelt action is the caller's fault, with the nearest one named."""
    error = refusal(lambda: by_actions(bridge_world, "calendar.events.list", "calendar.event.lst"))

    assert (error.code, error.field) == (Code.INVALID_REQUEST, "actions[1]")
    assert "calendar.events.list" in error.public


def test_an_action_beyond_the_allowance_is_forbidden(bridge_world: World) -> None:
    """No consent of the user's mends what the caller may not have."""
    proven(bridge_world, "u1")
    caller = bridge_world.caller(scopes=[CALENDAR])

    error = refusal(lambda: by_actions(bridge_world, "drive.files.list", caller=caller))

    assert error.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    "more",
    [{"subject": None}, {"grant": "g_x"}, {"scopes": ()}, {"actions": ("calendar.events.list",)}],
    ids=["nobody", "both names", "nothing wanted", "both ways"],
)
def test_a_request_names_one_grant_and_one_want(bridge_world: World, more: dict[str, Any]) -> None:
    """Neither none nor two of subject and grant, nor of scopes and actions."""
    fields: dict[str, Any] = {"tenant": TENANT, "subject": "u1", "scopes": (CALENDAR,)}

    error = refusal(
        lambda: bridge_world.services.tokens.read(
            bridge_world.caller(), TokenRequest(**(fields | more))
        )
    )

    assert error.code is Code.INVALID_REQUEST
    assert error.field is not None


def test_a_consent_that_shrank_is_noticed_at_the_next_full_refresh(bridge_world: World) -> None:
    """What Google no longer answers is no longer granted, nor served from the cache."""
    proven(bridge_world, "u1")
    narrow = bridge_world.caller(scopes=[DRIVE])
    bridge_world.read("u1", DRIVE, caller=narrow)
    bridge_world.clock.advance(HOUR - 100)
    body = f'{{"access_token":"ya29.n","expires_in":3599,"scope":"{ONLY_CALENDAR}"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=body))

    assert bridge_world.read("u1", CALENDAR).access_token.reveal() == "ya29.n"

    assert DRIVE not in bridge_world.grant_of("u1").granted
    error = refusal(lambda: bridge_world.read("u1", DRIVE, caller=narrow))
    assert error.code is Code.INSUFFICIENT_SCOPE


def test_a_consent_that_shrank_is_noticed_by_a_narrow_refresh(bridge_world: World) -> None:
    """A narrow answer without a scope that was asked for takes that one scope, and no other."""
    proven(bridge_world, "u1", f"{BOTH} {MAIL}")
    bridge_world.clock.advance(2 * HOUR)
    caller = bridge_world.caller(scopes=[CALENDAR, DRIVE])
    body = f'{{"access_token":"ya29.n","expires_in":3599,"scope":"{CALENDAR}"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=body))

    served = bridge_world.read("u1", CALENDAR, caller=caller)

    assert CALENDAR in served.scope.split()
    granted = bridge_world.grant_of("u1").granted
    assert DRIVE not in granted
    assert {CALENDAR, MAIL, "openid"} <= set(granted)


def test_an_invalid_scope_is_followed_by_asking_for_all(bridge_world: World) -> None:
    """`invalid_scope` may mean that a scope was lost: asking for all of them tells."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", "invalid_scope")
    body = f'{{"access_token":"ya29.n","expires_in":3599,"scope":"{CALENDAR}"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=body))

    error = refusal(
        lambda: bridge_world.read("u1", DRIVE, caller=bridge_world.caller(scopes=[DRIVE]))
    )

    assert error.code is Code.INSUFFICIENT_SCOPE
    assert bridge_world.grant_of("u1").granted == (CALENDAR,)


def test_a_reconsent_to_more_serves_at_once(bridge_world: World) -> None:
    """Who has just granted Drive is not told to grant it, though the old token still serves."""
    account, _ = proven(bridge_world, "u1", ONLY_CALENDAR)
    assert refusal(lambda: bridge_world.read("u1", DRIVE)).code is Code.INSUFFICIENT_SCOPE
    capture(bridge_world, "u1", account, BOTH)

    assert DRIVE in bridge_world.read("u1", DRIVE).scope.split()


def test_a_candidate_that_does_not_help_is_not_tried_at_every_read(bridge_world: World) -> None:
    """A reader in want of a scope tries a new candidate once, also where Google gave no answer."""
    account, _ = proven(bridge_world, "u1", ONLY_CALENDAR)
    bridge_world.clock.advance(60)
    candidate = capture(bridge_world, "u1", account, ONLY_CALENDAR)
    bridge_world.google.inject("token", "internal_failure", times=None, refresh_token=candidate)
    bridge_world.clock.advance(2)
    before = calls(bridge_world)

    for _ in range(5):
        assert refusal(lambda: bridge_world.read("u1", DRIVE)).code is Code.INSUFFICIENT_SCOPE

    assert calls(bridge_world) - before == 4  # three tries of the candidate, one of the live one


def test_another_tenants_grant_is_not_there(bridge_world: World) -> None:
    """Pinned or named, a grant of a tenant beyond the caller's gives the answer of no grant."""
    proven(bridge_world, "u1")
    grant = bridge_world.grant_of("u1")
    stranger = bridge_world.caller(tenants=[OTHER])
    read = bridge_world.services.tokens.read

    pinned = refusal(lambda: read(stranger, TokenRequest(grant=grant.id, scopes=(CALENDAR,))))
    lied = refusal(
        lambda: read(stranger, TokenRequest(tenant=OTHER, grant=grant.id, scopes=(CALENDAR,)))
    )
    named = refusal(lambda: bridge_world.read("u1", CALENDAR, caller=stranger))
    nobody = refusal(lambda: bridge_world.read("nobody", CALENDAR))

    assert _told(pinned) == _told(lied) == _told(named) == _told(nobody)
    assert nobody.code is Code.GRANT_MISSING


def _told(error: BridgeError) -> tuple[object, ...]:
    return (error.code, error.public, error.reason, error.field, error.action, error.retry_after)
