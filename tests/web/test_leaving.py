"""Whoever waits for Google leaves the server's thread, and is answered when it is time."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import granian.server.mp
import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import Client, EnvironBuilder

from bridge.sandbox.canned import CannedAnswer
from bridge.secret import fingerprint
from bridge.tokens.flights import Flight, Flights
from bridge.web import below_wsgi
from bridge.web.apps import FastPath, internal, internal_routes
from bridge.web.below_wsgi import Answering, aside
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL, OTHER, TENANT, World
from tests.tokens.support import BOTH, Later, calls, held, proven, refreshing_with, under_way
from tests.tokens.test_error_table import NEW_ERROR
from tests.web.conftest import token_request
from tests.wsgi import Collected, as_wsgi

_JOIN_S = 20


class Line:
    """A caller of the internal app, as granian calls it.

    Attributes:
        answering: the app.
    """

    def __init__(self, answering: Answering, key: str) -> None:
        self.answering = answering
        self.key = key

    def ask(self, subject: str = "u1", *, key: str | None = None, **more: Any) -> Collected:
        """Send a request; return what its answer is given to, now or later."""
        exchange = Collected()
        self.answering(exchange, self.environ(subject, key=key, **more))
        return exchange

    def environ(self, subject: str, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        headers = {"Authorization": key or self.key}
        body = token_request(subject, **more)
        return EnvironBuilder(
            "/v1/token", method="POST", headers=Headers(headers), json=body
        ).get_environ()


@pytest.fixture
def line(bridge_world: World) -> Line:
    return Line(internal(bridge_world.services), bridge_world.key())


def told(exchange: Collected) -> dict[str, Any]:
    exchange.wait()
    answer: dict[str, Any] = json.loads(exchange.body)
    return answer | {"status": exchange.status}


def expired(bridge: World, *subjects: str, scopes: str = BOTH) -> None:
    """Have grants whose tokens have just expired."""
    for subject in subjects:
        proven(bridge, subject, scopes)
    bridge.clock.advance(2 * HOUR)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_a_hundred_readers_wait_without_a_thread(bridge_world: World, line: Line) -> None:
    """While Google takes its time one thread asks it; then all have its one answer."""
    expired(bridge_world, "u1")
    before, hold = calls(bridge_world), held(bridge_world)
    present = threading.active_count()
    waiting = [line.ask() for _ in range(100)]
    under_way(hold)

    assert len(threads("refresh")) == 1
    # The lease is renewed by a thread of its own.
    assert threading.active_count() <= present + 2
    assert not any(exchange.is_whole for exchange in waiting)
    hold.release()

    answers = [told(exchange) for exchange in waiting]
    assert {answer["status"] for answer in answers} == {200}
    assert len({answer["access_token"] for answer in answers}) == 1
    assert calls(bridge_world) - before == 1
    # Whoever asked Google is not kept by them either.
    assert {exchange.by for exchange in waiting} == {"landed"}


def test_a_fresh_token_is_answered_at_once(bridge_world: World, line: Line) -> None:
    """Nobody leaves for what is there."""
    proven(bridge_world, "u1")
    exchange = line.ask()
    assert exchange.is_whole
    assert exchange.by == threading.current_thread().name


def test_those_who_wait_have_the_failure_in_common(bridge_world: World, line: Line) -> None:
    """One call fails, and everybody is told; each problem has the id of its own request."""
    expired(bridge_world, "u1")
    before = calls(bridge_world)
    bridge_world.google.inject("token", NEW_ERROR, times=None)
    hold = held(bridge_world)
    waiting = [line.ask() for _ in range(20)]
    under_way(hold)
    hold.release()

    answers = [told(exchange) for exchange in waiting]
    assert {(one["status"], one["code"], one["reason"]) for one in answers} == {
        (503, "upstream_unavailable", "unrecognised")
    }
    assert len({one["request_id"] for one in answers}) == 20
    assert calls(bridge_world) - before == 1


def test_the_failure_of_a_renewal_is_not_told_to_those_whose_token_lives(
    bridge_world: World, line: Line
) -> None:
    """They get what is valid: the first after its try, the others without waiting for it."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(HOUR - 100)
    bridge_world.google.inject("token", NEW_ERROR, times=None)
    hold = held(bridge_world)
    first = line.ask()
    under_way(hold)
    others = [line.ask() for _ in range(5)]
    assert all(exchange.is_whole for exchange in others)
    assert not first.is_whole
    hold.release()

    answers = [told(exchange) for exchange in (first, *others)]
    assert {answer["status"] for answer in answers} == {200}
    assert len({answer["access_token"] for answer in answers}) == 1


def test_who_comes_back_and_is_not_served_goes_on(bridge_world: World, line: Line) -> None:
    """The one that was refreshed is the one that it rejects: Google is asked once more."""
    expired(bridge_world, "u1", scopes=f"{BOTH} {MAIL}")
    first = held(bridge_world)
    short = '{"access_token":"ya29.short","expires_in":60,"scope":"' + CALENDAR + '"}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=short))
    narrow = bridge_world.key("narrow", scopes=[CALENDAR])
    one = line.ask(key=narrow)
    under_way(first)
    second = held(bridge_world)
    two = line.ask(key=narrow, rejected=fingerprint("ya29.short"))
    first.release()
    assert told(one)["access_token"] == "ya29.short"
    under_way(second)
    second.release()
    assert told(two)["access_token"] not in {"ya29.short", None}


def test_a_refresh_that_breaks_is_told_and_tried_again(
    bridge_world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own is one: nobody waits for ever, and the next reader asks Google anew."""
    expired(bridge_world, "u1")

    def fail(*_args: object) -> None:
        raise LookupError("inside")

    with monkeypatch.context() as patched:
        patched.setattr("bridge.tokens.refresher.Refresher.run", fail)
        broken = told(line.ask())
    assert (broken["status"], broken["code"]) == (500, "internal_error")
    assert told(line.ask())["status"] == 200


def test_a_system_without_threads_is_told_and_recovers(
    bridge_world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for what no thread does; a place that was taken for it is free again."""
    expired(bridge_world, "u1")
    flights = bridge_world.services.tokens.refreshing.flights
    free = len(flights._places._free)  # noqa: SLF001 - what it is about
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name in {"refresh", "landed"}:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        refused = told(line.ask())
    assert (refused["status"], refused["reason"]) == (503, "too_many_waiting")
    assert len(flights._places._free) == free  # noqa: SLF001 - what it is about
    assert told(line.ask())["status"] == 200


def test_those_who_wait_for_one_grant_take_no_place_from_others(bridge_world: World) -> None:
    """With two places, fifty wait in one; a second grant is refreshed, a third is one too many."""
    expired(bridge_world, "hot", "warm", "cold")
    tokens = refreshing_with(bridge_world, flights=Flights(2))
    services = replace(bridge_world.services, tokens=tokens)
    line = Line(internal(services), bridge_world.key())
    hot, warm = held(bridge_world), held(bridge_world)
    waiting = [line.ask("hot") for _ in range(50)]
    under_way(hot)
    waiting.append(line.ask("warm"))
    under_way(warm)
    assert told(line.ask("cold"))["reason"] == "too_many_waiting"
    hot.release()
    warm.release()
    assert {told(exchange)["status"] for exchange in waiting} == {200}
    assert told(line.ask("cold"))["status"] == 200


def test_the_same_request_joins_those_who_wait_without_a_look_at_the_store(
    bridge_world: World, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thousandth does not find out anew what the first has found out."""
    expired(bridge_world, "u1")
    hold = held(bridge_world)
    waiting = [line.ask()]
    under_way(hold)

    def fail(*_args: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        for work in ("read", "standing"):
            patched.setattr(f"bridge.tokens.service.TokenService.{work}", fail)
        waiting += [line.ask() for _ in range(5)]
    hold.release()
    assert {told(exchange)["status"] for exchange in waiting} == {200}


def test_another_caller_of_the_same_request_is_looked_at_for_itself(
    bridge_world: World, line: Line
) -> None:
    """While one waits, whoever may not have the token is refused at once."""
    expired(bridge_world, "u1")
    hold = held(bridge_world)
    waiting = line.ask()
    under_way(hold)
    for key, status in (
        (bridge_world.key("beyond", scopes=[DRIVE]), 403),
        (bridge_world.key("elsewhere", tenants=[OTHER]), 404),
    ):
        refused = line.ask(key=key)
        assert refused.is_whole
        assert refused.status == status
    hold.release()
    assert told(waiting)["status"] == 200


def test_a_grant_revoked_meanwhile_is_served_to_nobody_who_comes_back(
    bridge_world: World, line: Line
) -> None:
    """What was right when they left is looked at again when they come back."""
    expired(bridge_world, "u1")
    grant = bridge_world.grant_of("u1")
    hold = held(bridge_world)
    waiting = [line.ask() for _ in range(3)]
    under_way(hold)
    bridge_world.services.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
    hold.release()
    assert {told(exchange)["code"] for exchange in waiting} == {"reauth_required"}


def test_one_whose_answer_cannot_be_given_keeps_nobody_from_theirs(
    bridge_world: World, line: Line
) -> None:
    """A client that has gone is the trouble of no other."""
    expired(bridge_world, "u1")

    class Gone(Collected):
        def response_bytes(self, *_answer: object) -> None:
            raise RuntimeError

    hold = held(bridge_world)
    line.answering(Gone(), line.environ("u1"))
    waiting = [line.ask() for _ in range(3)]
    under_way(hold)
    hold.release()
    assert {told(exchange)["status"] for exchange in waiting} == {200}


def test_readers_that_stay_and_those_that_leave_have_one_refresh(
    bridge_world: World, line: Line
) -> None:
    """A batch's thread and those who left wait for the same call."""
    expired(bridge_world, "u1")
    before, hold = calls(bridge_world), held(bridge_world)
    stays = Later(lambda: bridge_world.read("u1", CALENDAR))
    under_way(hold)
    waiting = [line.ask() for _ in range(5)]
    assert not threads("refresh")
    hold.release()
    token = stays.outcome().access_token.reveal()
    assert {told(exchange)["access_token"] for exchange in waiting} == {token}
    assert calls(bridge_world) - before == 1


def test_what_comes_after_the_landing_is_called_at_once() -> None:
    """Between leaving and waiting the flight may have landed; nobody is forgotten."""
    flight = Flight()
    called: list[int] = []
    flight.land()
    flight.then(partial(called.append, 1))
    assert called == [1]


def test_everybody_who_leaves_is_called_once_however_they_race_with_the_landing() -> None:
    """Of many who leave at the moment of the landing each one is called, and once."""
    for _ in range(20):
        flight = Flight()
        called: list[int] = []
        barrier = threading.Barrier(5)
        leaving = [
            Later(partial(_leave, flight, barrier, called, range(first, first + 50)))
            for first in range(0, 200, 50)
        ]
        barrier.wait(_JOIN_S)
        flight.land()
        for thread in leaving:
            thread.outcome()
        for landed in threads("landed"):
            landed.join(_JOIN_S)
        assert sorted(called) == list(range(200))


def _leave(flight: Flight, barrier: threading.Barrier, called: list[int], numbers: range) -> None:
    barrier.wait(_JOIN_S)
    for number in numbers:
        flight.then(partial(called.append, number))


@pytest.fixture
def busy(bridge_world: World) -> Iterator[threading.Event]:
    """What everything but a token read waits for, where the app is made with `slow`."""
    let_go = threading.Event()
    yield let_go
    let_go.set()


def test_a_token_is_read_while_all_else_stands_still(
    bridge_world: World, busy: threading.Event
) -> None:
    """Whatever takes long is done by threads of its own: one that does other work reads tokens."""
    proven(bridge_world, "u1")
    services = bridge_world.services

    def slow(exchange: below_wsgi.Exchange, _environ: dict[str, Any]) -> None:
        busy.wait(_JOIN_S)
        exchange.response_bytes(204, [], b"")

    app = FastPath(internal_routes(services)[0], services.gate, aside(slow, 2, 1000)).take
    line = Line(app, bridge_world.key())
    others = [Collected() for _ in range(5)]
    for exchange in others:
        app(exchange, EnvironBuilder("/live").get_environ())
    assert line.ask().is_whole
    assert not any(exchange.is_whole for exchange in others)
    busy.set()
    for exchange in others:
        exchange.wait()
        assert exchange.status == 204


def test_the_largest_body_of_any_route_is_passed_on(bridge_world: World) -> None:
    """An order for 100,000 users is longer than what most routes take, and is made all the same."""
    app = as_wsgi(internal(bridge_world.services))
    names = [f"a-user-of-some-identity-provider-{number}" for number in range(40_000)]
    made = Client(app).post(
        "/v1/admin/orders",
        json={"tenant": TENANT, "reason": "a new feature", "subjects": names},
        headers={"Authorization": bridge_world.key()},
    )
    assert made.status_code == 200, made.text
    assert made.get_json()["order"]["id"]


def test_what_is_done_aside_has_its_body_and_no_more_than_its_bound() -> None:
    """Granian takes the body away once it was returned to; one that is too long is not read."""
    lengths: list[int] = []

    def answering(exchange: below_wsgi.Exchange, environ: dict[str, Any]) -> None:
        lengths.append(len(environ["wsgi.input"].read()))
        exchange.response_bytes(200, [], b"")

    app = aside(answering, 1, 1000)
    for size, declared, taken in (
        (10, "10", 10),
        (1000, "1000", 1000),
        (5000, "5000", 0),
        (5000, "", 1001),
        (5000, "9" * 50, 0),
    ):
        stream, exchange = io.BytesIO(b" " * size), Collected()
        app(exchange, {"wsgi.input": stream, "CONTENT_LENGTH": declared})
        exchange.wait()
        assert (lengths.pop(), stream.tell()) == (taken, taken)


def test_a_fault_aside_is_answered() -> None:
    """An exception that escapes everything leaves no client without an answer."""

    def fail(*_args: object) -> None:
        raise LookupError("inside")

    exchange = Collected()
    aside(fail, 1, 10)(exchange, {"wsgi.input": io.BytesIO()})
    exchange.wait()
    assert (exchange.status, exchange.body) == (500, b"")


def test_a_granian_made_in_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose inside is not known is named at the start, not at the first request."""
    monkeypatch.delattr(granian.server.mp, "_wsgi_call_wrap")
    with pytest.raises(RuntimeError, match="version of granian"):
        below_wsgi.take_over()


def test_a_rejected_token_is_replaced_for_all_who_reject_it(
    bridge_world: World, line: Line
) -> None:
    """Fifty tell of the same dead token; Google is asked once."""
    proven(bridge_world, "u1")
    dead = told(line.ask())["access_token"]
    before, hold = calls(bridge_world), held(bridge_world)
    waiting = [line.ask(rejected=fingerprint(dead)) for _ in range(50)]
    under_way(hold)
    hold.release()
    fresh = {told(exchange)["access_token"] for exchange in waiting}
    assert len(fresh) == 1
    assert dead not in fresh
    assert calls(bridge_world) - before == 1
