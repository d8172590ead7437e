"""What each IdP is told: always for offline access, and by one parameter alone to ask again."""

from __future__ import annotations

import itertools

import pytest

from bridge.idp.dialects import DIALECTS, ConsentParameter, Idp, Wish, parameters

CALENDAR = "https://www.googleapis.com/auth/calendar"
DRIVE = "https://www.googleapis.com/auth/drive"
ASK = Wish(scopes=(CALENDAR, DRIVE), account_sub="108", email="ann@gmail.com")


def forced(idp: Idp, by: ConsentParameter | None = None) -> Wish:
    return Wish(scopes=(CALENDAR,), forces=by or DIALECTS[idp].consent[0])


def test_keycloak_is_told_the_provider_and_the_prompt() -> None:
    """Scopes are its own configuration's, and so they are not sent."""
    assert parameters(Idp.KEYCLOAK, ASK) == {
        "access_type": "offline",
        "kc_idp_hint": "google",
        "login_hint": "ann@gmail.com",
    }
    assert parameters(Idp.KEYCLOAK, forced(Idp.KEYCLOAK))["prompt"] == "consent"


def test_auth0_is_told_the_connection_and_its_scopes() -> None:
    """Separated by commas, and never in `scope`, which is Auth0's own."""
    assert parameters(Idp.AUTH0, ASK) == {
        "access_type": "offline",
        "connection": "google-oauth2",
        "connection_scope": f"{CALENDAR},{DRIVE}",
        "login_hint": "ann@gmail.com",
    }


def test_auth0_is_told_to_ask_again_in_either_way() -> None:
    """By `approval_prompt=force` as a rule, by `prompt=consent` where that is wanted."""
    usual = parameters(Idp.AUTH0, forced(Idp.AUTH0))
    assert (usual["approval_prompt"], "prompt" in usual) == ("force", False)
    other = parameters(Idp.AUTH0, forced(Idp.AUTH0, ConsentParameter.PROMPT))
    assert (other["prompt"], "approval_prompt" in other) == ("consent", False)


def test_google_is_told_all_scopes_and_the_account_by_its_identity() -> None:
    """An email changes hands; a `sub` does not."""
    assert parameters(Idp.GOOGLE, ASK) == {
        "access_type": "offline",
        "scope": f"openid email profile {CALENDAR} {DRIVE}",
        "login_hint": "108",
    }
    assert parameters(Idp.GOOGLE, Wish(includes_granted=True))["include_granted_scopes"] == "true"


@pytest.mark.parametrize(
    ("idp", "name"), [(Idp.KEYCLOAK, "kc_idp_hint"), (Idp.AUTH0, "connection")]
)
def test_the_connection_may_have_another_name(idp: Idp, name: str) -> None:
    """Whatever the admin of the IdP called it."""
    assert parameters(idp, Wish(connection="acme-google"))[name] == "acme-google"


@pytest.mark.parametrize("idp", Idp)
@pytest.mark.parametrize("forces", [None, *ConsentParameter])
@pytest.mark.parametrize("account", list(itertools.product([None, "108"], [None, "a@b.c"])))
def test_offline_is_always_wanted_and_two_prompts_never(
    idp: Idp, forces: ConsentParameter | None, account: tuple[str | None, str | None]
) -> None:
    """Google refuses `prompt` beside `approval_prompt`, and gives no token without `offline`."""
    sub, email = account
    told = parameters(idp, Wish(forces=forces, account_sub=sub, email=email))
    assert told["access_type"] == "offline"
    prompts = {"prompt", "approval_prompt"} & told.keys()
    assert prompts == (set() if forces is None else {forces.value})
    assert ("login_hint" in told) == any(account)
    assert all(told.values())


@pytest.mark.parametrize("idp", Idp)
def test_every_idp_can_be_told_to_ask_again(idp: Idp) -> None:
    """The first of its parameters is the usual one."""
    assert DIALECTS[idp].consent
