"""The authorization endpoint in a browser without JavaScript."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.sandbox.conftest import CALENDAR, DAY, DRIVE, Form, World, returned

VERIFIER = "v" * 50
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
WEBVIEW = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36"


def test_the_way_through_the_pages_works_without_javascript(world: World) -> None:
    """Chooser, consent and redirect are plain forms."""
    chooser = world.authorize(access_type="offline")
    assert ("account", world.account.sub) in Form(chooser.text).buttons
    consent = world.submit(chooser, account=world.account.sub)
    assert Form(chooser.text).scripts == Form(consent.text).scripts == 0
    back = returned(world.submit(consent, decision="allow"))
    assert world.redeem(back["code"]).status_code == 200


def test_the_redirect_carries_state_issuer_and_scopes(world: World) -> None:
    """RFC 9207's `iss` and the granted scopes come back with the code."""
    back = world.consent()
    assert back["state"] == "s1"
    assert back["iss"] == "https://accounts.google.com"
    assert set(back["scope"].split()) == {"openid", CALENDAR}


def test_a_denial_is_redirected_back(world: World) -> None:
    """Cancel answers `access_denied` to the client, with state and issuer."""
    world.google.accounts.sign_in(world.account)
    back = returned(world.submit(world.authorize(), decision="deny"))
    assert back == {
        "error": "access_denied",
        "state": "s1",
        "iss": "https://accounts.google.com",
    }


def test_two_data_scopes_get_checkboxes(world: World) -> None:
    """What the user unticks is neither granted nor in the answer's scope."""
    world.google.accounts.sign_in(world.account)
    page = world.authorize(scope=f"openid {CALENDAR} {DRIVE}", access_type="offline")
    assert set(Form(page.text).boxes) == {CALENDAR, DRIVE}
    back = returned(world.submit(page, untick=(DRIVE,), decision="allow"))
    answer = world.redeem(back["code"]).json()
    assert set(answer["scope"].split()) == {"openid", CALENDAR}


def test_one_data_scope_gets_no_checkbox(world: World) -> None:
    """Beside sign-in scopes, a single data scope is all or nothing."""
    world.google.accounts.sign_in(world.account)
    page = world.authorize(scope=f"openid email profile {CALENDAR}")
    assert Form(page.text).boxes == []


def test_unticking_everything_is_a_denial(world: World) -> None:
    """Nothing granted at all answers `access_denied`."""
    world.google.accounts.sign_in(world.account)
    page = world.authorize(scope=f"{CALENDAR} {DRIVE}")
    back = returned(world.submit(page, untick=(CALENDAR, DRIVE), decision="allow"))
    assert back["error"] == "access_denied"


def test_an_unticked_scope_is_asked_for_again(world: World) -> None:
    """The next request for it shows the consent screen once more."""
    world.google.login(world.account, world.client, f"{CALENDAR} {DRIVE}", unticked=DRIVE)
    world.google.accounts.sign_in(world.account)
    assert world.authorize(scope=f"{CALENDAR} {DRIVE}").status_code == 200


def test_prompt_none_answers_from_earlier_consent(world: World) -> None:
    """Signed in and consented, the code comes without a page."""
    world.consent()
    assert "code" in returned(world.authorize(prompt="none"))


def test_prompt_none_never_shows_a_page(world: World) -> None:
    """What would need the user is redirected as an error that says which."""
    assert returned(world.authorize(prompt="none"))["error"] == "login_required"
    world.google.accounts.sign_in(world.account)
    assert returned(world.authorize(prompt="none"))["error"] == "consent_required"
    world.google.accounts.sign_in(world.google.accounts.create())
    error = returned(world.authorize(prompt="none"))["error"]
    assert error == "account_selection_required"


def test_prompt_select_account_shows_the_chooser(world: World) -> None:
    """Even a lone signed-in user must choose; consent is not shown for that."""
    world.consent()
    chooser = world.authorize(prompt="select_account")
    assert Form(chooser.text).action == "/signin/oauth/account"
    back = returned(world.submit(chooser, account=world.account.sub))
    assert back["prompt"] == "none"


@pytest.mark.parametrize("by", ["sub", "email"])
def test_a_login_hint_picks_among_signed_in_accounts(world: World, by: str) -> None:
    """An email or a `sub` saves the chooser."""
    second = world.google.accounts.create("bob@gmail.com")
    world.google.accounts.sign_in(world.account)
    world.google.accounts.sign_in(second)
    assert "Choose an account" in world.authorize().text
    page = world.authorize(login_hint=second.sub if by == "sub" else second.email)
    assert "bob@gmail.com" in page.text
    assert Form(page.text).action == "/signin/oauth/consent"


def test_a_hinted_account_that_is_not_signed_in_is_asked_alone(world: World) -> None:
    """Google would ask that account for its password; the chooser offers no other."""
    second = world.google.accounts.create("bob@gmail.com")
    page = world.authorize(login_hint="bob@gmail.com")
    assert Form(page.text).buttons == [("account", second.sub)]


def test_hd_narrows_the_chooser_and_proves_nothing(world: World) -> None:
    """Only the domain's accounts are offered, but another one gets through by a hint."""
    worker = world.google.accounts.create(hd="corp.example")
    page = world.authorize(hd="corp.example")
    assert Form(page.text).buttons == [("account", worker.sub)]
    world.google.accounts.sign_in(world.account)
    hinted = world.authorize(hd="corp.example", login_hint=world.account.email)
    answer = world.redeem(returned(world.submit(hinted, decision="allow"))["code"]).json()
    assert "hd" not in claims_of(world, answer["id_token"])


def claims_of(world: World, id_token: str) -> dict[str, object]:
    keys = KeySet.import_key_set(world.http.get(world.endpoints["certs"]).json())
    return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)


def test_the_nonce_is_in_the_id_token(world: World) -> None:
    """The request's nonce comes back in the ID token of the exchange."""
    answer = world.redeem(world.consent(nonce="n1")["code"]).json()
    assert claims_of(world, answer["id_token"])["nonce"] == "n1"


@pytest.mark.parametrize(("method", "challenge"), [("S256", S256), ("plain", VERIFIER), (None, "")])
def test_pkce_is_checked_beside_the_secret(
    world: World, method: str | None, challenge: str
) -> None:
    """With a challenge the right verifier is needed; a wrong or missing one uses the code up."""
    asked = {"code_challenge": challenge or VERIFIER, "code_challenge_method": method}
    good = world.consent(**asked)["code"]
    wrong = world.consent(**asked)["code"]
    missing = world.consent(**asked)["code"]
    assert world.redeem(good, code_verifier=VERIFIER).status_code == 200
    assert world.redeem(wrong, code_verifier="w" * 50).json()["error"] == "invalid_grant"
    assert world.redeem(missing).json()["error"] == "invalid_grant"
    assert world.redeem(wrong, code_verifier=VERIFIER).status_code == 400


@pytest.mark.parametrize("how", ["client_secret_post", "client_secret_basic"])
def test_both_client_authentications_work(world: World, how: str) -> None:
    """The secret is taken from the form or from HTTP Basic."""
    client = world.client
    form = {"grant_type": "refresh_token", "refresh_token": world.mint()}
    auth = None
    if how == "client_secret_post":
        form |= {"client_id": client.client_id, "client_secret": client.secrets[0]}
    else:
        auth = (client.client_id, client.secrets[0])
    assert world.http.post(world.endpoints["token"], data=form, auth=auth).status_code == 200
    assert world.google.stats().count(client_id=client.client_id, outcome="ok") == 1


def shown(world: World, error: str, status: int, **changes: str | None) -> None:
    page = world.authorize(**changes)
    assert page.status_code == status
    assert "Location" not in page.headers
    assert f"<code>{error}</code>" in page.text


def test_a_redirect_uri_must_match_exactly(world: World) -> None:
    """One more slash is a mismatch, shown and never redirected."""
    uri = world.client.redirect_uris[0] + "/"
    shown(world, "redirect_uri_mismatch", 400, redirect_uri=uri)


def test_an_unknown_client_is_shown(world: World) -> None:
    """Shown and never redirected: `invalid_client`."""
    shown(world, "invalid_client", 401, client_id="1-x.apps.googleusercontent.com")


def test_a_deleted_or_disabled_client_is_shown(world: World) -> None:
    """Shown and never redirected: `deleted_client` and `disabled_client`."""
    world.google.clients.set_status(world.client, "disabled")
    shown(world, "disabled_client", 401)
    world.google.clients.set_status(world.client, "deleted")
    shown(world, "deleted_client", 401)


def test_an_embedded_browser_is_shown_out(world: World) -> None:
    """Shown and never redirected: `disallowed_useragent` for a web view."""
    world.http.headers["User-Agent"] = WEBVIEW
    shown(world, "disallowed_useragent", 403)


def test_an_admins_policy_is_shown(world: World) -> None:
    """Shown and never redirected: `admin_policy_enforced`."""
    world.google.accounts.sign_in(world.account)
    world.google.accounts.block_scopes(world.account)
    shown(world, "admin_policy_enforced", 400)


def test_an_internal_app_is_shown_to_strangers(world: World) -> None:
    """Shown and never redirected: `org_internal`."""
    world.google.clients.set_internal(world.client, "corp.example")
    world.google.accounts.sign_in(world.account)
    shown(world, "org_internal", 403)


def test_advanced_protection_is_shown(world: World) -> None:
    """Shown and never redirected: `policy_enforced`; signing in alone is allowed."""
    world.google.accounts.protect(world.account)
    world.google.accounts.sign_in(world.account)
    shown(world, "policy_enforced", 400)
    assert Form(world.authorize(scope="openid email").text).action == "/signin/oauth/consent"


def test_someone_who_is_no_test_user_is_shown_out(world: World) -> None:
    """Shown and never redirected: 403 `access_denied` while the app is in testing."""
    world.google.clients.publish(world.client, "testing")
    world.google.clients.set_test_users(world.client, ["bob@gmail.com"])
    world.google.accounts.sign_in(world.account)
    shown(world, "access_denied", 403)
    world.google.clients.set_test_users(world.client, [world.account.email])
    assert world.authorize().status_code == 200


def test_the_limit_of_new_grants_is_shown(world: World) -> None:
    """Shown and never redirected: 403 `rate_limit_exceeded`, until a day has passed."""
    world.google.configure(new_grants_per_day=1)
    world.google.login(world.google.accounts.create(), world.client, CALENDAR)
    world.google.accounts.sign_in(world.account)
    shown(world, "rate_limit_exceeded", 403)
    world.google.advance(DAY)
    assert world.authorize().status_code == 200


@pytest.mark.parametrize("status", ["suspended", "restricted"])
def test_an_account_out_of_order_is_shown_out(world: World, status: str) -> None:
    """A suspended or restricted account gets no further than a page."""
    world.google.accounts.sign_in(world.account)
    act = {"suspended": "suspend", "restricted": "restrict"}[status]
    world.http.post(f"{world.url}/sandbox/accounts/{world.account.sub}/{act}")
    shown(world, "access_denied", 403)


def test_invalid_scopes_are_shown(world: World) -> None:
    """Shown and never redirected: `invalid_scope` with which are valid and which not."""
    page = world.authorize(scope=f"{CALENDAR} calendar")
    assert page.status_code == 400
    assert f"{{valid=[{CALENDAR}], invalid=[calendar]}}" in page.text


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"redirect_uri": None},
        {"response_type": None},
        {"scope": None},
        {"access_type": "sometimes"},
        {"prompt": "force"},
        {"prompt": "none consent"},
        {"approval_prompt": "always"},
        {"code_challenge": "short"},
        {"code_challenge_method": "S256"},
        {"code_challenge": S256, "code_challenge_method": "S512"},
    ],
)
def test_malformed_requests_are_shown(world: World, change: dict[str, str | None]) -> None:
    """Missing and senseless parameters are told on Google's own page."""
    shown(world, "invalid_request", 400, **change)


def test_other_response_types_are_shown(world: World) -> None:
    """Only codes are handed out."""
    shown(world, "unsupported_response_type", 400, response_type="token")


def test_a_consent_form_works_once(world: World) -> None:
    """A page that was submitted before is out of date."""
    world.google.accounts.sign_in(world.account)
    page = world.authorize()
    world.submit(page, decision="allow")
    again = world.submit(page, decision="allow")
    assert again.status_code == 400
    assert "out of date" in again.text


def test_a_redirect_uris_own_query_is_kept(world: World) -> None:
    """The answer's parameters are added to those that the URI has."""
    uri = "https://app.example.com/callback?tenant=a"
    world.google.clients.set_redirect_uris(world.client, [uri])
    world.google.accounts.sign_in(world.account)
    back = world.submit(world.authorize(redirect_uri=uri), decision="allow")
    query = parse_qs(urlsplit(back.headers["Location"]).query)
    assert query["tenant"] == ["a"]
    assert "code" in query


def test_what_a_page_shows_is_escaped(world: World) -> None:
    """A scope cannot put markup on the page."""
    page = world.authorize(scope="<script>alert(1)</script>")
    assert "<script>" not in page.text


def test_consent_screens_are_counted_by_account_and_client(world: World) -> None:
    """Each screen counts once, and a silent sign-in does not."""
    world.consent()
    world.consent()
    key = (world.account.sub, world.client.client_id)
    assert world.google.stats().consent_screens == {key: 1}
    world.consent(prompt="consent")
    assert world.google.stats().consent_screens == {key: 2}
