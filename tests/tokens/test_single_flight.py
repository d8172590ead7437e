"""One refresh for however many readers of one process, and bounds on those who wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import fields
from functools import partial

import pytest
from msgspec.structs import replace

from bridge.errors import BridgeError, Code
from bridge.model import Grant
from bridge.sandbox.canned import CannedAnswer
from bridge.tokens.attempt import Attempt
from bridge.tokens.flights import Flight, Flights
from bridge.tokens.refresher import Refresher
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL, TENANT, World
from tests.tokens.support import (
    BOTH,
    Later,
    at_once,
    calls,
    held,
    proven,
    refreshing_with,
    refusal,
    under_way,
    until_waiting,
)
from tests.tokens.test_error_table import NEW_ERROR


def test_fifty_readers_are_one_call(bridge_world: World) -> None:
    """All readers of an expired token get the same new one, by one call upstream."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    before = calls(bridge_world)
    bridge_world.google.hold("token", seconds=0.3)

    served = at_once(50, lambda _: bridge_world.read("u1", CALENDAR))

    assert len({one.access_token for one in served}) == 1
    assert calls(bridge_world) - before == 1


def test_a_failure_is_shared_by_all_who_waited_and_those_who_come_after(
    bridge_world: World,
) -> None:
    """Fifty readers and five more get the one failure of one call; later somebody tries again."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    before = calls(bridge_world)
    bridge_world.google.inject("token", NEW_ERROR, times=None)
    bridge_world.google.hold("token", seconds=0.3)

    def read(_: int) -> tuple[Code, str | None]:
        error = refusal(lambda: bridge_world.read("u1", CALENDAR))
        return error.code, error.reason

    told = at_once(50, read) + [read(0) for _ in range(5)]

    assert set(told) == {(Code.UPSTREAM_UNAVAILABLE, "unrecognised")}
    assert calls(bridge_world) - before == 1
    bridge_world.google.clear_faults()
    bridge_world.clock.advance(4)
    assert bridge_world.read("u1", CALENDAR).scope


def test_an_outage_is_shared_by_readers_of_every_scope_set(bridge_world: World) -> None:
    """That Google does not answer is no matter of scopes: one reader finds out for all."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", NEW_ERROR, times=None)
    callers = [None, [CALENDAR], [CALENDAR, DRIVE], None, [CALENDAR]]
    before = calls(bridge_world)

    for allowance in callers:
        caller = bridge_world.caller(scopes=allowance)
        error = refusal(partial(bridge_world.read, "u1", CALENDAR, caller=caller))
        assert error.code is Code.UPSTREAM_UNAVAILABLE

    assert calls(bridge_world) - before == 1


def test_a_failure_does_not_outlast_a_clock_that_was_set_back(bridge_world: World) -> None:
    """A failure dated hours ahead, by a clock that was wrong, keeps nobody from trying."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(5 * HOUR)
    bridge_world.google.inject("token", NEW_ERROR)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    bridge_world.clock.advance(-3 * HOUR)

    assert bridge_world.read("u1", CALENDAR).scope


def test_a_re_consent_ends_a_shared_failure(bridge_world: World) -> None:
    """A failure belongs to its epoch."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", NEW_ERROR)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    [found] = bridge_world.services.grants.find(TENANT, "u1")

    def moved_on(grant: Grant) -> Grant:
        return replace(grant, epoch=grant.epoch + 1)

    bridge_world.services.grants.update(found.ref, moved_on)
    assert bridge_world.read("u1", CALENDAR).scope


def test_readers_of_other_grants_are_served_while_all_benches_are_taken(
    bridge_world: World,
) -> None:
    """A hot grant's waiters fill their places; others read and refresh all the same."""
    for subject in ("hot", "warm", "cold"):
        proven(bridge_world, subject)
    tokens = refreshing_with(bridge_world, flights=Flights(8))

    def read(subject: str) -> str:
        request = TokenRequest(tenant=TENANT, subject=subject, scopes=(CALENDAR,))
        return tokens.read(bridge_world.caller(), request).grant

    bridge_world.clock.advance(2 * HOUR)
    read("warm")
    hold = held(bridge_world)
    leader = Later(lambda: read("hot"))
    under_way(hold)
    over = threading.Semaphore(0)
    waiting = [Later(lambda: _signalling(over, lambda: read("hot"))) for _ in range(20)]
    # Six may wait; whoever is beyond them is refused at once.
    for _ in range(14):
        assert over.acquire(timeout=10)

    assert read("warm")
    assert read("cold")
    hold.release()

    assert leader.outcome()
    errors = [_error(thread) for thread in waiting]
    refused = [error for error in errors if error is not None]
    assert len(refused) == 14
    assert {(e.code, e.reason, e.retry_after) for e in refused} == {
        (Code.UPSTREAM_UNAVAILABLE, "too_many_waiting", 1)
    }


def test_a_stale_reader_is_served_while_all_places_are_taken(bridge_world: World) -> None:
    """No place to refresh is no reason to refuse a token that is still valid."""
    for subject in ("hot", "stale"):
        proven(bridge_world, subject)
    bridge_world.clock.advance(HOUR - 100)
    tokens = refreshing_with(bridge_world, flights=Flights(1))
    hold = held(bridge_world)

    def read(subject: str) -> str:
        request = TokenRequest(tenant=TENANT, subject=subject, scopes=(CALENDAR,))
        return tokens.read(bridge_world.caller(), request).grant

    leader = Later(lambda: read("hot"))
    under_way(hold)

    assert read("stale")
    hold.release()
    assert leader.outcome()


def test_a_waiter_s_patience_ends(bridge_world: World) -> None:
    """Who waits too long for another's refresh is told to come back; the refresh goes on."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    tokens = refreshing_with(bridge_world, patience=0.2)
    request = TokenRequest(tenant=TENANT, subject="u1", scopes=(CALENDAR,))
    hold = held(bridge_world)
    leader = Later(lambda: bridge_world.read("u1", CALENDAR))
    under_way(hold)

    error = refusal(lambda: tokens.read(bridge_world.caller(), request))
    hold.release()

    assert (error.code, error.retry_after) == (Code.UPSTREAM_UNAVAILABLE, 1)
    assert leader.outcome()


class Watched(Flights):
    """Flights that tell how many came."""

    def __init__(self) -> None:
        super().__init__(64)
        self.boarded = threading.Semaphore(0)

    def board(self, key: Hashable) -> tuple[Flight, bool]:
        boarded = super().board(key)
        self.boarded.release()
        return boarded


def test_a_leader_s_own_refusal_is_not_that_of_its_waiters(bridge_world: World) -> None:
    """The leader's scope was lost meanwhile; who waits with it wants less, and gets it."""
    proven(bridge_world, "u1", f"{BOTH} {MAIL}")
    bridge_world.clock.advance(2 * HOUR)
    flights = Watched()
    tokens = refreshing_with(bridge_world, flights=flights)

    def read(scope: str, *allowance: str) -> str:
        caller = bridge_world.caller(scopes=allowance or None)
        request = TokenRequest(tenant=TENANT, subject="u1", scopes=(scope,))
        return tokens.read(caller, request).scope

    body = f'{{"access_token":"ya29.n","expires_in":3599,"scope":"{CALENDAR}"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=body))
    hold = held(bridge_world)
    narrow = Later(lambda: read(CALENDAR, CALENDAR, DRIVE))
    under_way(hold)
    assert flights.boarded.acquire(timeout=10)
    # These two want all scopes, in one flight that waits for the narrow refresh's lease.
    greedy = Later(lambda: read(DRIVE))
    assert flights.boarded.acquire(timeout=10)
    modest = Later(lambda: read(CALENDAR))
    assert flights.boarded.acquire(timeout=10)
    full = f'{{"access_token":"ya29.f","expires_in":3599,"scope":"{CALENDAR} {MAIL}"}}'
    bridge_world.google.inject("token", CannedAnswer(status=200, body=full))
    hold.release()

    narrow.outcome()
    assert refusal(greedy.outcome).code is Code.INSUFFICIENT_SCOPE
    assert CALENDAR in modest.outcome().split()


class FlightError(Exception):
    """Something that nobody foresaw."""


class Broken(Refresher):
    """A refresher with a fault of its own."""

    def run(self, attempt: Attempt) -> None:  # noqa: ARG002 - the signature is the base's
        raise FlightError


def test_a_flight_that_breaks_does_not_block_the_next(bridge_world: World) -> None:
    """After an error that is none of ours the next reader flies anew, at once."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    real = bridge_world.services.tokens.refreshing.refresher
    broken = Broken(**{field.name: getattr(real, field.name) for field in fields(real)})
    tokens = refreshing_with(bridge_world, refresher=broken)
    request = TokenRequest(tenant=TENANT, subject="u1", scopes=(CALENDAR,))

    for _ in range(2):
        with pytest.raises(FlightError):
            tokens.read(bridge_world.caller(), request)
    assert bridge_world.read("u1", CALENDAR).scope


def test_waiters_get_an_error_of_their_own() -> None:
    """One exception raised by many threads would mix their tracebacks: each gets a copy."""
    flights = Flights(4)
    flight, flies = flights.board("key")
    again, flies_too = flights.board("key")
    assert flies
    assert not flies_too
    waiting = [Later(lambda: _wait(flights, again)) for _ in range(2)]
    failure = BridgeError(Code.UPSTREAM_UNAVAILABLE, "It broke.", reason="why", retry_after=7)

    flights.land("key", flight, failure)

    errors = [refusal(thread.outcome) for thread in waiting]
    assert len({id(error) for error in (failure, *errors)}) == 3
    assert {(e.code, e.public, e.reason, e.retry_after) for e in (failure, *errors)} == {
        (Code.UPSTREAM_UNAVAILABLE, "It broke.", "why", 7)
    }


def test_those_who_waited_go_on_a_few_at_a_time() -> None:
    """However many waited, readers of other grants find few threads before them."""
    flight, most, running, lock = Flight(), 0, 0, threading.Lock()

    def go_on() -> None:
        nonlocal most, running
        with flight.waited_for(10):
            with lock:
                running += 1
                most = max(most, running)
            # Another one would get here now.
            threading.Event().wait(0.002)
            with lock:
                running -= 1

    waiting = [Later(go_on) for _ in range(40)]
    until_waiting(flight, 40)
    flight.land()
    for thread in waiting:
        thread.outcome()
    assert most == 2


def test_one_that_fails_in_its_turn_lets_the_next_go_on() -> None:
    """An error of one reader, or of the flight itself, keeps nobody waiting."""
    flight = Flight()

    def fail() -> None:
        with flight.waited_for(10):
            raise BridgeError(Code.GRANT_MISSING, "It is gone.")

    waiting = [Later(fail) for _ in range(5)]
    until_waiting(flight, 5)
    flight.land()
    for thread in waiting:
        assert refusal(thread.outcome).code is Code.GRANT_MISSING


def test_who_lost_patience_leaves_the_queue() -> None:
    """No turn is given to somebody who has left."""
    flight = Flight()
    for _ in range(3):
        with pytest.raises(BridgeError, match="did not end in time"), flight.waited_for(0):
            pass
    patient = Later(lambda: _wait_for(flight))
    until_waiting(flight, 1)
    flight.land()
    patient.outcome()


def _wait_for(flight: Flight) -> None:
    with flight.waited_for(10):
        pass


def _wait(flights: Flights, flight: Flight) -> None:
    with flights.waited_for(flight, 10):
        pass


def test_places_are_given_back_after_an_error() -> None:
    """A thread that fails does not keep its place."""
    flights = Flights(1)
    for _ in range(3):
        with pytest.raises(FlightError), flights.place():
            raise FlightError
    with flights.place():
        assert refusal(lambda: _enter(flights)).reason == "too_many_waiting"


def _enter(flights: Flights) -> None:
    with flights.place():
        pass


def _signalling(over: threading.Semaphore, work: Callable[[], str]) -> str:
    try:
        return work()
    finally:
        over.release()


def _error(thread: Later) -> BridgeError | None:
    thread.join(20)
    return thread.error
