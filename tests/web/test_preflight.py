"""Preflight: what is wrong on the way to a token, and who can mend it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit import CALENDAR, DRIVE, HOUR, TENANT, World
from tests.web.conftest import Backend, another, assert_problem, other_record_keys, token_request

ALL = ("store", "keys", "clock", "token")


def checked(backend: Backend, subject: str = "u1", **more: Any) -> dict[str, dict[str, Any]]:
    """Run a preflight; return its checks by name."""
    response = backend.post("/v1/preflight", token_request(subject, **more))
    assert response.status_code == 200, response.text
    answer = response.get_json()
    assert [check["name"] for check in answer["checks"]] == list(ALL)
    assert answer["ok"] == all(check["ok"] for check in answer["checks"])
    return {check["name"]: check for check in answer["checks"]}


def failed(checks: dict[str, dict[str, Any]]) -> dict[str, tuple[str | None, str]]:
    """Return code and mender of every check that failed."""
    return {n: (c["code"], c["who"]) for n, c in checks.items() if not c["ok"]}


def test_all_is_well(bridge_world: World, backend: Backend) -> None:
    """With everything in order every check says so, with nothing to mend; no token is answered."""
    bridge_world.grant("u1")
    checks = checked(backend)
    assert failed(checks) == {}
    assert all(c["detail"] is c["code"] is c["who"] is None for c in checks.values())
    assert bridge_world.google.stats().refreshes == 1
    assert "ya29." not in str(checks)


def test_near_expiry_one_real_refresh_is_made(bridge_world: World, backend: Backend) -> None:
    """A token that would soon run out is refreshed; a fresh one is left alone."""
    bridge_world.grant("u1")
    checked(backend)
    checked(backend)
    assert bridge_world.google.stats().refreshes == 1
    bridge_world.clock.advance(HOUR - 120)
    assert failed(checked(backend)) == {}
    assert bridge_world.google.stats().refreshes == 2


@pytest.mark.parametrize(
    ("more", "code", "who"),
    [
        ({"subject": "nobody"}, "grant_missing", "user"),
        ({"scopes": [DRIVE]}, "insufficient_scope", "user"),
        ({"subject": None}, "invalid_request", "caller"),
        ({"scopes": [], "actions": ["no.such"]}, "invalid_request", "caller"),
    ],
)
def test_a_wrong_request_is_the_users_or_callers_to_mend(
    more: dict[str, Any], code: str, who: str, bridge_world: World, backend: Backend
) -> None:
    """What a token read would answer is told with who can mend it."""
    bridge_world.grant("u1")
    assert failed(checked(backend, **more)) == {"token": (code, who)}


@pytest.mark.parametrize(
    ("answer", "code", "who"),
    [
        ("invalid_grant", "reauth_required", "user"),
        ("admin_policy_enforced", "blocked", "admin"),
        ("invalid_client", "client_fault", "operator"),
        ("html_503", "upstream_unavailable", "operator"),
    ],
)
def test_what_google_refuses_has_its_mender(
    answer: str, code: str, who: str, bridge_world: World, backend: Backend
) -> None:
    """The user consents anew, an admin lifts a policy, an operator mends client and network."""
    bridge_world.grant("u1")
    bridge_world.google.inject("token", answer, times=None)
    assert failed(checked(backend)) == {"token": (code, who)}


def test_two_accounts_are_the_callers_to_tell_apart(bridge_world: World, backend: Backend) -> None:
    """An ambiguous request is mended by naming the account."""
    for account in (bridge_world.account(), bridge_world.account()):
        bridge_world.login("u1", account, bridge_world.sign_in(account))
    assert failed(checked(backend)) == {"token": ("account_ambiguous", "caller")}


def test_an_allowance_is_an_admins_to_widen(bridge_world: World, backend: Backend) -> None:
    """A caller that may not have the scope, or no token at all, needs an admin."""
    bridge_world.grant("u1")
    narrow = another(bridge_world, backend, "narrow", scopes=[DRIVE])
    assert failed(checked(narrow)) == {"token": ("forbidden", "admin")}
    only = another(bridge_world, backend, "only", permissions=["preflight"])
    assert failed(checked(only)) == {"token": ("forbidden", "admin")}


def test_a_store_that_is_gone_shows(bridge_world: World, backend: Backend) -> None:
    """With the store away everything that needs it fails, and the rest is still looked at."""
    bridge_world.services.gate.admit(backend.key)
    bridge_world.services.store.close()
    operator = ("store_unavailable", "operator")
    assert failed(checked(backend)) == {"store": operator, "keys": operator, "token": operator}


def test_missing_keys_show(bridge_world: World, backend: Backend) -> None:
    """A key file that lacks the key of the store's records is the operator's to mend."""
    bridge_world.grant("u1")
    bridge_world.services.gate.admit(backend.key)
    other_record_keys(bridge_world)
    assert failed(checked(backend)) == {
        "keys": ("key_unavailable", "operator"),
        "token": ("key_unavailable", "operator"),
    }


def test_a_google_that_is_away_cannot_be_compared(bridge_world: World, backend: Backend) -> None:
    """Without an answer of Google's nothing is known of the clock, and that is said."""
    bridge_world.grant("u1")
    bridge_world.google.set_down("close")
    found = failed(checked(backend))
    operator = ("upstream_unavailable", "operator")
    assert found == {"clock": operator, "token": operator}


@pytest.mark.parametrize("seconds", [-40, 40])
def test_a_clock_that_is_off_shows(seconds: float, bridge_world: World, backend: Backend) -> None:
    """More than half a minute of difference is told with its size."""
    bridge_world.grant("u1")
    bridge_world.google.advance(-seconds)
    checks = checked(backend)
    assert failed(checks) == {"clock": (None, "operator")}
    assert f"{seconds} s" in checks["clock"]["detail"]


def test_another_tenants_grant_does_not_exist(bridge_world: World, backend: Backend) -> None:
    """Preflight tells a caller of another tenant no more than a read would."""
    grant = bridge_world.grant("u1")
    foreign = another(bridge_world, backend, "foreign", tenants=["globex"])
    asked: dict[str, Any] = {"subject": None, "tenant": None, "grant": grant.id}
    assert failed(checked(foreign, **asked)) == {"token": ("grant_missing", "user")}


def test_a_preflight_of_the_wrong_form_is_refused(backend: Backend) -> None:
    """What is not a token request at all is a 400, as everywhere."""
    response = backend.post("/v1/preflight", {"tenant": TENANT, "scopes": CALENDAR})
    assert_problem(response, 400, "invalid_request", field="scopes")
