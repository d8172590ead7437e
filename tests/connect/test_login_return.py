"""A consent in the middle of a login: the IdP vouches for the account, and gets a signed word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest

from bridge.errors import BridgeError
from bridge.model import Outcome, State
from tests.connect.conftest import (
    HOST,
    LOGIN_RETURN,
    LOGIN_SECRET,
    ConnectWorld,
    is_google,
    parameters_of,
)
from tests.kit import CALENDAR, DRIVE, SIGN_IN, TENANT


def word_in(location: str | None) -> dict[str, Any]:
    """Return what is said at the IdP's return URL, verified as the IdP does."""
    assert (location or "").startswith(LOGIN_RETURN + "?")
    parameters = dict(
        pair.partition("=")[::2] for pair in (location or "").split("?")[1].split("&")
    )
    word: dict[str, Any] = jwt.decode(
        parameters["session_token"],
        LOGIN_SECRET,
        algorithms=["HS256"],
        audience=LOGIN_RETURN,
        issuer=HOST,
        options={"require": ["exp", "iat", "sub", "iss", "aud"]},
    )
    assert parameters.get("state") == word.get("state")
    return word


def test_a_consent_in_the_login_goes_straight_into_the_grant(connect_world: ConnectWorld) -> None:
    """No code and no redemption: the browser goes back into the login with a signed word."""
    account = connect_world.account()
    browser = connect_world.browser(account)
    url = connect_world.login_link("u1", account)
    answer = browser.connect(f"{url}?state=idp-1")
    word = word_in(answer.location)
    assert (word["sub"], word["state"], word["status"]) == ("u1", "idp-1", "connected")
    assert word["exp"] - word["iat"] == 900
    assert "code" not in parameters_of(answer)
    grant = connect_world.grant_of("u1")
    assert (grant.state, grant.account.sub) == (State.ACTIVE, account.sub)
    assert connect_world.read("u1").grant == grant.id


def test_the_word_holds_no_token_and_no_address(connect_world: ConnectWorld) -> None:
    """It is signed, not encrypted: whoever reads it learns a subject and a status."""
    account = connect_world.account()
    url = connect_world.login_link("u1", account)
    answer = connect_world.browser(account).connect(f"{url}?state=s")
    word = word_in(answer.location)
    assert set(word) == {"iss", "aud", "sub", "status", "iat", "exp", "state"}


def test_another_account_than_the_login_s_is_turned_away(connect_world: ConnectWorld) -> None:
    """The IdP vouches for one account; consent of another leaves nothing in the vault."""
    right, wrong = connect_world.account(), connect_world.account()
    url = connect_world.login_link("u1", right)
    browser = connect_world.browser(wrong)
    google = (browser.press(url).location or "").replace(f"login_hint={right.sub}", "x=1")
    page = browser.get(browser.at_google(google, choose=wrong) or "")
    assert page.status_code < 500
    assert connect_world.grants_of("u1") == []
    assert wrong.email in page.text


def test_a_user_who_says_no_goes_on_with_the_login(connect_world: ConnectWorld) -> None:
    """The page of the denial has a way back into the login, whose word says so."""
    account = connect_world.account()
    browser = connect_world.browser(account)
    url = connect_world.login_link("u1", account)
    page = browser.connect(f"{url}?state=idp-1", allow=False)
    assert page.status_code == 200
    [back] = [part for part in page.text.split('"') if part.startswith(LOGIN_RETURN)]
    word = word_in(back.replace("&amp;", "&"))
    assert (word["status"], word["state"], word["sub"]) == ("denied", "idp-1", "u1")
    assert connect_world.grants_of("u1") == []


def test_a_reload_of_the_return_gives_the_word_again(connect_world: ConnectWorld) -> None:
    """The same browser is sent into the same login again, with nothing consented anew."""
    account = connect_world.account()
    browser = connect_world.browser(account)
    url = f"{connect_world.login_link('u1', account)}?state=idp-1"
    home = browser.at_google(browser.press(url).location or "") or ""
    first, again = browser.get(home), browser.get(home)
    assert word_in(first.location)["state"] == word_in(again.location)["state"] == "idp-1"
    assert browser.screens == 1


def test_nobody_else_gets_a_word_of_a_finished_login(connect_world: ConnectWorld) -> None:
    """Whoever opens a used link of a login in another browser gets no signed success."""
    account = connect_world.account()
    url = connect_world.login_link("u1", account)
    connect_world.browser(account).connect(f"{url}?state=idp-1")
    page = connect_world.browser().get(f"{url}?state=of-mallory")
    assert page.status_code == 200
    assert LOGIN_RETURN not in page.text


def test_a_login_s_link_is_not_for_backends(connect_world: ConnectWorld) -> None:
    """Its state is the IdP's affair: no caller is shown it."""
    url = connect_world.login_link("u1", connect_world.account())
    with pytest.raises(BridgeError, match="no such link"):
        connect_world.status(url)


def test_a_login_s_link_lives_a_quarter_of_an_hour(connect_world: ConnectWorld) -> None:
    """Later than that the login itself is over."""
    account = connect_world.account()
    url = connect_world.login_link("u1", account)
    connect_world.clock.advance(15 * 60)
    assert connect_world.browser(account).press(url).status_code == 410


def test_what_the_user_leaves_out_is_said(connect_world: ConnectWorld) -> None:
    """A partial consent goes into the grant too, and the word says partial."""
    account = connect_world.account()
    url = connect_world.login_link("u1", account, CALENDAR, DRIVE)
    answer = connect_world.browser(account).connect(url, untick=(DRIVE,))
    assert word_in(answer.location)["status"] == "partial"
    assert CALENDAR in connect_world.grant_of("u1").granted


def test_a_consent_given_late_counts_for_whoever_had_lost_their_token(
    connect_world: ConnectWorld,
) -> None:
    """A user with a dead grant consents once in the login, and the same grant serves again."""
    account = connect_world.account()
    before = connect_world.grant("u1", f"{SIGN_IN} {CALENDAR}", account=account)
    connect_world.google.kill_refresh_tokens(account)
    with pytest.raises(BridgeError):
        connect_world.read("u1")
    browser = connect_world.browser(account)
    browser.connect(connect_world.login_link("u1", account))
    after = connect_world.grant_of("u1")
    assert (after.id, after.state, browser.screens) == (before.id, State.ACTIVE, 1)
    assert connect_world.services.needs.of("acme", "u1") == []


def test_no_state_is_made_up(connect_world: ConnectWorld) -> None:
    """A link opened without the IdP's state returns without one, for the IdP to refuse."""
    account = connect_world.account()
    answer = connect_world.browser(account).connect(connect_world.login_link("u1", account))
    assert "state" not in word_in(answer.location)
    assert is_google(answer.location) is False


@pytest.mark.parametrize("state", ["x" * 1025, "a\nb", "é"])
def test_an_unsound_state_is_not_passed_on(connect_world: ConnectWorld, state: str) -> None:
    """What no IdP sends is not carried into a signed word."""
    account = connect_world.account()
    browser = connect_world.browser(account)
    url = connect_world.login_link("u1", account)
    location = browser.press(url, query_string={"state": state}).location
    answer = browser.get(browser.at_google(location or "") or "")
    assert "state" not in word_in(answer.location)


def test_the_bridge_gives_no_link_without_somewhere_to_return(connect_world: ConnectWorld) -> None:
    """A tenant whose IdP does not redirect runs its rounds itself."""
    text = connect_world.config.read_text()
    kept = [line for line in text.splitlines() if not line.startswith("login_return")]
    connect_world.rewrite("\n".join(kept))
    with pytest.raises(AssertionError):
        connect_world.login_link("u1", connect_world.account())


@pytest.mark.parametrize(("allow", "outcome"), [(True, Outcome.GIVEN), (False, Outcome.DENIED)])
def test_a_forced_round_is_settled_by_what_the_user_does(
    connect_world: ConnectWorld, *, allow: bool, outcome: Outcome
) -> None:
    """From hook to hook: the answer's `consent_url` is walked, and the round knows its end."""
    account = connect_world.account()
    with pytest.raises(BridgeError):
        connect_world.read("u1")
    login = {"id": "login-1", "can_redirect": True}
    tokens = connect_world.sign_in(account, SIGN_IN, prompt="")
    bare = replace(tokens, refresh_token=None)
    answer = connect_world.login("u1", account, bare, login=login)
    assert answer["decision"] == "consent"
    browser = connect_world.browser(account)
    browser.connect(f"{answer['consent_url']}?state=idp-1", allow=allow)

    [last] = connect_world.services.connecting.callback.rounds.last(TENANT, "u1").values()
    assert last.outcome is outcome
    assert browser.screens == 1
    told = {"id": "login-1", "can_redirect": True, "returned": True}
    decided = connect_world.hook(
        {"type": "decide", "tenant": TENANT, "subject": "u1", "login": told}
        | {"account": {"sub": account.sub}}
    )
    assert decided["decision"] == "continue"
