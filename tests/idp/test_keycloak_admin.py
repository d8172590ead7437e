"""The Admin API's client: who asks, how long a token is used, and what its refusals say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from bridge.errors import BridgeError, Code
from bridge.idp.keycloak_admin import (
    ClientLogin,
    KeycloakAdmin,
    Login,
    PasswordLogin,
    merged,
    part,
)
from bridge.secret import Secret

URL = "https://login.example.com"
TOKENS = f"{URL}/realms/master/protocol/openid-connect/token"
PASSWORD = "pw-9sLk2VbQ7t"
TOKEN = "eyJhbGciOi.admin-token"
USER = PasswordLogin("ann", Secret(PASSWORD))


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


class Ticking:
    """Seconds that move when told."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def admin(login: Login = USER, clock: Any = None) -> KeycloakAdmin:
    return KeycloakAdmin(URL, login, clock=clock or Ticking())


def lets_in(http: responses.RequestsMock, expires_in: int = 60) -> responses.BaseResponse:
    answer: responses.BaseResponse = http.post(
        TOKENS, json={"access_token": TOKEN, "expires_in": expires_in}
    )
    return answer


@pytest.mark.parametrize(
    ("login", "form"),
    [
        (
            USER,
            {
                "grant_type": "password",
                "client_id": "admin-cli",
                "username": "ann",
                "password": PASSWORD,
            },
        ),
        (
            ClientLogin("doctor", Secret("s")),
            {
                "grant_type": "client_credentials",
                "client_id": "doctor",
                "client_secret": "s",
            },
        ),
    ],
    ids=["user", "client"],
)
def test_it_signs_in_and_asks_with_the_token(
    http: responses.RequestsMock, login: Login, form: dict[str, str]
) -> None:
    """As a user by `admin-cli`, or as a client by its own secret."""
    http.post(
        TOKENS,
        json={"access_token": TOKEN, "expires_in": 60},
        match=[matchers.urlencoded_params_matcher(form)],
    )
    http.get(
        f"{URL}/admin/serverinfo",
        json={"a": "b"},
        match=[matchers.header_matcher({"Authorization": f"Bearer {TOKEN}"})],
    )
    with admin(login) as asking:
        assert asking.get(dict[str, str], "serverinfo") == {"a": "b"}


def test_a_token_is_used_until_shortly_before_its_end(http: responses.RequestsMock) -> None:
    """A large realm takes longer to look at than a token lives."""
    tokens, clock = lets_in(http, expires_in=60), Ticking()
    http.get(f"{URL}/admin/x", json=1)
    with admin(clock=clock) as asking:
        for seconds in (0, 40, 10):
            clock.at += seconds
            asking.get(int, "x")
    assert tokens.call_count == 2


def test_a_change_keeps_what_is_not_named(http: responses.RequestsMock) -> None:
    """Fields, and fields of the objects in them, are written back as they were read."""
    lets_in(http)
    http.get(f"{URL}/admin/x", json={"a": 1, "config": {"b": "2", "c": "3"}})
    wanted = {"a": 1, "config": {"b": "4", "c": "3"}}
    put = http.put(f"{URL}/admin/x", match=[matchers.json_params_matcher(wanted)])
    with admin() as asking:
        asking.change("x", {"config": {"b": "4"}})
    assert put.call_count == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.UNAUTHENTICATED),
        (403, Code.FORBIDDEN),
        (404, Code.NOT_FOUND),
        (302, Code.INVALID_REQUEST),
        (400, Code.INVALID_REQUEST),
        (500, Code.UPSTREAM_UNAVAILABLE),
        (503, Code.UPSTREAM_UNAVAILABLE),
    ],
)
def test_a_refusal_says_what_was_asked_and_nothing_of_the_answer(
    http: responses.RequestsMock, status: int, code: Code
) -> None:
    """No token, no password, and no word of Keycloak's."""
    lets_in(http)
    http.get(f"{URL}/admin/x/y", status=status, body=f"echo {TOKEN}")
    with admin() as asking, pytest.raises(BridgeError) as raised:
        asking.get(int, "x/y")
    assert raised.value.code is code
    assert "GET /admin/x/y" in raised.value.public
    for hidden in (TOKEN, PASSWORD, "echo"):
        assert hidden not in f"{raised.value} {raised.value!r} {raised.value.context}"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.UNAUTHENTICATED),
        (401, Code.UNAUTHENTICATED),
        (404, Code.NOT_FOUND),
        (500, Code.UPSTREAM_UNAVAILABLE),
    ],
)
def test_a_refused_login_says_which_realm_refused(
    http: responses.RequestsMock, status: int, code: Code
) -> None:
    """Keycloak answers a wrong password with 401, a disabled grant with 400."""
    http.post(TOKENS, status=status, body=PASSWORD)
    with admin() as asking, pytest.raises(BridgeError) as raised:
        asking.get(int, "x")
    assert raised.value.code is code
    assert PASSWORD not in str(raised.value)


def test_a_redirect_is_not_followed(http: responses.RequestsMock) -> None:
    """The password goes to the URL that was named and nowhere else."""
    http.post(TOKENS, status=307, headers={"Location": "https://elsewhere.example/"})
    elsewhere = http.post("https://elsewhere.example/", json={"access_token": "t"})
    with admin() as asking, pytest.raises(BridgeError):
        asking.get(int, "x")
    assert elsewhere.call_count == 0


@pytest.mark.parametrize(
    "error", [requests.ConnectionError(PASSWORD), requests.ReadTimeout(PASSWORD)]
)
def test_an_unreachable_keycloak_is_told_without_the_request(
    http: responses.RequestsMock, error: Exception
) -> None:
    """An exception of requests can quote what it sent."""
    http.post(TOKENS, body=error)
    with admin() as asking, pytest.raises(BridgeError) as raised:
        asking.get(int, "x")
    assert raised.value.code is Code.UPSTREAM_UNAVAILABLE
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_answer_that_is_not_keycloak_s_is_told(http: responses.RequestsMock) -> None:
    """Such as the page of a proxy."""
    lets_in(http)
    http.get(f"{URL}/admin/x", body="<html>")
    with admin() as asking, pytest.raises(BridgeError, match="is this URL Keycloak's"):
        asking.get(int, "x")


def test_what_is_not_there_can_be_asked_for(http: responses.RequestsMock) -> None:
    """`find` answers None to a 404, and raises anything else."""
    lets_in(http)
    http.get(f"{URL}/admin/x", status=404)
    http.get(f"{URL}/admin/y", status=403)
    with admin() as asking:
        assert asking.find(int, "x") is None
        with pytest.raises(BridgeError):
            asking.find(int, "y")


@pytest.mark.parametrize(
    "url", ["", "login.example.com", "ftp://a", "https://", "https://u:p@a", "https://a?b"]
)
def test_a_url_that_cannot_be_keycloak_s_is_refused(url: str) -> None:
    """Before anything is sent there; the text does not repeat it."""
    with pytest.raises(BridgeError) as raised:
        KeycloakAdmin(url, USER)
    assert raised.value.code is Code.INVALID_REQUEST
    assert "u:p" not in raised.value.public


def test_nothing_of_a_login_prints(http: responses.RequestsMock) -> None:
    """Neither before nor after the token has come."""
    lets_in(http)
    http.get(f"{URL}/admin/x", json=1)
    with admin() as asking:
        asking.get(int, "x")
        assert PASSWORD not in repr(asking)
        assert TOKEN not in repr(asking)


def test_names_are_one_part_of_a_path() -> None:
    """A flow's name may hold anything."""
    assert part("a/b c?") == "a%2Fb%20c%3F"


def test_merging_changes_neither_side() -> None:
    """Values that are no objects are replaced whole."""
    old = {"a": {"b": 1}, "c": [1]}
    assert merged(old, {"a": {"d": 2}, "c": [2]}) == {"a": {"b": 1, "d": 2}, "c": [2]}
    assert old == {"a": {"b": 1}, "c": [1]}
