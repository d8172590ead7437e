"""The token endpoint's error table: each row by injection, exactly as it goes over the wire."""

from __future__ import annotations

import email.utils
import json

import pytest
import requests

from bridge.sandbox.canned import ANSWERS, CannedAnswer
from tests.sandbox.conftest import StoppedClock, World

REAUTH = "https://support.google.com/a/answer/9368756"
ROWS: list[tuple[str, int, dict[str, str]]] = [
    (
        "invalid_grant",
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    ),
    (
        "invalid_grant_bad_request",
        400,
        {"error": "invalid_grant", "error_description": "Bad Request"},
    ),
    (
        "invalid_grant_account_deleted",
        400,
        {"error": "invalid_grant", "error_description": "The account has been deleted"},
    ),
    (
        "invalid_rapt",
        400,
        {
            "error": "invalid_grant",
            "error_subtype": "invalid_rapt",
            "error_description": "reauth related error (invalid_rapt)",
            "error_uri": REAUTH,
        },
    ),
    (
        "rapt_required",
        400,
        {
            "error": "invalid_grant",
            "error_subtype": "rapt_required",
            "error_description": "reauth related error (rapt_required)",
            "error_uri": REAUTH,
        },
    ),
    ("admin_policy_enforced", 400, {"error": "admin_policy_enforced"}),
    (
        "invalid_scope",
        400,
        {
            "error": "invalid_scope",
            "error_description": "Some requested scopes were invalid. {valid=[], invalid=[x]}",
        },
    ),
    (
        "invalid_client",
        401,
        {"error": "invalid_client", "error_description": "The OAuth client was not found."},
    ),
    (
        "invalid_client_secret",
        401,
        {
            "error": "invalid_client",
            "error_description": "The provided client secret is invalid.",
        },
    ),
    (
        "deleted_client",
        401,
        {"error": "deleted_client", "error_description": "The OAuth client was deleted."},
    ),
    (
        "disabled_client",
        401,
        {"error": "disabled_client", "error_description": "The OAuth client was disabled."},
    ),
    (
        "unauthorized_client",
        401,
        {"error": "unauthorized_client", "error_description": "Unauthorized"},
    ),
    (
        "unauthorized_client_400",
        400,
        {"error": "unauthorized_client", "error_description": "Unauthorized"},
    ),
    ("org_internal", 400, {"error": "org_internal"}),
    (
        "access_denied",
        400,
        {"error": "access_denied", "error_description": "Account restricted"},
    ),
    ("request_timeout", 408, {"error": "temporarily_unavailable"}),
    (
        "rate_limit_exceeded",
        429,
        {"error": "rate_limit_exceeded", "error_description": "Rate Limit Exceeded"},
    ),
    (
        "internal_failure",
        500,
        {"error": "internal_failure", "error_description": "Backend Error"},
    ),
    ("server_error", 500, {"error": "server_error"}),
    ("temporarily_unavailable", 503, {"error": "temporarily_unavailable"}),
    ("gateway_timeout", 504, {"error": "server_error"}),
]
HTML = [
    ("user_rate_limit", 403),
    ("html_200", 200),
    ("html_500", 500),
    ("html_502", 502),
    ("html_503", 503),
]
UNREADABLE = [("truncated_json", 200), ("truncated_error", 400), ("not_json", 400), ("empty", 200)]


@pytest.mark.parametrize(("name", "status", "body"), ROWS)
def test_an_error_row_is_answered_exactly(
    world: World, name: str, status: int, body: dict[str, str]
) -> None:
    """A row has its status and precisely its members, once, and the token lives on."""
    token = world.mint()
    world.google.inject("token", name)
    answer = world.refresh(token)
    assert (answer.status_code, answer.json()) == (status, body)
    assert world.refresh(token).status_code == 200
    assert world.google.stats().count(outcome=body["error"]) == 1


@pytest.mark.parametrize(("name", "status"), HTML)
def test_an_html_row_is_html(world: World, name: str, status: int) -> None:
    """Bodies can be pages, with any status."""
    world.google.inject("token", name)
    answer = world.refresh(world.mint())
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_the_user_rate_limit_says_so(world: World) -> None:
    """The page of the user rate limit carries Google's words."""
    world.google.inject("token", "user_rate_limit")
    assert "User Rate Limit Exceeded" in world.refresh(world.mint()).text


@pytest.mark.parametrize(("name", "status"), UNREADABLE)
def test_an_unreadable_row_is_no_json(world: World, name: str, status: int) -> None:
    """Bodies can be cut off, plain text or nothing."""
    world.google.inject("token", name)
    answer = world.refresh(world.mint())
    assert answer.status_code == status
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_success_can_lack_the_access_token(world: World) -> None:
    """A 200 without `access_token` is possible."""
    world.google.inject("token", "no_access_token")
    answer = world.refresh(world.mint())
    assert answer.status_code == 200
    assert "access_token" not in answer.json()


def test_a_connection_can_close_without_an_answer(world: World) -> None:
    """A call can be lost, and the next one on a new connection works."""
    token = world.mint()
    world.google.inject("token", "connection_closed")
    with pytest.raises(requests.ConnectionError):
        world.refresh(token)
    assert world.refresh(token).status_code == 200


def test_every_canned_answer_is_tested_here() -> None:
    """No name can be added without a row."""
    named = {name for name, *_ in ROWS} | {name for name, _ in HTML + UNREADABLE}
    assert named | {"no_access_token", "connection_closed"} == set(ANSWERS)


@pytest.mark.parametrize("value", [7, email.utils.formatdate(2_000_000_000, usegmt=True)])
def test_a_retry_after_goes_with_any_answer(world: World, value: int | str) -> None:
    """`Retry-After` is seconds or a date."""
    world.google.inject("token", "temporarily_unavailable", retry_after=value)
    assert world.refresh(world.mint()).headers["Retry-After"] == str(value)


def test_an_answer_of_ones_own_is_given_as_it_is(world: World) -> None:
    """Whatever is not in the list can be made up."""
    teapot = CannedAnswer(
        status=418, body="{}", content_type="application/json", headers={"X-Tea": "green"}
    )
    world.google.inject("token", teapot)
    answer = world.refresh(world.mint())
    assert (answer.status_code, answer.json(), answer.headers["X-Tea"]) == (418, {}, "green")


def test_unsupported_and_missing_parameters_are_named(world: World) -> None:
    """Calls without what they need answer 400 with an error that fits."""
    assert world.token_call(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert world.token_call().json()["error"] == "unsupported_grant_type"
    assert world.token_call(grant_type="refresh_token").json()["error"] == "invalid_request"
    assert world.token_call(grant_type="authorization_code").json()["error"] == "invalid_request"
    bare = world.http.post(world.endpoints["token"], data={"grant_type": "refresh_token"})
    assert (bare.status_code, bare.json()["error"]) == (400, "invalid_request")


def test_the_user_rate_limit_arises_by_itself(world: World, clock: StoppedClock) -> None:
    """Above the limit set, one user's refreshes answer 403 HTML until the second is over."""
    world.google.configure(user_refreshes_per_second=2)
    token = world.mint()
    other = world.google.mint_refresh_token(world.google.accounts.create(), world.client, "openid")
    statuses = [world.refresh(token).status_code for _ in range(3)]
    assert statuses == [200, 200, 403]
    assert world.refresh(other).status_code == 200
    clock.ticks += 1.0
    assert world.refresh(token).status_code == 200


def test_the_clients_rate_limit_arises_by_itself(world: World) -> None:
    """Above the limit set, a client's refreshes answer 429 `rate_limit_exceeded`."""
    world.google.configure(client_refreshes_per_second=1)
    token = world.mint()
    world.refresh(token)
    answer = world.refresh(token)
    assert (answer.status_code, answer.json()["error"]) == (429, "rate_limit_exceeded")


def test_every_answer_is_dated_and_has_a_request_id(world: World) -> None:
    """`Date` follows the sandbox's time, and no two answers share an `X-Request-Id`."""
    world.google.advance(86_400)
    answers = [world.refresh("1//unknown"), world.refresh("1//unknown")]
    date = email.utils.parsedate_to_datetime(answers[0].headers["Date"]).timestamp()
    assert abs(date - world.google.now()) < 5
    assert answers[0].headers["X-Request-Id"] != answers[1].headers["X-Request-Id"]


def test_answers_with_tokens_are_not_to_be_stored(world: World) -> None:
    """RFC 6749 section 5.1: `Cache-Control: no-store`."""
    answer = world.refresh(world.mint())
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.text)["token_type"] == "Bearer"
