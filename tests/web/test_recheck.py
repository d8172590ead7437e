"""`POST /v1/grants/{grant}/recheck`: what Google refused is tried again, once."""

from __future__ import annotations

import threading

import pytest

from bridge.errors import BridgeError
from bridge.model import State
from bridge.secret import fingerprint
from tests.kit import OTHER, World
from tests.web.conftest import Backend, another, assert_problem


def refused(world: World, fault: str, subject: str = "u1") -> str:
    """Give a subject a grant that Google refuses at every refresh; return its id."""
    world.grant(subject)
    token = world.read(subject).access_token
    world.google.inject("token", fault, times=None)
    with pytest.raises(BridgeError):
        world.read(subject, rejected=fingerprint(token))
    return world.grant_of(subject).id


def asked(world: World) -> int:
    """Return how often Google was asked for a refresh."""
    return world.google.stats().count(grant_type="refresh_token")


@pytest.mark.parametrize("fault", ["admin_policy_enforced", "unauthorized_client", "access_denied"])
def test_a_blocked_grant_serves_once_google_lets_it(
    bridge_world: World, backend: Backend, fault: str
) -> None:
    """The block stays while Google refuses, and goes when it does not any more."""
    grant = refused(bridge_world, fault)

    still = backend.post(f"/v1/grants/{grant}/recheck").get_json()
    bridge_world.google.clear_faults()
    mended = backend.post(f"/v1/grants/{grant}/recheck").get_json()

    assert (still["tried"], still["grant"]["state"]) == (True, "blocked")
    assert still["grant"]["reason"] is not None
    assert (mended["tried"], mended["grant"]["state"]) == (True, "active")
    assert mended["grant"]["reason"] is None
    assert backend.token("u1").status_code == 200


def test_a_grant_that_works_is_refreshed(bridge_world: World, backend: Backend) -> None:
    """A recheck of what serves proves that it still does, or finds that it is dead."""
    account = bridge_world.account()
    grant = bridge_world.grant("u1", account=account)
    bridge_world.read("u1")
    before = asked(bridge_world)
    assert backend.post(f"/v1/grants/{grant.id}/recheck").get_json()["grant"]["state"] == "active"
    assert asked(bridge_world) == before + 1

    bridge_world.google.revoke_as_user(account, bridge_world.client)
    told = backend.post(f"/v1/grants/{grant.id}/recheck").get_json()
    assert told["grant"]["state"] == "reauth_required"


def test_without_a_token_there_is_nothing_to_try(bridge_world: World, backend: Backend) -> None:
    """Google is not asked about a user who signed in without a refresh token."""
    account = bridge_world.account()
    bridge_world.login("u1", account, bridge_world.sign_in(account, offline=False))
    grant = bridge_world.grant_of("u1")
    before = asked(bridge_world)
    told = backend.post(f"/v1/grants/{grant.id}/recheck").get_json()
    assert (told["tried"], told["grant"]["state"]) == (False, "missing")
    assert asked(bridge_world) == before


def test_a_revocation_under_way_is_left_alone(bridge_world: World, backend: Backend) -> None:
    """A recheck must not bring back what an admin is ending."""
    grant = bridge_world.grant("u1")
    bridge_world.google.inject("revocation", "temporarily_unavailable", times=None)
    assert backend.post(f"/v1/grants/{grant.id}/revoke", {}).status_code == 503
    told = backend.post(f"/v1/grants/{grant.id}/recheck").get_json()
    assert (told["tried"], told["grant"]["state"]) == (False, "revoking")


def test_an_outage_is_no_answer_about_the_grant(bridge_world: World, backend: Backend) -> None:
    """`upstream_unavailable`; the block was lifted, so the next read tries once more."""
    grant = refused(bridge_world, "admin_policy_enforced")
    bridge_world.google.clear_faults()
    bridge_world.google.set_down("503")
    response = backend.post(f"/v1/grants/{grant}/recheck")
    assert_problem(response, 503, "upstream_unavailable")
    bridge_world.google.set_down(None)
    bridge_world.clock.advance(120)
    assert backend.token("u1").status_code == 200


def test_rechecks_at_once_ask_google_as_one(bridge_world: World, backend: Backend) -> None:
    """Many admins with the same idea cost one refresh each at most, and none breaks."""
    grant = refused(bridge_world, "admin_policy_enforced")
    bridge_world.google.clear_faults()
    before = asked(bridge_world)
    barrier = threading.Barrier(6)
    statuses: list[int] = []

    def recheck() -> None:
        barrier.wait()
        statuses.append(backend.post(f"/v1/grants/{grant}/recheck").status_code)

    threads = [threading.Thread(target=recheck) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 6
    assert 1 <= asked(bridge_world) - before <= 6
    assert bridge_world.grant_of("u1").state is State.ACTIVE


def test_it_needs_its_own_permission(bridge_world: World, backend: Backend) -> None:
    """Reading, forgetting and revoking are not enough; another tenant's grant is not there."""
    grant = bridge_world.grant("u1").id
    others = ["token", "grants:read", "grants:forget", "grants:revoke"]
    lesser = another(bridge_world, backend, "lesser", permissions=others)
    assert_problem(lesser.post(f"/v1/grants/{grant}/recheck"), 403, "forbidden")
    elsewhere = another(bridge_world, backend, "elsewhere", tenants=[OTHER])
    assert_problem(elsewhere.post(f"/v1/grants/{grant}/recheck"), 404, "grant_missing")
    assert_problem(backend.post("/v1/grants/g_x/recheck"), 404, "grant_missing")
