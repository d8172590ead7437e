"""Rows of "Identity"."""

from __future__ import annotations

import jwt as pyjwt
import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from bridge.sandbox import SandboxServer
from tests.sandbox.conftest import CALENDAR, World

EMAIL = "https://www.googleapis.com/auth/userinfo.email"


def claims_of(world: World, id_token: str) -> dict[str, object]:
    keys = KeySet.import_key_set(world.http.get(world.endpoints["certs"]).json())
    return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
def test_the_issuer_has_both_forms(world: World, issuer: str) -> None:
    """With and without the scheme, as the option says."""
    world.google.configure(id_token_issuer=issuer)
    answer = world.google.login(world.account, world.client, "openid")
    assert answer.id_token is not None
    assert claims_of(world, answer.id_token)["iss"] == issuer


def test_an_id_token_names_account_client_and_domain(world: World) -> None:
    """`sub`, `aud`, `azp`, and `hd` for Workspace accounts alone."""
    worker = world.google.accounts.create("w@corp.example", hd="corp.example")
    answer = world.google.login(worker, world.client, "openid email profile", nonce="n", iat=1e9)
    assert answer.id_token is not None
    claims = claims_of(world, answer.id_token)
    assert claims["sub"] == worker.sub
    assert claims["aud"] == claims["azp"] == world.client.client_id
    assert (claims["hd"], claims["email"], claims["nonce"]) == ("corp.example", worker.email, "n")
    assert claims["iat"] == 1_000_000_000


def test_sub_outlives_the_email(world: World) -> None:
    """After a rename the ID token has the same `sub` and another email."""
    token = world.mint("openid email")
    before = claims_of(world, world.refresh(token).json()["id_token"])
    world.google.accounts.rename(world.account, "ann.lee@gmail.com")
    after = claims_of(world, world.refresh(token).json()["id_token"])
    assert before["sub"] == after["sub"]
    assert (before["email"], after["email"]) == ("ann@gmail.com", "ann.lee@gmail.com")


def test_another_library_verifies_the_id_token(world: World) -> None:
    """PyJWT finds the key by `kid` in the JWKS and takes signature, audience and issuer."""
    answer = world.google.login(world.account, world.client, "openid")
    assert answer.id_token is not None
    keys = pyjwt.PyJWKSet.from_dict(world.http.get(world.endpoints["certs"]).json())
    key = keys[pyjwt.get_unverified_header(answer.id_token)["kid"]]
    claims = pyjwt.decode(
        answer.id_token,
        key,
        algorithms=["RS256"],
        audience=world.client.client_id,
        issuer="https://accounts.google.com",
    )
    assert claims["sub"] == world.account.sub


def test_keys_tell_how_long_to_cache_them(world: World) -> None:
    """`Cache-Control` has the configured age."""
    world.google.configure(certs_max_age=60)
    assert "max-age=60" in world.http.get(world.endpoints["certs"]).headers["Cache-Control"]


def test_the_jwks_has_no_private_part(world: World) -> None:
    """Only public members are published."""
    for key in world.http.get(world.endpoints["certs"]).json()["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}


def test_rotation_keeps_the_key_before(world: World) -> None:
    """A token of the last key still verifies; one of the key before that does not."""
    first = world.google.login(world.account, world.client, "openid").id_token
    assert first is not None
    kid = world.google.rotate_keys()
    published = world.http.get(world.endpoints["certs"]).json()["keys"]
    assert published[0]["kid"] == kid
    assert len(published) == 2
    assert claims_of(world, first)["sub"] == world.account.sub
    world.google.rotate_keys()
    with pytest.raises(InvalidKeyIdError):
        claims_of(world, first)


def test_a_restart_brings_new_keys(world: World) -> None:
    """Another sandbox signs with another `kid`."""
    with SandboxServer() as other:
        kids = {str(key["kid"]) for key in other.google.keys.jwks()["keys"]}
    mine = {key["kid"] for key in world.http.get(world.endpoints["certs"]).json()["keys"]}
    assert kids.isdisjoint(mine)


def test_tokeninfo_binds_a_token_to_client_account_and_scopes(world: World) -> None:
    """`aud, sub, scope, exp` of an access token."""
    access = world.refresh(world.mint(f"email {CALENDAR}")).json()["access_token"]
    info = world.http.get(world.endpoints["tokeninfo"], params={"access_token": access}).json()
    assert info["aud"] == world.client.client_id
    assert info["sub"] == world.account.sub
    assert set(info["scope"].split()) == {EMAIL, CALENDAR}
    assert abs(int(info["exp"]) - world.google.now() - 3599) < 5
    assert (info["access_type"], info["email_verified"]) == ("offline", "true")


def test_tokeninfo_takes_a_token_in_the_header_too(world: World) -> None:
    """Keycloak 26.4 asks it so."""
    access = world.refresh(world.mint(f"email {CALENDAR}")).json()["access_token"]
    url = world.endpoints["tokeninfo"]
    asked = world.http.get(url, headers={"Authorization": f"Bearer {access}"})
    assert asked.json()["sub"] == world.account.sub
    assert asked.json()["aud"] == world.client.client_id


def test_tokeninfo_refuses_what_is_dead(world: World) -> None:
    """An expired or unknown token answers 400 `invalid_token`."""
    access = world.refresh(world.mint()).json()["access_token"]
    world.google.advance(3600)
    for text in (access, "ya29.unknown"):
        answer = world.http.post(world.endpoints["tokeninfo"], data={"access_token": text})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_token")


def test_tokeninfo_reads_id_tokens(world: World) -> None:
    """A good ID token's claims come back as texts; a spoiled or expired one is refused."""
    answer = world.google.login(world.account, world.client, "openid email")
    good = answer.id_token or ""
    url = world.endpoints["tokeninfo"]
    info = world.http.get(url, params={"id_token": good}).json()
    assert (info["sub"], info["email_verified"]) == (world.account.sub, "true")
    assert world.http.get(url, params={"id_token": good[:-9]}).status_code == 400
    world.google.advance(3601)
    assert world.http.get(url, params={"id_token": good}).status_code == 400


def test_userinfo_tells_what_the_scopes_open(world: World) -> None:
    """Email and name come with their scopes only; a bad token answers 401."""
    full = world.google.login(world.account, world.client, "openid email profile")
    bare = world.google.login(world.account, world.client, "openid")
    assert world.api("GET", "/v1/userinfo", full.access_token).json() == {
        "sub": world.account.sub,
        "email": "ann@gmail.com",
        "email_verified": True,
        "name": "Ann Lee",
        "given_name": "Ann",
        "family_name": "Lee",
    }
    assert world.api("GET", "/v1/userinfo", bare.access_token).json() == {"sub": world.account.sub}
    assert world.api("GET", "/v1/userinfo", "ya29.none").status_code == 401


def test_a_sub_is_at_most_255_ascii_characters(world: World) -> None:
    """Google's limit holds at the creation of an account."""
    assert len(world.google.accounts.create(sub="1" * 255).sub) == 255
    for sub in ("1" * 256, "é"):
        with pytest.raises(ValueError, match="255"):
            world.google.accounts.create(sub=sub)


def test_discovery_names_the_endpoints(world: World) -> None:
    """The OpenID configuration points at this sandbox, under Google's issuer."""
    found = world.http.get(world.endpoints["discovery"]).json()
    assert found["issuer"] == "https://accounts.google.com"
    assert found["token_endpoint"] == world.endpoints["token"]
    assert found["jwks_uri"] == world.endpoints["certs"]
