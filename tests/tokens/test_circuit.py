"""The circuit of a Google client that refuses its own credentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import State
from tests.kit import CALENDAR, HOUR, World
from tests.tokens.support import BOTH, at_once, calls, capture, held, proven, refusal

FAULTS = {
    "secret rotated": lambda w: w.google.clients.rotate_secret(w.client),
    "disabled": lambda w: w.google.clients.set_status(w.client, "disabled"),
    "deleted": lambda w: w.google.clients.set_status(w.client, "deleted"),
}


def expired(bridge: World, *subjects: str) -> None:
    for subject in subjects:
        proven(bridge, subject)
    bridge.clock.advance(2 * HOUR)


def mend(bridge: World, secret: str) -> None:
    bridge.google.clients.rotate_secret(bridge.client, secret)


def broken(bridge: World) -> str:
    """Break the client's secret; return the one that is configured."""
    secret: str = bridge.client.secrets[0]
    bridge.google.clients.rotate_secret(bridge.client)
    return secret


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_client_touches_no_grant(
    bridge_world: World, fault: Callable[[World], object]
) -> None:
    """Every reader gets `client_fault`, by one call upstream, and every grant stays active."""
    subjects = [f"u{n}" for n in range(5)]
    expired(bridge_world, *subjects)
    fault(bridge_world)
    before = calls(bridge_world)

    errors = [refusal(partial(bridge_world.read, s, CALENDAR)) for s in subjects]

    assert {error.code for error in errors} == {Code.CLIENT_FAULT}
    assert all(error.retry_after for error in errors)
    assert calls(bridge_world) - before == 1
    assert {bridge_world.grant_of(s).state for s in subjects} == {State.ACTIVE}


def test_other_clients_serve_while_a_circuit_is_open(bridge_world: World) -> None:
    """A circuit is one client's, also within a tenant."""
    account = bridge_world.account()
    capture(bridge_world, "other", account, BOTH, client=bridge_world.data_client)
    expired(bridge_world, "u1")
    broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert bridge_world.read("other", CALENDAR).scope


def test_stale_readers_do_not_feel_an_open_circuit(bridge_world: World) -> None:
    """Whose token is still valid is served from it."""
    proven(bridge_world, "u1")
    bridge_world.clock.advance(HOUR - 100)
    broken(bridge_world)

    assert bridge_world.read("u1", CALENDAR).scope
    assert bridge_world.read("u1", CALENDAR).scope


def test_one_reader_at_a_time_probes_whether_the_client_was_mended(bridge_world: World) -> None:
    """After the wait exactly one of many concurrent readers calls Google."""
    subjects = [f"u{n}" for n in range(12)]
    expired(bridge_world, *subjects)
    broken(bridge_world)
    refusal(lambda: bridge_world.read("u0", CALENDAR))
    bridge_world.clock.advance(11)
    before = calls(bridge_world)

    def read(number: int) -> Code:
        return refusal(lambda: bridge_world.read(subjects[number], CALENDAR)).code

    assert set(at_once(12, read)) == {Code.CLIENT_FAULT}
    assert calls(bridge_world) - before == 1


def test_a_probe_that_succeeds_closes_the_circuit_for_all(bridge_world: World) -> None:
    """The mended client's first refresh lets everybody through."""
    expired(bridge_world, "u1", "u2")
    secret = broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    mend(bridge_world, secret)
    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.CLIENT_FAULT
    bridge_world.clock.advance(11)

    assert bridge_world.read("u1", CALENDAR).scope
    assert bridge_world.read("u2", CALENDAR).scope


def test_a_probe_that_is_refused_otherwise_closes_the_circuit_too(bridge_world: World) -> None:
    """`invalid_grant` means that Google took the client's credentials."""
    expired(bridge_world, "u1", "u2")
    secret = broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    mend(bridge_world, secret)
    bridge_world.clock.advance(11)
    bridge_world.google.inject("token", "invalid_grant")

    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.REAUTH_REQUIRED
    assert bridge_world.read("u2", CALENDAR).scope


def test_a_probe_without_an_answer_leaves_the_circuit_open(bridge_world: World) -> None:
    """An outage proves nothing of the client."""
    expired(bridge_world, "u1", "u2")
    broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    bridge_world.clock.advance(11)
    bridge_world.google.set_down("503")
    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.UPSTREAM_UNAVAILABLE
    bridge_world.google.set_down(None)

    assert refusal(lambda: bridge_world.read("u2", CALENDAR)).code is Code.CLIENT_FAULT


def test_waits_grow_up_to_five_minutes(bridge_world: World) -> None:
    """Each probe in vain doubles the wait, and none is longer than five minutes."""
    expired(bridge_world, "u1")
    broken(bridge_world)
    waits = []
    for _ in range(8):
        error = refusal(lambda: bridge_world.read("u1", CALENDAR))
        waits.append(_next_probe(error))
        bridge_world.clock.advance(waits[-1] + 1)

    # Some of each wait may have passed by the time its reader is told.
    expected = [10, 20, 40, 80, 160, 300, 300, 300]
    assert all(want - 5 <= wait <= want for wait, want in zip(waits, expected, strict=True))


def test_a_changed_secret_is_another_circuit(bridge_world: World) -> None:
    """After a restart with the right secret nobody waits for the old circuit's probe."""
    expired(bridge_world, "u1")
    broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))

    bridge_world.restart()  # the settings are written anew, with the secret that works

    assert bridge_world.read("u1", CALENDAR).scope


def test_a_circuit_does_not_outlast_a_clock_that_was_set_back(bridge_world: World) -> None:
    """A probe dated hours ahead, by a clock that was wrong, is due at once."""
    expired(bridge_world, "u1")
    bridge_world.clock.advance(5 * HOUR)
    secret = broken(bridge_world)
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    mend(bridge_world, secret)
    bridge_world.clock.advance(-5 * HOUR)

    assert bridge_world.read("u1", CALENDAR).scope


def test_a_fault_that_many_find_at_once_opens_one_circuit(bridge_world: World) -> None:
    """Refreshes under way when the client breaks all tell the same, and no grant is touched."""
    subjects = [f"u{n}" for n in range(8)]
    expired(bridge_world, *subjects)
    broken(bridge_world)
    hold = bridge_world.google.hold("token", grant_type="refresh_token")

    def read(number: int) -> BridgeError:
        if number == len(subjects):
            assert hold.wait_for(len(subjects))
            hold.release()
            return BridgeError(Code.CLIENT_FAULT, "")
        return refusal(lambda: bridge_world.read(subjects[number], CALENDAR))

    errors = at_once(len(subjects) + 1, read)

    assert {error.code for error in errors} == {Code.CLIENT_FAULT}
    assert {bridge_world.grant_of(s).state for s in subjects} == {State.ACTIVE}


def test_a_refresh_from_before_the_break_does_not_close_the_circuit(bridge_world: World) -> None:
    """A success that was under way says nothing of the credentials now."""
    expired(bridge_world, "u1", "u2", "u3")
    hold = held(bridge_world)

    def read(number: int) -> object:
        if number == 0:
            return bridge_world.read("u1", CALENDAR)
        assert hold.wait_for(1)
        broken(bridge_world)
        error = refusal(lambda: bridge_world.read("u2", CALENDAR))
        hold.release()
        return error

    at_once(2, read)

    before = calls(bridge_world)
    assert refusal(lambda: bridge_world.read("u3", CALENDAR)).code is Code.CLIENT_FAULT
    assert calls(bridge_world) == before


def _next_probe(error: BridgeError) -> int:
    assert error.code is Code.CLIENT_FAULT
    assert error.retry_after is not None
    return error.retry_after
