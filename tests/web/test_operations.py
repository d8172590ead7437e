"""The operations beside grants and tokens: health, version, keys, profiles."""

from __future__ import annotations

from typing import Any

from bridge import __version__
from tests.kit import World
from tests.web.conftest import Backend, assert_problem, other_record_keys


def test_health_needs_no_key(bridge_world: World) -> None:
    """Orchestrators ask without credentials."""
    http = bridge_world.http
    assert http.get("/live").get_json() == {"status": "live"}
    assert http.get("/ready").get_json() == {"status": "ready", "risks": []}
    assert http.get("/version").get_json() == {"name": "grantbridge", "version": __version__}


def test_a_bridge_with_the_wrong_keys_is_not_ready(bridge_world: World) -> None:
    """Readiness fails where records could not be opened; the process lives all the same."""
    bridge_world.grant("u1")
    other_record_keys(bridge_world)
    assert_problem(bridge_world.http.get("/ready"), 503, "key_unavailable")
    assert bridge_world.http.get("/live").status_code == 200


def test_the_hooks_keys_are_public_ones(bridge_world: World) -> None:
    """The JWK set has what a sender needs, and no private part."""
    [key] = bridge_world.http.get("/.well-known/jwks.json").get_json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "enc", "ECDH-ES")


def test_a_profile_comes_back_without_its_tokens(backend: Backend) -> None:
    """What was a token is gone and its place told; the rest is as it was."""
    token = "1//0" + "gKx7_Qe-Ab9" * 9
    profile = {
        "name": "Ada",
        "identities": [{"provider": "google-oauth2", "refresh_token": token, "user_id": "1"}],
        "app_metadata": {"count": 10**30, "ratio": 0.1, "ok": True, "none": None},
    }

    response = backend.post("/v1/profiles/strip", {"profile": profile})

    assert response.status_code == 200
    answer = response.get_json()
    assert token not in response.text
    assert [removed["path"] for removed in answer["removed"]] == ["/identities/0/refresh_token"]
    assert set(answer["removed"][0]) == {"path", "why"}
    assert answer["profile"] == profile | {
        "identities": [{"provider": "google-oauth2", "user_id": "1"}]
    }


def test_a_profile_of_any_json_is_taken(backend: Backend) -> None:
    """A profile need not be an object."""
    profiles: list[Any] = [{}, [], "text", 7, 1.5, None, True, {"": ""}, {"a": {"b": [[]]}}]
    for profile in profiles:
        response = backend.post("/v1/profiles/strip", {"profile": profile})
        assert response.status_code == 200, response.text
        assert response.get_json() == {"profile": profile, "removed": []}


def test_a_profile_that_is_too_much_is_refused(backend: Backend) -> None:
    """Too deep, too large or no JSON is a 400 or 413, never a 5xx."""
    deep = b'{"profile":' + b"[" * 5000 + b"]" * 5000 + b"}"
    response = backend.open(
        "POST", "/v1/profiles/strip", data=deep, content_type="application/json"
    )
    assert_problem(response, 400, "invalid_request")
    moderate = b'{"profile":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}"
    response = backend.open(
        "POST", "/v1/profiles/strip", data=moderate, content_type="application/json"
    )
    assert_problem(response, 400, "invalid_request", field="profile")
    large = {"profile": "x" * 2**20}
    assert_problem(backend.post("/v1/profiles/strip", large), 413, "too_large")
    assert_problem(backend.post("/v1/profiles/strip", {}), 400, "invalid_request", field="profile")
