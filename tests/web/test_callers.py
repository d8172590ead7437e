"""Callers' keys at the door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.admin.gate import Gate
from bridge.errors import BridgeError
from bridge.model import CallerKey
from bridge.secret import Secret
from bridge.services import Services, build
from bridge.store.base import StoreUnavailableError
from tests.kit import CALENDAR, OTHER, TENANT, World
from tests.web.conftest import Backend, another, assert_problem


@pytest.fixture
def second(bridge_world: World) -> Iterator[Services]:
    """Another process's bridge on the same store."""
    services = build(bridge_world.settings, bridge_world.clock)
    yield services
    services.close()


def most_remembered(gate: Gate) -> int:
    """Return the size of the gate's memory, whatever it is called."""
    return max(len(kept) for kept in vars(gate).values() if isinstance(kept, dict))


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic Z2JrXzpY",
        "Bearer gbk_",
        "Bearer gbk_0123456789abcdef",
        "Bearer gbk_0123456789abcdef.",
        "Bearer gbk_0123456789abcdef.wrong",
        "Bearer gbk_a\x00b.c",
        "Bearer \xff\xfe.\xfd",
        "Bearer ....",
        "Bearer " + "x" * 9000,
        "Bearer " + "[" * 8000,
    ],
)
def test_whoever_has_no_key_is_told_the_same(given: str | None, backend: Backend) -> None:
    """Every wrong credential gets one and the same 401."""
    headers = {} if given is None else {"Authorization": given}
    response = backend.http.get("/v1/grants?tenant=acme", headers=headers)

    assert_problem(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    known = backend.http.get("/v1/grants?tenant=acme").get_json(force=True)
    assert response.get_json(force=True) | {"request_id": ""} == known | {"request_id": ""}


def test_a_right_id_with_a_wrong_secret_is_refused(backend: Backend) -> None:
    """The key's secret half counts, to its last character."""
    changed = backend.key[:-1] + ("A" if backend.key[-1] != "A" else "B")
    response = backend.get("/v1/grants?tenant=acme", headers={"Authorization": changed})
    assert_problem(response, 401, "unauthenticated")


def test_the_scheme_is_not_case_sensitive(backend: Backend) -> None:
    """RFC 9110 section 11.1: `bearer` is `Bearer`."""
    lower = backend.key.replace("Bearer", "bEARER")
    response = backend.get("/v1/grants?tenant=acme", headers={"Authorization": lower})
    assert response.status_code == 200


def test_a_revoke_is_seen_within_a_second(bridge_world: World, backend: Backend) -> None:
    """A key that was in use until just now opens nothing one second after its revocation."""
    bridge_world.grant("u1")
    assert backend.token("u1").status_code == 200

    bridge_world.services.callers.revoke("backend")
    bridge_world.clock.advance(0.99)

    assert_problem(backend.token("u1"), 401, "unauthenticated")


def test_a_revoke_is_seen_within_a_second_by_other_processes(
    bridge_world: World, second: Services
) -> None:
    """What one process revoked, another that had let it in refuses a second later."""
    key = bridge_world.key()
    assert second.gate.admit(key).name == "backend"

    bridge_world.services.callers.revoke("backend")
    bridge_world.clock.advance(0.99)

    with pytest.raises(BridgeError, match="unauthenticated"):
        second.gate.admit(key)


def test_a_proven_key_is_not_looked_up_for_half_a_second(
    bridge_world: World, backend: Backend
) -> None:
    """While it is remembered a key needs no store; the grants of the request still do."""
    gate = bridge_world.services.gate
    gate.admit(backend.key)
    bridge_world.services.store.close()

    assert gate.admit(backend.key).name == "backend"
    bridge_world.clock.advance(0.51)
    with pytest.raises(StoreUnavailableError):
        gate.admit(backend.key)


def test_the_time_that_a_proof_takes_counts(
    bridge_world: World, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key read from a slow store is not remembered beyond half a second of that reading."""
    services = bridge_world.services
    proven = services.callers.authenticated
    proofs: list[str] = []

    def slowly(credential: Secret) -> CallerKey | None:
        key = proven(credential)
        proofs.append("one")
        bridge_world.clock.advance(0.4)
        return key

    monkeypatch.setattr(services.callers, "authenticated", slowly)
    services.gate.admit(backend.key)
    bridge_world.clock.advance(0.2)
    services.gate.admit(backend.key)
    assert len(proofs) == 2


def test_an_expired_key_is_refused(bridge_world: World, backend: Backend) -> None:
    """A key lives until its time and no longer."""
    at = int(bridge_world.clock.now()) + 100
    _, secret = bridge_world.services.callers.rotate("backend", at)
    short = Backend(backend.http, f"Bearer {secret.reveal()}")
    assert short.get("/v1/grants?tenant=acme").status_code == 200

    bridge_world.clock.advance(101)

    assert_problem(short.get("/v1/grants?tenant=acme"), 401, "unauthenticated")
    assert backend.get("/v1/grants?tenant=acme").status_code == 200


def test_two_keys_of_a_caller_work_side_by_side(bridge_world: World, backend: Backend) -> None:
    """A rotation has both keys live; ending the old one leaves the new one."""
    new, secret = bridge_world.services.callers.rotate("backend", None)
    fresh = Backend(backend.http, f"Bearer {secret.reveal()}")
    old = next(key.id for key in bridge_world.services.callers.of("backend") if key.id != new.id)
    assert {b.get("/v1/grants?tenant=acme").status_code for b in (backend, fresh)} == {200}

    bridge_world.services.callers.revoke("backend", old)
    bridge_world.clock.advance(1)

    assert_problem(backend.get("/v1/grants?tenant=acme"), 401, "unauthenticated")
    assert fresh.get("/v1/grants?tenant=acme").status_code == 200


def test_guesses_are_not_remembered(bridge_world: World) -> None:
    """A flood of wrong keys fills no memory: each is looked up and dropped."""
    gate = bridge_world.services.gate
    for number in range(200):
        with pytest.raises(BridgeError, match="unauthenticated"):
            gate.admit(f"Bearer gbk_{number:016x}.guess")
    assert most_remembered(gate) == 0


def test_many_threads_with_more_keys_than_are_remembered_all_get_in(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emptying the memory under load costs a proof, and never lets the wrong caller in."""
    monkeypatch.setattr("bridge.admin.gate._MOST_REMEMBERED", 4)
    gate = bridge_world.services.gate
    keys = {f"caller-{n}": bridge_world.key(f"caller-{n}") for n in range(12)}
    ready = threading.Barrier(8)

    def admit(offset: int) -> bool:
        ready.wait()
        names = list(keys)[offset:] + list(keys)[:offset]
        return all(gate.admit(keys[name]).name == name for _ in range(5) for name in names)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(admit, range(8)))
    assert 0 < most_remembered(gate) <= 4 + 8


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/v1/token", "token"),
        ("POST", "/v1/tokens", "token"),
        ("GET", "/v1/grants?tenant=acme", "grants:read"),
        ("GET", "/v1/grants/{grant}", "grants:read"),
        ("DELETE", "/v1/grants/{grant}", "grants:forget"),
        ("POST", "/v1/grants/{grant}/revoke", "grants:revoke"),
        ("POST", "/v1/preflight", "preflight"),
        ("POST", "/v1/profiles/strip", "profiles"),
    ],
)
def test_every_operation_needs_its_own_permission(
    method: str, path: str, needed: str, bridge_world: World, backend: Backend
) -> None:
    """A caller with all permissions but one is refused just there, and nothing has changed."""
    grant = bridge_world.grant("u1")
    every = {"token", "grants:read", "grants:forget", "grants:revoke", "preflight", "profiles"}
    poor = another(bridge_world, backend, "poor", permissions=every - {needed})
    asked = {"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}
    bodies: dict[str, object] = {
        "/v1/token": asked,
        "/v1/tokens": {"requests": [asked]},
        "/v1/preflight": asked,
        "/v1/profiles/strip": {"profile": {}},
        "/v1/grants/{grant}/revoke": {},
    }
    body = bodies.get(path)

    response = poor.open(method, path.replace("{grant}", grant.id), json=body)

    assert_problem(response, 403, "forbidden")
    assert bridge_world.grant_of("u1") == grant


def test_a_caller_sees_its_own_tenants_alone(bridge_world: World, backend: Backend) -> None:
    """For a caller of one tenant another one's grants do not exist, whatever it tries."""
    grant = bridge_world.grant("u1")
    foreign = another(bridge_world, backend, "foreign", tenants=[OTHER])
    unknown = "g_" + "A" * 32

    for method, path in (
        ("GET", "/v1/grants/{}"),
        ("DELETE", "/v1/grants/{}"),
        ("POST", "/v1/grants/{}/revoke"),
    ):
        body: dict[str, str] | None = {} if method == "POST" else None
        theirs = foreign.open(method, path.format(grant.id), json=body)
        nobodys = foreign.open(method, path.format(unknown), json=body)
        assert_problem(theirs, 404, "grant_missing")
        same = {"request_id": ""}
        assert theirs.get_json() | same == nobodys.get_json() | same
    pinned = {"grant": grant.id, "scopes": [CALENDAR]}
    theirs = foreign.post("/v1/token", pinned)
    nobodys = foreign.post("/v1/token", pinned | {"grant": unknown})
    assert theirs.get_json() | {"request_id": ""} == nobodys.get_json() | {"request_id": ""}
    assert_problem(foreign.token("u1"), 404, "grant_missing")
    assert_problem(foreign.get(f"/v1/grants?tenant={TENANT}"), 404, "not_found", field="tenant")
    assert bridge_world.grant_of("u1") == grant


def test_a_caller_gets_no_scope_beyond_its_allowance(bridge_world: World, backend: Backend) -> None:
    """A scope that the caller may not have is refused by its place, though the grant holds it."""
    bridge_world.grant("u1")
    narrow = another(bridge_world, backend, "narrow", scopes=["openid"])
    assert_problem(narrow.token("u1"), 403, "forbidden", field="scopes[0]")
