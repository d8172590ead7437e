"""Callers that present a JWT of a configured issuer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.errors import BridgeError
from bridge.services import build
from tests.kit import CALENDAR, DRIVE, OTHER, SIGN_IN, TENANT, World
from tests.web.conftest import Backend, Issuer, assert_problem


def asking(world: World, key: str) -> Backend:
    return Backend(world.http, key)


def refused(world: World, key: str) -> bool:
    """Tell whether a credential is turned away, as any other wrong one is."""
    response = asking(world, key).get(f"/v1/grants?tenant={TENANT}")
    if response.status_code == 401:
        assert_problem(response, 401, "unauthenticated")
    else:
        assert response.status_code == 200, response.text
    return response.status_code == 401


def raw(header: object, claims: object, signature: bytes = b"sig") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return "Bearer " + ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_a_good_token_gets_what_its_issuer_is_allowed(
    kid: str, with_issuer: World, issuer: Issuer
) -> None:
    """RS256 and ES256 let the backend in, with the tenants, scopes and permissions configured."""
    with_issuer.grant("u1", f"{SIGN_IN} {CALENDAR} {DRIVE}")
    key = issuer.token(with_issuer.clock.now(), kid)
    caller = with_issuer.services.gate.admit(key)
    assert caller.name == "calendar-sync"
    assert caller.tenants == frozenset({TENANT})
    assert caller.scopes == frozenset({CALENDAR})
    assert caller.permissions == {"token", "grants:read"}

    backend = asking(with_issuer, key)
    assert DRIVE not in backend.token("u1").get_json()["scope"]
    assert_problem(backend.token("u1", scopes=[DRIVE]), 403, "forbidden", field="scopes[0]")
    assert_problem(backend.get(f"/v1/grants?tenant={OTHER}"), 404, "not_found")
    assert_problem(backend.delete(f"/v1/grants/{with_issuer.grant_of('u1').id}"), 403, "forbidden")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": 7},
        {"iss": ["x"]},
        {"aud": "something-else"},
        {"aud": []},
        {"aud": None},
        {"aud": {"grantbridge": 1}},
        {"azp": "another-app"},
        {"azp": None},
        {"azp": ["calendar-sync"]},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 1e308},
        {"exp": True},
        {"nbf": 2**39},
        {"nbf": "now"},
        {"iat": 2**39},
        {"typ": "ID"},
        {"typ": "Logout"},
        {"typ": ["Bearer"]},
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
    ],
    ids=str,
)
def test_a_signed_token_with_wrong_claims_is_refused(
    changes: dict[str, Any], with_issuer: World, issuer: Issuer
) -> None:
    """Every claim that counts is checked, though the issuer itself signed it."""
    assert not refused(with_issuer, issuer.token(with_issuer.clock.now()))
    assert refused(with_issuer, issuer.token(with_issuer.clock.now(), header=None, **changes))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": 7},
        {"kid": "unheard-of"},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": "exp"},
    ],
    ids=str,
)
def test_a_token_made_for_something_else_is_refused(
    header: dict[str, Any], with_issuer: World, issuer: Issuer
) -> None:
    """`typ`, `kid` and `crit` of the header are minded."""
    assert refused(with_issuer, issuer.token(with_issuer.clock.now(), header=header))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_an_access_token_by_any_of_its_names_is_taken(
    kind: str | None, with_issuer: World, issuer: Issuer
) -> None:
    """RFC 9068's type, the plain one and none at all may be an access token's."""
    assert not refused(with_issuer, issuer.token(with_issuer.clock.now(), header={"typ": kind}))


def test_a_token_is_good_until_its_expiry_and_a_minute(with_issuer: World, issuer: Issuer) -> None:
    """Clocks may differ by a minute; the bridge's own is what counts."""
    key = issuer.token(with_issuer.clock.now())
    with_issuer.clock.advance(355)
    assert not refused(with_issuer, key)
    with_issuer.clock.advance(10)
    assert refused(with_issuer, key)


def test_no_signature_opens_nothing(with_issuer: World, issuer: Issuer) -> None:
    """`alg: none` is refused in any spelling, with and without a signature."""
    claims = issuer.claims(with_issuer.clock.now())
    for spelling in ("none", "None", "NONE", "", None, ["RS256"], {"RS256": 1}):
        for signature in (b"", b"sig"):
            assert refused(with_issuer, raw({"alg": spelling, "kid": "rsa"}, claims, signature)), (
                spelling
            )
    assert issuer.fetches == 0


def test_the_public_key_is_no_shared_secret(with_issuer: World, issuer: Issuer) -> None:
    """HS256 keyed with the issuer's public key, the classic confusion, is refused unasked."""
    public = issuer.keys["rsa"].public_key()
    for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1):
        secret = public.public_bytes(Encoding.PEM, form)
        unsigned = raw({"alg": "HS256", "kid": "rsa"}, issuer.claims(with_issuer.clock.now()))
        signed_part = unsigned.removeprefix("Bearer ").rpartition(".")[0]
        mac = base64.urlsafe_b64encode(hmac.digest(secret, signed_part.encode(), hashlib.sha256))
        assert refused(with_issuer, f"Bearer {signed_part}.{mac.rstrip(b'=').decode()}")
    assert issuer.fetches == 0


def test_another_key_under_a_known_name_is_refused(with_issuer: World, issuer: Issuer) -> None:
    """A signature by a key that the issuer does not list proves nothing."""
    assert refused(
        with_issuer, issuer.token(with_issuer.clock.now(), "other", header={"kid": "rsa"})
    )


def test_a_key_and_its_algorithm_belong_together(with_issuer: World, issuer: Issuer) -> None:
    """A header that names the EC key for RS256, or the RSA key for ES256, is refused."""
    now = with_issuer.clock.now()
    assert refused(with_issuer, issuer.token(now, "rsa", header={"kid": "ec"}))
    assert refused(with_issuer, issuer.token(now, "ec", header={"kid": "rsa"}))


def test_a_key_in_the_token_itself_is_not_looked_at(with_issuer: World, issuer: Issuer) -> None:
    """`jwk`, `jku` and `x5u` of the header are an attacker's to write."""
    jwk = issuer.jwk("other")
    header = {"kid": "other", "jwk": jwk, "jku": "http://127.0.0.1:9/keys", "x5u": "http://x"}
    assert refused(with_issuer, issuer.token(with_issuer.clock.now(), "other", header=header))


def test_a_short_key_of_the_issuer_is_refused(
    with_issuer: World, issuer: Issuer, private_keys: Mapping[str, Any]
) -> None:
    """A 1024-bit RSA key can be factored: what it signs proves nothing."""
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused here
    issuer.keys = {**private_keys, "short": short}
    issuer.listed.append("short")
    with pytest.warns(UserWarning, match="key"):
        key = issuer.token(with_issuer.clock.now(), "short")
    assert refused(with_issuer, key)


@pytest.mark.parametrize(
    "part",
    [b"[" * 6000, b'{"a":' * 1200, b"1" * 6000, b'{"iss":1' + b"0" * 5000 + b"}", b"\xff" * 100],
    ids=["deep list", "deep object", "digits", "huge number", "no UTF-8"],
)
def test_a_monstrous_token_is_a_plain_refusal(part: bytes, with_issuer: World) -> None:
    """Deep nesting, endless numbers and broken text are a 401, never a 5xx."""
    segment = base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"rsa"}').rstrip(b"=").decode()
    for token in (
        f"{segment}.e30.c2ln",
        f"{header}.{segment}.c2ln",
        f"{header}.e30.{segment}",
        f"{segment}.{segment}.{segment}.{segment}",
    ):
        assert refused(with_issuer, f"Bearer {token}")


def test_a_flood_of_unknown_keys_is_one_fetch_a_minute(with_issuer: World, issuer: Issuer) -> None:
    """Made-up key ids do not have the bridge hammer the issuer, and good tokens go on working."""
    now = with_issuer.clock.now()
    for number in range(50):
        assert refused(with_issuer, issuer.token(now, header={"kid": f"made-up-{number}"}))
    assert issuer.fetches == 1
    assert not refused(with_issuer, issuer.token(now))
    assert issuer.fetches == 1


def test_a_key_that_the_issuer_adds_is_found(with_issuer: World, issuer: Issuer) -> None:
    """A rotation at the issuer needs nothing here but its minute."""
    assert not refused(with_issuer, issuer.token(with_issuer.clock.now()))
    issuer.listed.append("other")
    with_issuer.clock.advance(61)
    assert not refused(with_issuer, issuer.token(with_issuer.clock.now(), "other"))


def test_an_issuer_that_is_down_is_no_proof_of_guilt(with_issuer: World, issuer: Issuer) -> None:
    """Without its keys nothing can be told: 503 with a time to try again, then it works."""
    issuer.is_up = False
    key = issuer.token(with_issuer.clock.now())
    response = asking(with_issuer, key).get(f"/v1/grants?tenant={TENANT}")
    assert_problem(response, 503, "upstream_unavailable", reason="signing_keys", retry_after=5)
    assert response.headers["Retry-After"] == "5"
    assert "Google" not in response.get_json()["detail"]

    issuer.is_up = True
    with_issuer.clock.advance(5)
    assert not refused(with_issuer, key)


def test_a_verification_is_remembered_for_half_a_second(
    with_issuer: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within it a token is not verified again; after it it is."""
    gate = with_issuer.services.gate
    key = issuer.token(with_issuer.clock.now())
    gate.admit(key)

    def fail(*_args: object, **_more: object) -> None:
        raise AssertionError("verified again")

    with monkeypatch.context() as patched:
        patched.setattr("bridge.admin.jwt_callers.jwt.decode", fail)
        assert gate.admit(key).name == "calendar-sync"
        with_issuer.clock.advance(0.51)
        with pytest.raises(AssertionError, match="verified again"):
            gate.admit(key)
    assert gate.admit(key).name == "calendar-sync"


def test_a_party_taken_out_of_the_configuration_is_refused(
    with_issuer: World, issuer: Issuer
) -> None:
    """The configuration alone decides which of the issuer's apps are let in."""
    key = issuer.token(with_issuer.clock.now())
    settings = with_issuer.config.read_text().replace('"calendar-sync"', '"somebody-else"')
    with_issuer.config.write_text(settings)
    services = build(with_issuer.settings, with_issuer.clock)
    try:
        with pytest.raises(BridgeError, match="unauthenticated"):
            services.gate.admit(key)
    finally:
        services.close()
