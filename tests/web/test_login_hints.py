"""`POST /v1/login-hints`: what a login should ask Google for, known before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BridgeError
from bridge.google.scopes import SIGN_IN as SIGN_IN_SCOPES
from bridge.services import build
from tests.kit import CALENDAR, DAY, DRIVE, OTHER, SIGN_IN, TENANT, World
from tests.web.conftest import Backend, another, assert_problem, http_of

PROMPTS = {"prompt", "approval_prompt"}


def hints(backend: Backend, idp: str = "google", **more: Any) -> dict[str, Any]:
    """Ask for hints; return the answer."""
    response = backend.post("/v1/login-hints", {"tenant": TENANT, "idp": idp} | more)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.get_json()
    parameters = told["parameters"]
    assert parameters["access_type"] == "offline"
    assert bool(PROMPTS & parameters.keys()) == told["consent"]
    assert len(PROMPTS & parameters.keys()) <= 1
    return told


def scopes(told: dict[str, Any]) -> set[str]:
    """Return the scopes beyond those of signing in that a request to Google names."""
    return set(told["parameters"]["scope"].split()) - SIGN_IN_SCOPES - set(SIGN_IN.split())


def needy(world: World, subject: str, *wanted: str) -> None:
    """Have a backend ask in vain for a subject."""
    with pytest.raises(BridgeError):
        world.read(subject, *(wanted or (CALENDAR,)))


def configured(world: World, **tenant: str) -> Backend:
    """Start the bridge anew with more settings of its first tenant; return a backend of it."""
    lines = "\n".join(f"{name} = {value}" for name, value in tenant.items())
    header = f"[tenants.{TENANT}]\n"
    world.services.close()
    world.config.write_text(world.toml().replace(header, f"{header}{lines}\n"))
    world.services = build(world.settings, world.clock)
    return Backend(http_of(world), world.key())


def test_nobody_is_asked_whose_grant_works(bridge_world: World, backend: Backend) -> None:
    """The login asks for what is held, so that Google shows nothing, and names the account."""
    account = bridge_world.account("ann@gmail.com")
    bridge_world.grant("u1", account=account)
    bridge_world.read("u1")
    told = hints(backend, subject="u1")
    assert (told["consent"], told["reason"]) == (False, "grant_usable")
    assert scopes(told) == {CALENDAR}
    assert told["parameters"]["login_hint"] == account.sub

    by_hints = bridge_world.sign_in(account, told["parameters"]["scope"], prompt="")
    assert by_hints.refresh_token is None


def test_consent_is_forced_where_the_login_would_force_it(
    bridge_world: World, backend: Backend
) -> None:
    """A dead grant that a backend needs: one trip to Google mends it."""
    account = bridge_world.account()
    bridge_world.grant("u1", account=account)
    bridge_world.read("u1")
    bridge_world.google.kill_refresh_tokens(account)
    bridge_world.clock.advance(2 * 3600)
    needy(bridge_world, "u1")

    told = hints(backend, subject="u1")
    assert (told["consent"], told["reason"]) == (True, "needed")
    assert told["parameters"]["prompt"] == "consent"

    answer = bridge_world.sign_in(
        account, told["parameters"]["scope"], prompt=told["parameters"]["prompt"]
    )
    bridge_world.login("u1", account, answer)
    assert bridge_world.read("u1").access_token
    assert hints(backend, subject="u1")["consent"] is False


def test_each_idp_is_told_in_its_own_words(bridge_world: World, backend: Backend) -> None:
    """Keycloak by `prompt`, Auth0 by `approval_prompt` unless told otherwise, never by both."""
    needy(bridge_world, "u1")
    keycloak = hints(backend, "keycloak", subject="u1", scopes=[CALENDAR], connection="goo")
    assert keycloak["parameters"] == {
        "access_type": "offline",
        "kc_idp_hint": "goo",
        "prompt": "consent",
    }
    auth0 = hints(backend, "auth0", subject="u1")
    assert auth0["parameters"] == {
        "access_type": "offline",
        "approval_prompt": "force",
        "connection": "google-oauth2",
        "connection_scope": CALENDAR,
    }
    other = hints(backend, "auth0", subject="u1", consent_parameter="prompt")["parameters"]
    assert (other["prompt"], "approval_prompt" in other) == ("consent", False)


def test_keycloak_is_not_told_to_ask_for_what_it_does_not_ask_for(
    bridge_world: World, backend: Backend
) -> None:
    """Its scopes are its configuration's: a need beyond them is no evidence for its round."""
    needy(bridge_world, "u1", DRIVE)
    told = hints(backend, "keycloak", subject="u1", scopes=[CALENDAR])
    assert told["consent"] is False
    assert hints(backend, "auth0", subject="u1")["consent"] is True


def test_what_is_lacking_is_asked_for_beside_what_is_held(
    bridge_world: World, backend: Backend
) -> None:
    """A token with less than the present one would be of no use."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    needy(bridge_world, "u1", DRIVE)
    told = hints(backend, subject="u1")
    assert (told["consent"], told["reason"]) == (True, "needed")
    assert scopes(told) == {CALENDAR, DRIVE}


def test_asking_costs_a_user_nothing(bridge_world: World, backend: Backend) -> None:
    """However often hints were given, the login forces the one consent that it would have."""
    needy(bridge_world, "u1")
    for _ in range(5):
        assert hints(backend, subject="u1")["consent"] is True
    account = bridge_world.account()
    silent = bridge_world.sign_in(account, prompt="", offline=False)
    login = {
        "id": "l1",
        "can_redirect": True,
        "scopes": [CALENDAR],
        "client_id": bridge_world.client.client_id,
    }
    told = bridge_world.login("u1", account, silent, login=login)
    assert (told["decision"], told["reason"]) == ("consent", "needed")


def test_a_resting_user_is_not_shown_what_they_denied(bridge_world: World) -> None:
    """Neither by a forced consent nor by a scope that Google would ask about by itself."""
    backend = configured(bridge_world, required_scopes=f'["{CALENDAR}"]')
    account = bridge_world.account()
    silent = bridge_world.sign_in(account, SIGN_IN, prompt="", offline=False)
    asked = {"can_redirect": True, "scopes": [CALENDAR], "client_id": bridge_world.client.client_id}
    first = bridge_world.login("u1", account, silent, login=asked | {"id": "l1"})
    assert first["decision"] == "consent"
    bridge_world.login("u1", account, silent, login=asked | {"id": "l1", "returned": True})

    told = hints(backend, subject="u1")
    assert (told["consent"], told["reason"]) == (False, "resting")
    assert scopes(told) == set()

    bridge_world.clock.advance(8 * DAY)
    later = hints(backend, subject="u1")
    assert (later["consent"], scopes(later)) == (True, {CALENDAR})


def test_somebody_new_is_asked_for_what_the_app_requires(bridge_world: World) -> None:
    """With a subject that was never seen, with an email, and with nothing at all."""
    backend = configured(bridge_world, required_scopes=f'["{CALENDAR}"]', recovery='"observe"')
    for who in ({"subject": "new"}, {"email": "new@gmail.com"}, {}):
        told = hints(backend, **who)
        assert (told["consent"], scopes(told)) == (False, {CALENDAR})
    assert scopes(hints(backend, scopes=[DRIVE])) == {DRIVE}


def test_an_email_is_passed_on_and_not_looked_up(bridge_world: World, backend: Backend) -> None:
    """A known address and an unknown one get the same answer but for themselves."""
    account = bridge_world.account("ann@gmail.com")
    bridge_world.grant("u1", account=account)
    bridge_world.google.kill_refresh_tokens(account)
    with pytest.raises(BridgeError):
        bridge_world.read("u1")
    known = hints(backend, email="ann@gmail.com")
    unknown = hints(backend, email="bob@gmail.com")
    assert known["parameters"].pop("login_hint") == "ann@gmail.com"
    assert unknown["parameters"].pop("login_hint") == "bob@gmail.com"
    assert known == unknown
    assert known["reason"] == "no_subject"


def test_of_several_accounts_none_is_suggested_unless_named(
    bridge_world: World, backend: Backend
) -> None:
    """The bridge never picks between accounts."""
    one, two = bridge_world.account("one@gmail.com"), bridge_world.account("two@gmail.com")
    for account, wanted in ((one, CALENDAR), (two, DRIVE)):
        bridge_world.login("u1", account, bridge_world.sign_in(account, f"{SIGN_IN} {wanted}"))
        bridge_world.read("u1", wanted, account=account.sub)
    told = hints(backend, subject="u1")
    assert "login_hint" not in told["parameters"]
    assert scopes(told) == set()
    named = hints(backend, "auth0", subject="u1", account=two.sub)["parameters"]
    assert (named["login_hint"], named["connection_scope"]) == ("two@gmail.com", DRIVE)


def test_granted_scopes_are_included_where_the_tenant_says_so(bridge_world: World) -> None:
    """Google's own parameter, and Google's alone."""
    backend = configured(bridge_world, include_granted_scopes="true")
    assert hints(backend)["parameters"]["include_granted_scopes"] == "true"
    assert "include_granted_scopes" not in hints(backend, "auth0")["parameters"]


@pytest.mark.parametrize(
    ("idp", "members", "field"),
    [
        ("google", {"subject": "u1", "email": "a@b.c"}, "email"),
        ("google", {"connection": "google"}, "connection"),
        ("google", {"consent_parameter": "approval_prompt"}, "consent_parameter"),
        ("keycloak", {"consent_parameter": "approval_prompt"}, "consent_parameter"),
        ("auth0", {"consent_parameter": "both"}, "consent_parameter"),
        ("google", {"client": "999-x.apps.googleusercontent.com"}, "client"),
        ("google", {"scopes": ['a"b']}, "scopes[0]"),
        ("okta", {}, "idp"),
    ],
)
def test_what_an_idp_cannot_be_told_is_refused(
    backend: Backend, idp: str, members: dict[str, Any], field: str
) -> None:
    """With the field at fault."""
    response = backend.post("/v1/login-hints", {"tenant": TENANT, "idp": idp} | members)
    assert_problem(response, 400, "invalid_request", field=field)


def test_hints_need_their_own_permission(bridge_world: World, backend: Backend) -> None:
    """Another tenant does not exist, whether it is there or not."""
    body = {"tenant": TENANT, "idp": "google"}
    lesser = another(bridge_world, backend, "lesser", permissions=["token", "grants:read"])
    assert_problem(lesser.post("/v1/login-hints", body), 403, "forbidden")
    elsewhere = another(bridge_world, backend, "elsewhere", tenants=[OTHER])
    assert_problem(elsewhere.post("/v1/login-hints", body), 404, "not_found", field="tenant")
    nobody = backend.post("/v1/login-hints", body | {"tenant": "nobody"})
    assert_problem(nobody, 404, "not_found", field="tenant")
