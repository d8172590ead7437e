"""From a link to a grant, as users go, and what Google is asked for on the way."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.connect.pages import Ask
from bridge.connect.views import ShownStatus
from bridge.google.scopes import SIGN_IN
from bridge.model import State
from tests.connect.conftest import (
    HOST,
    RETURN_TO,
    Browser,
    ConnectWorld,
    code_of,
    is_google,
    parameters_of,
)
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL

MINUTE = 60


def test_a_user_connects_an_account_and_the_backend_gets_its_grant(
    connect_world: ConnectWorld,
) -> None:
    """Link, consent, return and redemption make an active grant that serves a token."""
    account = connect_world.account("ann@gmail.com")
    browser = connect_world.browser(account)
    url = connect_world.link("u1")
    answer = browser.connect(url)

    assert parameters_of(answer)["status"] == "connected"
    assert connect_world.grants_of("u1") == []
    grant = connect_world.redeem(code_of(answer))
    assert grant.state is State.ACTIVE
    assert grant.account.email == "ann@gmail.com"
    assert set(grant.granted) == {*SIGN_IN, CALENDAR}
    assert connect_world.read("u1").grant == grant.id
    assert browser.screens == 1


def test_google_is_asked_for_all_that_protects_the_way_back(connect_world: ConnectWorld) -> None:
    """The trip has state, nonce, PKCE S256, offline access and the registered redirect URI."""
    account = connect_world.account()
    browser = connect_world.browser(account)
    browser.connect(connect_world.link("u1", account=account.sub))
    [asked] = browser.asked
    assert asked["access_type"] == "offline"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{HOST}/oauth/callback"
    assert asked["client_id"] == connect_world.client.client_id
    assert asked["prompt"] == "consent"
    assert asked["login_hint"] == account.sub
    assert set(asked["scope"].split()) == {*SIGN_IN, CALENDAR}
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert "include_granted_scopes" not in asked


def test_consent_is_not_forced_while_a_token_works(connect_world: ConnectWorld) -> None:
    """A user who connects again what works sees no screen, and no refresh token is minted."""
    account = connect_world.account()
    before = connect_world.connected("u1", account=account)
    browser = connect_world.browser(account)
    after = connect_world.redeem(code_of(browser.connect(connect_world.link("u1"))))
    assert browser.screens == 0
    assert "prompt" not in browser.asked[0]
    assert (after.id, after.consents) == (before.id, before.consents) == (before.id, 1)
    assert after.state is State.ACTIVE


def test_further_scopes_are_asked_for_together_with_those_held(
    connect_world: ConnectWorld,
) -> None:
    """An incremental link keeps what the grant has, shows one screen, and widens the same grant."""
    account = connect_world.account()
    before = connect_world.connected("u1", CALENDAR, account=account)
    browser = connect_world.browser(account)
    url = connect_world.link("u1", DRIVE)
    page = connect_world.services.connecting.flow.show(browser.visit(url))
    assert isinstance(page, Ask)
    assert (page.scopes, page.held, page.account) == ((DRIVE,), (CALENDAR,), account.email)

    after = connect_world.redeem(code_of(browser.connect(url)))
    assert set(browser.asked[0]["scope"].split()) == {*SIGN_IN, CALENDAR, DRIVE}
    assert after.id == before.id
    assert {CALENDAR, DRIVE} <= set(after.granted)
    assert browser.screens == 1


def test_a_dead_grant_is_mended_by_one_consent(connect_world: ConnectWorld) -> None:
    """A user whose token died consents once, and the same grant serves again."""
    account = connect_world.account()
    before = connect_world.connected("u1", account=account)
    connect_world.google.kill_refresh_tokens(account)
    connect_world.clock.advance(2 * HOUR)
    with pytest.raises(Exception, match="reauth_required"):
        connect_world.read("u1")
    browser = connect_world.browser(account)
    after = connect_world.redeem(code_of(browser.connect(connect_world.link("u1"))))
    assert (after.id, after.state, browser.screens) == (before.id, State.ACTIVE, 1)
    assert connect_world.read("u1").grant == before.id


def test_an_account_without_a_refresh_token_takes_one_more_trip(
    connect_world: ConnectWorld,
) -> None:
    """Where Google gives none, and the vault holds none, consent is asked for outright, once."""
    first, second = connect_world.account(), connect_world.account()
    connect_world.connected("u1", account=first)
    # The second account's consent is there already, and its refresh token was lost elsewhere.
    connect_world.sign_in(second)
    browser = connect_world.browser(second)
    url = connect_world.link("u1", choose_account=True)
    grant = connect_world.redeem(code_of(browser.connect(url, choose=second)))
    assert grant.account.sub == second.sub
    assert grant.state is State.ACTIVE
    assert [asked.get("prompt") for asked in browser.asked] == ["select_account", "consent"]
    assert browser.asked[1]["login_hint"] == second.sub
    assert browser.screens == 1


def test_what_the_user_leaves_out_is_told(connect_world: ConnectWorld) -> None:
    """An unticked box makes the connection partial, and the backend learns which scope it was."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1", CALENDAR, DRIVE)
    answer = browser.connect(url, untick=(DRIVE,))
    assert parameters_of(answer)["status"] == "partial"
    assert connect_world.status(url) is ShownStatus.PARTIAL
    grant = connect_world.redeem(code_of(answer))
    assert CALENDAR in grant.granted
    assert DRIVE not in grant.granted
    view = connect_world.services.connecting.links.show(
        connect_world.caller(), connect_world.id_of(url)
    )
    assert (view.missing, view.grant) == ((DRIVE,), grant.id)


def test_a_narrower_consent_does_not_take_the_wider_token_away(
    connect_world: ConnectWorld,
) -> None:
    """A user who unticks what the grant has keeps the grant as it was (promise 1)."""
    account = connect_world.account()
    connect_world.connected("u1", CALENDAR, DRIVE, account=account)
    browser = connect_world.browser(account)
    url = connect_world.link("u1", MAIL)
    grant = connect_world.redeem(code_of(browser.connect(url, untick=(DRIVE, CALENDAR))))
    assert {CALENDAR, DRIVE} <= set(grant.granted)
    assert grant.spare is not None
    assert MAIL in (grant.spare.scopes or ())


def test_a_second_client_of_the_tenant_is_asked_when_it_is_named(
    connect_world: ConnectWorld,
) -> None:
    """A link for the data client makes a grant of that client beside the sign-in client's."""
    account = connect_world.account()
    connect_world.grant("u1", account=account)
    browser = connect_world.browser(account)
    url = connect_world.link("u1", DRIVE, client=connect_world.data_client.client_id)
    grant = connect_world.redeem(code_of(browser.connect(url)))
    assert grant.client_id == connect_world.data_client.client_id
    assert len(connect_world.grants_of("u1")) == 2


def test_a_client_for_data_is_the_one_that_links_use(connect_world: ConnectWorld) -> None:
    """Without a client in the request, the tenant's one for data is asked."""
    text = connect_world.config.read_text()
    mark = f'client_id = "{connect_world.data_client.client_id}"'
    assert mark in text
    connect_world.rewrite(text.replace(mark, f'{mark}\npurpose = "data"'))
    browser = connect_world.browser(connect_world.account())
    grant = connect_world.redeem(code_of(browser.connect(connect_world.link("u1"))))
    assert grant.client_id == connect_world.data_client.client_id


def test_a_tenant_may_ask_for_all_that_was_granted_before(connect_world: ConnectWorld) -> None:
    """`include_granted_scopes` is sent where the tenant's setting says so."""
    text = connect_world.config.read_text()
    mark = "[tenants.acme]\n"
    connect_world.rewrite(text.replace(mark, f"{mark}include_granted_scopes = true\n"))
    browser = connect_world.browser(connect_world.account())
    browser.connect(connect_world.link("u1"))
    assert browser.asked[0]["include_granted_scopes"] == "true"


def test_another_account_than_the_one_asked_for_is_turned_away(
    connect_world: ConnectWorld,
) -> None:
    """The wrong account leaves nothing, and the next try lets the user choose the right one."""
    right, wrong = connect_world.account("ann@gmail.com"), connect_world.account("bob@gmail.com")
    browser = connect_world.browser(wrong)
    url = connect_world.link("u1", account="Ann@gmail.com")
    assert connect_world.services.connecting.flow.show(browser.visit(url)).back
    page = browser.connect(url, choose=wrong)
    assert page.status_code < 500
    assert "bob@gmail.com" in page.text
    assert "Ann@gmail.com" in page.text
    assert connect_world.status(url) is ShownStatus.WRONG_ACCOUNT
    assert connect_world.grants_of("u1") == []

    browser.accounts = (right, wrong)
    grant = connect_world.redeem(code_of(browser.connect(url, choose=right)))
    assert "select_account" in browser.asked[-1]["prompt"]
    assert grant.account.sub == right.sub


def test_a_user_who_says_no_may_try_again_or_go_back(connect_world: ConnectWorld) -> None:
    """Denied is a page with two ways on; the link works still, and the backend sees it."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    page = browser.connect(url, allow=False)
    assert page.status_code == 200
    assert f"{RETURN_TO}?status=denied" in page.text
    assert connect_world.status(url) is ShownStatus.DENIED
    grant = connect_world.redeem(code_of(browser.connect(url)))
    assert grant.state is State.ACTIVE
    assert connect_world.status(url) is ShownStatus.CONNECTED
    assert connect_world.act_types().count("consent_denied") == 1


def test_a_user_who_never_comes_back_shows_after_a_quarter_of_an_hour(
    connect_world: ConnectWorld,
) -> None:
    """Started becomes abandoned, the link's page says so, and it can still be finished."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    browser.get(url)
    browser.press(url)
    assert connect_world.status(url) is ShownStatus.STARTED
    connect_world.clock.advance(15 * MINUTE)
    assert connect_world.status(url) is ShownStatus.ABANDONED
    page = connect_world.services.connecting.flow.show(browser.visit(url))
    assert isinstance(page, Ask)
    assert page.is_unanswered
    assert connect_world.redeem(code_of(browser.connect(url))).state is State.ACTIVE


def test_a_link_ends_after_an_hour(connect_world: ConnectWorld) -> None:
    """An expired link shows its page with the way back, for its button too."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    connect_world.clock.advance(HOUR)
    for page in (browser.get(url), browser.press(url)):
        assert page.status_code == 410
        assert RETURN_TO in page.text
    assert connect_world.status(url) is ShownStatus.EXPIRED


def test_a_consent_given_shortly_after_the_end_of_the_link_counts(
    connect_world: ConnectWorld,
) -> None:
    """Whoever left for Google in time is not turned away for reading slowly."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    connect_world.clock.advance(59 * MINUTE)
    location = browser.press(url).location
    connect_world.clock.advance(2 * MINUTE)
    home = browser.at_google(location or "")
    assert parameters_of(browser.get(home or ""))["status"] == "connected"


def test_a_consent_screen_left_open_for_hours_is_over(connect_world: ConnectWorld) -> None:
    """An answer of a trip that began long ago is not taken up."""
    browser = connect_world.browser(connect_world.account())
    home = browser.at_google(browser.press(connect_world.link("u1")).location or "")
    connect_world.clock.advance(2 * HOUR)
    assert browser.get(home or "").status_code == 410


def test_a_browser_inside_an_app_is_told_to_open_a_real_one(connect_world: ConnectWorld) -> None:
    """Google would refuse it; the page has the link to copy, and the link stays as it was."""
    view = "Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) AppleWebKit/537.36 Chrome/140.0 Mobile"
    url = connect_world.link("u1")
    browser = connect_world.browser(connect_world.account(), user_agent=view)
    for page in (browser.get(url), browser.press(url)):
        assert page.status_code == 200
        assert url in page.text
    assert connect_world.status(url) is ShownStatus.CREATED


def test_a_refused_code_lets_the_user_try_again(connect_world: ConnectWorld) -> None:
    """Google's refusal of a code is a page below 500 whose button leads to a working trip."""
    google = connect_world.google
    google.inject("token", "invalid_grant")
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    page = browser.connect(url)
    assert page.status_code < 500
    assert url.removeprefix(HOST) in page.text
    assert connect_world.status(url) is ShownStatus.FAILED
    assert connect_world.redeem(code_of(browser.connect(url))).state is State.ACTIVE


def test_google_being_away_lets_the_user_try_again(connect_world: ConnectWorld) -> None:
    """An exchange without an answer is a page below 500, and a later try ends well."""
    google = connect_world.google
    google.inject("token", "html_503", times=None)
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    page = browser.connect(url)
    assert page.status_code < 500
    google.interference.clear_faults()
    assert connect_world.redeem(code_of(browser.connect(url))).state is State.ACTIVE


def test_a_client_that_google_refuses_bothers_no_further_user(
    connect_world: ConnectWorld,
) -> None:
    """Once an exchange shows that the client is at fault, links say so instead of asking."""
    google = connect_world.google
    google.inject("token", "invalid_client", times=None)
    first = connect_world.browser(connect_world.account())
    page = first.connect(connect_world.link("u1"))
    assert page.status_code < 500
    second = connect_world.browser(connect_world.account())
    page = second.press(connect_world.link("u2"))
    assert page.status_code < 500
    assert second.asked == []

    google.interference.clear_faults()
    connect_world.clock.advance(HOUR)
    grant = connect_world.redeem(code_of(second.connect(connect_world.link("u2"))), "u2")
    assert grant.state is State.ACTIVE


@pytest.mark.parametrize("answer", ["admin_policy_enforced", "org_internal"])
def test_a_policy_of_the_organisation_has_a_page_of_its_own(
    connect_world: ConnectWorld, answer: str
) -> None:
    """A blocked user is told that an admin stands between, not that something broke."""
    connect_world.google.inject("token", answer)
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    page = browser.connect(url)
    assert page.status_code == 403
    assert connect_world.status(url) is ShownStatus.FAILED
    [link] = [connect_world.services.connecting.links.links.get(connect_world.id_of(url))]
    assert link is not None
    assert link.reason == answer


def test_what_happened_is_told_in_order(connect_world: ConnectWorld) -> None:
    """Link, start, grant and connection are events of the audit record."""
    connect_world.connected("u1")
    told = connect_world.act_types()
    assert told[:2] == ["link_created", "connect_started"]
    assert told[-1] == "connected"
    assert "captured" in told


class TestSeveralWays:
    """Back, reload, two tabs and a lost session end on a page below 500 with a next step."""

    def test_a_reload_of_the_return_leads_to_the_app_again(
        self, connect_world: ConnectWorld
    ) -> None:
        """Until the code is redeemed, the same browser gets the same answer again."""
        browser, _, home = at_home(connect_world)
        first, again = browser.get(home), browser.get(home)
        assert code_of(first) == code_of(again)
        connect_world.redeem(code_of(again))
        after = browser.get(home)
        assert after.status_code == 200
        assert "code=" not in after.text
        assert RETURN_TO in after.text
        assert exchanges(connect_world) == 1

    def test_a_reload_after_a_denial_shows_the_denial_again(
        self, connect_world: ConnectWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The page of a denial stays what it was, and comes without waiting for anything."""
        browser, url, home = at_home(connect_world, allow=False)
        monkeypatch.setattr(connect_world.clock, "sleep", pytest.fail)
        pages = [browser.get(home), browser.get(home)]
        assert [page.status_code for page in pages] == [200, 200]
        assert pages[0].text == pages[1].text
        assert url.removeprefix(HOST) in pages[1].text

    def test_back_and_the_button_once_more_begin_a_new_trip(
        self, connect_world: ConnectWorld
    ) -> None:
        """Whoever goes Back from Google and presses again is asked once, and connected."""
        browser, url, _ = at_google(connect_world)
        assert parameters_of(browser.connect(url))["status"] == "connected"
        assert browser.screens == 1

    def test_of_two_tabs_the_first_one_home_connects(self, connect_world: ConnectWorld) -> None:
        """The older tab's consent counts, and the younger one is told that all is done."""
        browser, url, older = at_google(connect_world)
        younger = browser.press(url).location or ""
        answer = browser.get(browser.at_google(older) or "")
        assert parameters_of(answer)["status"] == "connected"
        late = browser.get(browser.at_google(younger) or "")
        assert late.status_code == 200
        assert "code=" not in late.text
        assert connect_world.redeem(code_of(answer)).state is State.ACTIVE

    def test_a_done_link_opened_again_says_so(self, connect_world: ConnectWorld) -> None:
        """Opening or pressing a used link asks nobody for consent again."""
        browser, url, home = at_home(connect_world)
        connect_world.redeem(code_of(browser.get(home)))
        for page in (browser.get(url), browser.press(url)):
            assert page.status_code == 200
            assert not is_google(page.location)

    def test_a_lost_session_gets_a_page_with_a_way_back(self, connect_world: ConnectWorld) -> None:
        """Without its cookie the answer is thrown away, and the app is one click away."""
        browser, _, home = at_home(connect_world)
        browser.forget_cookies()
        page = browser.get(home)
        assert page.status_code == 403
        assert RETURN_TO in page.text

    def test_a_trip_of_long_ago_can_be_started_again(self, connect_world: ConnectWorld) -> None:
        """A tab that was overtaken by many others ends on a page with a button."""
        browser, url, oldest = at_google(connect_world)
        for _ in range(8):
            browser.press(url)
        page = browser.get(browser.at_google(oldest) or "")
        assert page.status_code == 409
        assert url.removeprefix(HOST) in page.text

    @pytest.mark.parametrize("path", ["/connect/short", "/connect/" + "x" * 43, "/connect/a%00b"])
    def test_a_link_that_is_none_is_a_page(self, connect_world: ConnectWorld, path: str) -> None:
        """Mistyped and cut off links are not found, in words."""
        browser = connect_world.browser(connect_world.account())
        for page in (browser.get(HOST + path), browser.press(HOST + path)):
            assert page.status_code == 404
            assert "<html" in page.text

    @pytest.mark.parametrize("query", ["", "?code=4/abc", "?state=x", "?state=" + "x" * 60])
    def test_a_callback_that_names_no_link_is_a_page(
        self, connect_world: ConnectWorld, query: str
    ) -> None:
        """Whatever comes to the callback without a known state gets a page."""
        page = connect_world.browser(connect_world.account()).get(f"{HOST}/oauth/callback{query}")
        assert page.status_code == 404
        assert "<html" in page.text


def at_google(world: ConnectWorld) -> tuple[Browser, str, str]:
    """Return a browser, its link, and the address at Google to which it was sent."""
    browser = world.browser(world.account())
    url = world.link("u1")
    return browser, url, browser.press(url).location or ""


def at_home(world: ConnectWorld, **choice: Any) -> tuple[Browser, str, str]:
    """Return a browser, its link, and the address to which Google sends it home."""
    browser, url, google = at_google(world)
    return browser, url, browser.at_google(google, **choice) or ""


def exchanges(world: ConnectWorld) -> int:
    return world.google.stats().count(grant_type="authorization_code")
