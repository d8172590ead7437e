"""What expires is swept when its time is over, and not before; what does not expire stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import State
from tests.kit import DAY, DRIVE, HOUR, TENANT, World, token_fields
from tests.vault.conftest import Hand

pytestmark = pytest.mark.sqlite


def _count(world: World, kind: str) -> int:
    [(number,)] = Hand(world.settings.store.path).run(
        "SELECT count(*) FROM records JOIN kinds ON kinds.id = kind WHERE name = ?", kind
    )
    assert isinstance(number, int)
    return number


def _forgotten(world: World) -> None:
    grant = world.grant("u1")
    world.services.admin.forget(world.caller(), grant.id)


def _unbound(world: World) -> None:
    account = world.account()
    world.hook(
        {
            "type": "capture",
            "tenant": TENANT,
            "login_id": "l1",
            "account": {"sub": account.sub},
            "client_id": world.client.client_id,
            "tokens": token_fields(world.sign_in(account)),
        }
    )


def _binding(world: World) -> None:
    world.hook(
        {
            "type": "bind",
            "tenant": TENANT,
            "login_id": "l1",
            "account": {"sub": "a1"},
            "subject": "u1",
        }
    )


def _farewell(world: World) -> None:
    world.hook({"type": "user_deleted", "tenant": TENANT, "subject": "u1"})


def _need(world: World) -> None:
    with pytest.raises(BridgeError):
        world.read("never seen", DRIVE)


def _caller(world: World) -> None:
    world.key("backend")
    [first] = world.services.callers.of("backend")
    world.services.callers.rotate("backend", int(world.clock.now()) + 30 * DAY)
    world.services.callers.revoke("backend", first.id)


def _server(world: World) -> None:
    world.services.opening.announce("another", world.clock.now())


_EXPIRING: list[tuple[str, Callable[[World], None], float]] = [
    ("grant", _forgotten, 90 * DAY),
    ("unbound", _unbound, 90 * DAY),
    ("binding", _binding, 90 * DAY),
    ("farewell", _farewell, 90 * DAY),
    ("message", _farewell, 14 * DAY),
    ("guard", _farewell, 14 * DAY),
    ("need", _need, 30 * DAY),
    ("caller", _caller, 30 * DAY),
    ("server", _server, 30),
]


@pytest.mark.parametrize(("kind", "make", "kept"), _EXPIRING, ids=[e[0] for e in _EXPIRING])
def test_what_expires_is_swept_in_time_and_not_before(
    bridge_world: World, kind: str, make: Callable[[World], None], kept: float
) -> None:
    """A minute before its time is over the record is there; a minute after it is gone."""
    make(bridge_world)
    margin = min(60.0, kept / 2)

    bridge_world.clock.advance(kept - margin)
    bridge_world.services.upkeep.rare()
    assert _count(bridge_world, kind) == 1

    bridge_world.clock.advance(2 * margin + 1)
    bridge_world.services.upkeep.rare()
    assert _count(bridge_world, kind) == 0


def test_what_does_not_expire_stays_for_years(bridge_world: World) -> None:
    """Grants in every other state, callers without an end, key proofs and the mark remain."""
    states = [State.ACTIVE, State.UNVERIFIED, State.MISSING, State.REAUTH_REQUIRED]
    bridge_world.key("backend")
    for state in states:
        _grant_in(bridge_world, state)
    before = {kind: _count(bridge_world, kind) for kind in ("grant", "caller", "key", "mark")}
    assert before == {"grant": len(states), "caller": 1, "key": 1, "mark": 1}

    bridge_world.clock.advance(5 * 365 * DAY)
    bridge_world.services.upkeep.rare()

    assert {kind: _count(bridge_world, kind) for kind in before} == before
    for state in states:
        assert bridge_world.grant_of(state.value).state is state


def _grant_in(world: World, state: State) -> None:
    account = world.account()
    tokens = world.sign_in(account)
    if state is State.MISSING:
        tokens = replace(tokens, refresh_token=None)
    world.login(state.value, account, tokens)
    if state is State.REAUTH_REQUIRED:
        world.google.revoke_as_user(account, world.client)
        with pytest.raises(BridgeError) as dead:
            world.read(state.value)
        assert dead.value.code is Code.REAUTH_REQUIRED
    if state is State.ACTIVE:
        world.read(state.value)


def test_a_grant_that_came_back_is_not_swept(bridge_world: World) -> None:
    """A new consent after a forgetting takes the end of its tombstone away."""
    account = bridge_world.account()
    grant = bridge_world.grant("u1", account=account)
    bridge_world.services.admin.forget(bridge_world.caller(), grant.id)
    bridge_world.clock.advance(HOUR)
    bridge_world.grant("u1", account=account)

    bridge_world.clock.advance(365 * DAY)
    bridge_world.services.upkeep.rare()

    assert bridge_world.grant_of("u1").id == grant.id


def test_counters_and_leases_that_are_over_go_too(bridge_world: World) -> None:
    """Neither the members of closed windows nor the leases of dead holders pile up."""
    hand = Hand(bridge_world.settings.store.path)
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.services.store.lease("of a process that died", "owner", 3)
    [(members,)] = hand.run("SELECT count(*) FROM counters")
    assert members

    bridge_world.clock.advance(HOUR)
    bridge_world.services.upkeep.rare()

    assert hand.run("SELECT count(*) FROM counters") == [(0,)]
    assert hand.run("SELECT count(*) FROM leases") == [(0,)]
