"""The DPoP row: refresh tokens bound to a key at the code exchange."""

from __future__ import annotations

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.sandbox.conftest import World


def proof(world: World, key: ECKey, **changes: object) -> str:
    claims: dict[str, object] = {
        "htm": "POST",
        "htu": world.endpoints["token"],
        "iat": int(world.google.now()),
        "jti": "j1",
        "nonce": world.google.dpop_nonce,
        **changes,
    }
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key, algorithms=["ES256"])


def bound(world: World, key: ECKey) -> str:
    world.http.headers["DPoP"] = proof(world, key)
    answer = world.redeem(world.consent(access_type="offline")["code"]).json()
    assert answer["token_type"] == "Bearer"
    return str(answer["refresh_token"])


def test_a_bound_token_needs_its_key_at_every_refresh(world: World) -> None:
    """The same key refreshes; another key or none does not."""
    key = ECKey.generate_key("P-256")
    token = bound(world, key)
    assert world.refresh(token).status_code == 200
    world.http.headers["DPoP"] = proof(world, ECKey.generate_key("P-256"))
    assert world.refresh(token).json()["error"] == "invalid_dpop_proof"
    del world.http.headers["DPoP"]
    assert world.refresh(token).json()["error"] == "invalid_dpop_proof"


def test_a_proof_without_the_nonce_is_told_the_nonce(world: World) -> None:
    """`use_dpop_nonce` comes with the nonce, and the retry with it takes the same code."""
    key = ECKey.generate_key("P-256")
    code = world.consent()["code"]
    world.http.headers["DPoP"] = proof(world, key, nonce="old")
    first = world.redeem(code)
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    world.http.headers["DPoP"] = proof(world, key, nonce=first.headers["DPoP-Nonce"])
    assert world.redeem(code).status_code == 200


def test_a_token_exchanged_without_a_proof_is_not_bound(world: World) -> None:
    """What an IdP exchanged refreshes with or without a proof."""
    token = world.mint()
    assert world.refresh(token).status_code == 200
    world.http.headers["DPoP"] = proof(world, ECKey.generate_key("P-256"))
    assert world.refresh(token).status_code == 200


@pytest.mark.parametrize(
    "change", [{"htm": "GET"}, {"htu": "https://elsewhere.example/token"}, {"iat": 1}]
)
def test_a_proof_for_something_else_is_refused(world: World, change: dict[str, object]) -> None:
    """Method, URL and time are checked."""
    world.http.headers["DPoP"] = proof(world, ECKey.generate_key("P-256"), **change)
    assert world.refresh(world.mint()).json()["error"] == "invalid_dpop_proof"


def test_garbage_is_no_proof(world: World) -> None:
    """A header that is no JWT is refused."""
    world.http.headers["DPoP"] = "garbage"
    assert world.refresh(world.mint()).json()["error"] == "invalid_dpop_proof"
