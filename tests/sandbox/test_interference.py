"""Injected answers, held answers, being down, and the counters that see it all."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox.conftest import CALENDAR, DRIVE, StoppedClock, World


def in_background(world: World, token: str) -> tuple[threading.Thread, list[int]]:
    """Start a refresh over a connection of its own."""
    statuses: list[int] = []
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": world.client.client_id,
        "client_secret": world.client.secrets[0],
    }

    def call() -> None:
        with requests.post(world.endpoints["token"], data=form, timeout=30) as answer:
            statuses.append(answer.status_code)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, statuses


def test_a_fault_is_given_as_often_as_told(world: World) -> None:
    """Two times, then the truth again."""
    token = world.mint()
    fault = world.google.inject("token", "server_error", times=2)
    assert [world.refresh(token).status_code for _ in range(3)] == [500, 500, 200]
    assert fault.given == 2


def test_a_fault_without_end_lasts_until_it_is_cleared(world: World) -> None:
    """`times=None` is for all calls."""
    token = world.mint()
    world.google.inject("token", "server_error", times=None)
    assert [world.refresh(token).status_code for _ in range(5)] == [500] * 5
    assert world.google.clear_faults() == 1
    assert world.refresh(token).status_code == 200


@pytest.mark.parametrize("by", ["account", "client", "refresh_token", "grant_type"])
def test_a_fault_hits_only_what_it_names(world: World, by: str) -> None:
    """Filters pick by account, client, token or grant type; others go by untouched."""
    other_account = world.google.accounts.create()
    other_client = world.google.clients.create()
    mine = world.mint()
    other = world.google.mint_refresh_token(other_account, other_client, CALENDAR)
    filters = {
        "account": world.account.email,
        "client": world.client.client_id,
        "refresh_token": mine,
        "grant_type": "refresh_token",
    }
    body = {"endpoint": "token", "answer": "server_error", "times": None, by: filters[by]}
    assert world.http.post(world.url + "/sandbox/faults", json=body).status_code == 201
    assert world.refresh(mine).status_code == 500
    others = world.refresh(other, other_client).status_code
    assert others == (500 if by == "grant_type" else 200)
    code = world.consent()["code"]
    redeemed = world.redeem(code).status_code
    assert redeemed == (500 if by == "client" else 200)


def test_other_endpoints_can_fail_too(world: World) -> None:
    """Revocation, keys and APIs take faults like the token endpoint."""
    token = world.mint()
    access = world.refresh(token).json()["access_token"]
    for endpoint in ("revocation", "certs", "drive", "tokeninfo"):
        world.google.inject(endpoint, "html_503")
    assert world.revoke(token).status_code == 503
    assert world.http.get(world.endpoints["certs"]).status_code == 503
    assert world.api("GET", "/drive/v3/files", access).status_code == 503
    assert world.http.get(world.endpoints["tokeninfo"]).status_code == 503
    assert world.refresh(token).status_code == 200


def test_unknown_endpoints_and_answers_are_refused(world: World) -> None:
    """A fault that could never be given is a mistake of the test."""
    with pytest.raises(ValueError, match="no endpoint 'tokens'"):
        world.google.inject("tokens", "server_error")
    with pytest.raises(ValueError, match="no answer 'oops'"):
        world.google.inject("token", "oops")


def test_an_answer_is_held_until_released(world: World) -> None:
    """The call has arrived and is counted, but its answer waits; others are not kept waiting."""
    held_token, free_token = world.mint(), world.mint()
    hold = world.google.hold("token", refresh_token=held_token)
    thread, statuses = in_background(world, held_token)
    assert hold.wait_for(1)
    assert (hold.held, world.google.stats().in_flight, statuses) == (1, 1, [])
    assert world.refresh(free_token).status_code == 200
    world.google.release_holds()
    thread.join(10)
    assert statuses == [200]


def test_a_held_answer_was_decided_before(world: World) -> None:
    """A revocation during the hold comes too late for the answer that is under way."""
    token = world.mint()
    hold = world.google.hold("token")
    thread, statuses = in_background(world, token)
    assert hold.wait_for(1)
    assert world.revoke(token).status_code == 200
    world.google.release_holds()
    thread.join(10)
    assert statuses == [200]
    assert world.refresh(token).status_code == 400


def test_a_hold_can_end_by_itself(world: World) -> None:
    """After its seconds the answer goes out unasked, and `times` bounds how many wait."""
    token = world.mint()
    hold = world.google.hold("token", seconds=0.05, times=1)
    assert [world.refresh(token).status_code for _ in range(2)] == [200, 200]
    assert (hold.total, hold.held) == (1, 0)


def test_three_hundred_answers_can_be_held(world: World) -> None:
    """As many calls wait at once, and the sandbox answers others meanwhile."""
    tokens = [world.mint(DRIVE) for _ in range(3)]
    hold = world.google.hold("token", refresh_token=tokens[0])
    with ThreadPoolExecutor(300) as pool:
        calls = [pool.submit(in_background, world, tokens[0]) for _ in range(300)]
        assert hold.wait_for(300, timeout=30)
        assert world.refresh(tokens[1]).status_code == 200
        world.google.release_holds()
        started = [call.result() for call in calls]
    for thread, _ in started:
        thread.join(30)
    assert [statuses for _, statuses in started] == [[200]] * 300
    assert world.google.stats().refreshes == 301


def test_the_service_can_close_every_connection(world: World) -> None:
    """Down by `close`: no endpoint answers, the control API does."""
    world.google.set_down("close")
    with pytest.raises(requests.ConnectionError):
        world.refresh("1//x")
    with pytest.raises(requests.ConnectionError):
        world.http.get(world.endpoints["certs"])
    up = world.http.put(world.url + "/sandbox/down", json={"how": None})
    assert up.status_code == 200
    assert world.http.get(world.endpoints["certs"]).status_code == 200


def test_the_service_can_answer_503(world: World) -> None:
    """Down by `503`: every endpoint answers with a page."""
    world.google.set_down("503")
    answer = world.http.get(world.endpoints["certs"])
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (503, "text/html")


def test_calls_are_counted_by_what_they_were(world: World) -> None:
    """Token calls by grant type, client, account and outcome; endpoints and statuses too."""
    token = world.mint()
    world.refresh(token)
    world.refresh(token, client_secret="wrong")
    world.redeem(world.consent()["code"])
    stats = world.google.stats()
    sub, client_id = world.account.sub, world.client.client_id
    assert stats.endpoints["token"] == 3
    assert stats.statuses["token", 200] == 2
    assert stats.statuses["token", 401] == 1
    assert stats.refreshes == 2
    assert stats.count(grant_type="refresh_token", sub=sub, outcome="ok") == 1
    assert stats.count(client_id=client_id, outcome="invalid_client") == 1
    assert stats.count(grant_type="authorization_code", sub=sub, outcome="ok") == 1


def test_the_busiest_second_is_known(world: World, clock: StoppedClock) -> None:
    """The most calls within any one second are told with their times, by client too."""
    token, other = world.mint(), world.google.clients.create()
    start = clock.ticks
    for gap in (0.0, 0.5, 0.4, 0.3, 5.0):
        clock.ticks += gap
        world.refresh(token)
    world.refresh(token, other)
    busiest = world.google.stats().busiest
    assert busiest["token"].calls == 3
    assert busiest["token"].first == pytest.approx(start)
    assert busiest["token"].last == pytest.approx(start + 0.9)
    assert busiest[f"token {other.client_id}"].calls == 1


def test_counters_can_be_reset(world: World) -> None:
    """After a reset they start at nought."""
    world.refresh(world.mint())
    world.google.reset_stats()
    assert world.google.stats().endpoints == {}
    world.refresh(world.mint())
    assert world.google.stats().refreshes == 1
