"""`bridge import keycloak` against answers as given: how it goes on, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from click.testing import Result

Run = Callable[..., Result]
URL = "https://login.example.com"
HARVEST = f"{URL}/admin/realms/a%20realm/grantbridge/harvest"
NAMED = ("--url", URL, "--realm", "a realm", "--user", "ann", "--password-file", "-")


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(
            f"{URL}/realms/master/protocol/openid-connect/token",
            json={"access_token": "t", "expires_in": 60},
        )
        yield mock


@pytest.fixture
def imported(http: responses.RequestsMock, run: Run) -> Callable[..., Result]:
    """Run the command on batches that Keycloak answers one after the other."""

    def imported(*batches: Any, left: int = 3, options: tuple[str, ...] = ()) -> Result:
        http.get(HARVEST, json={"links": left, "sessions": 0})
        for batch in batches:
            if isinstance(batch, Exception):
                http.post(HARVEST, body=batch)
            else:
                http.post(HARVEST, json=batch)
        return run("import", "keycloak", *NAMED, *options, typed="password\n")

    return imported


def batch(handed_over: int, left: int, **more: Any) -> dict[str, Any]:
    return {
        "handed_over": handed_over,
        "refused": [],
        "left": {"links": left, "sessions": 0},
    } | more


def asked(http: responses.RequestsMock) -> list[dict[str, list[str]]]:
    """Return the query of each batch that was asked for."""
    return [
        parse_qs(urlsplit(str(call.request.url)).query)
        for call in http.calls
        if call.request.method == "POST" and str(call.request.url).startswith(HARVEST)
    ]


def test_it_asks_from_where_the_last_batch_ended(
    http: responses.RequestsMock, imported: Callable[..., Result]
) -> None:
    """Until no `next` comes; the sum is told."""
    result = imported(batch(2, 1, next="LINK/u/google"), batch(1, 0), options=("--batch", "2"))
    assert result.exit_code == 0
    assert "handed over  3" in result.stdout
    assert asked(http) == [{"max": ["2"]}, {"max": ["2"], "after": ["LINK/u/google"]}]


def test_it_begins_where_it_is_told_to(
    http: responses.RequestsMock, imported: Callable[..., Result]
) -> None:
    """After a run that was cut off."""
    imported(batch(1, 0), options=("--after", "LINK/u/google"))
    assert asked(http) == [{"max": ["100"], "after": ["LINK/u/google"]}]


def test_who_is_refused_is_named_and_counted(imported: Callable[..., Result]) -> None:
    """A line for each, a sum for each reason, and exit code 1."""
    refused = [
        {"user_id": user, "provider": "google", "reason": reason}
        for user, reason in (("u1", "not_linked"), ("u2", "conflict"), ("u3", "conflict"))
    ]
    result = imported(batch(0, 3, refused=refused))
    assert result.exit_code == 1
    assert "left: user u1, identity provider google: not_linked" in result.stdout
    assert "refused      2 (conflict)" in result.stdout
    assert "left         3 in links, 0 in sessions" in result.stdout


def test_what_is_left_without_a_reason_is_not_well(imported: Callable[..., Result]) -> None:
    """Such as tokens that came meanwhile."""
    assert imported(batch(2, 1)).exit_code == 1


def test_a_keycloak_that_goes_away_leaves_a_place_to_go_on_from(
    imported: Callable[..., Result],
) -> None:
    """What was handed over until then counts, and is told."""
    gone = requests.ConnectionError("password")
    result = imported(batch(2, 1, next="LINK/u/google"), gone, options=("--json",))
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["handed_over"], report["next"]) == (2, "LINK/u/google")
    assert report["stopped"] == "Keycloak cannot be reached (ConnectionError)."


def test_a_keycloak_that_goes_away_at_once_is_an_error(imported: Callable[..., Result]) -> None:
    """Nothing was done, so there is no result."""
    result = imported(requests.ConnectionError())
    assert result.exit_code == 1
    assert "Keycloak cannot be reached" in result.stderr


def test_an_answer_that_leads_nowhere_ends_it(
    http: responses.RequestsMock, imported: Callable[..., Result]
) -> None:
    """Twice the same place would be for ever."""
    stuck = batch(0, 3, next="LINK/u/google")
    result = imported(stuck, stuck, stuck)
    assert result.exit_code == 1
    assert "takes too long to find the next tokens" in result.stderr
    assert len(asked(http)) == 2


def test_a_keycloak_without_the_provider_is_told(http: responses.RequestsMock, run: Run) -> None:
    """With where to read how it is installed."""
    http.get(HARVEST, status=404)
    result = run("import", "keycloak", *NAMED, typed="password\n")
    assert result.exit_code == 1
    assert "no grantbridge provider: keycloak/README.md" in result.stderr


def test_an_admin_who_may_only_look_is_told_what_is_missing(
    http: responses.RequestsMock, run: Run
) -> None:
    """The roles, and the server's option that has the same effect."""
    http.get(HARVEST, json={"links": 1, "sessions": 0})
    http.post(HARVEST, status=403)
    result = run("import", "keycloak", *NAMED, typed="password\n")
    assert result.exit_code == 1
    assert "lacks manage-realm or manage-users, or the server's option `realms`" in result.stderr
