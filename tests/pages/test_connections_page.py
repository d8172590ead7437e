"""The connections page, clicked through in a browser: to Google and back to the app."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from bridge.errors import BridgeError
from bridge.model import State
from tests.browsing import assert_accessible, photograph
from tests.pages.conftest import Site

pytestmark = pytest.mark.slow

ADA = "ada@example.com"
BEA = "bea@example.com"


def opened(page: Page, site: Site, subject: str = "u1", **more: object) -> None:
    """Go to a subject's page by a fresh link."""
    page.goto(site.link(subject, **more))
    page.get_by_role("button", name="Show my connections").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your Google connections")


def consents(page: Page, email: str) -> None:
    """Choose an account at Google if it asks, and allow everything."""
    page.wait_for_url(re.compile(r"/o/oauth2/|/signin/oauth/|/connected"))
    chooser = page.get_by_role("button", name=email)
    if chooser.count():
        chooser.click()
    page.get_by_role("button", name="Allow").click()


def test_a_user_sees_what_is_connected_and_what_it_may_do(page: Page, site: Site) -> None:
    """The page lists the account, its use and its scopes in words."""
    site.signed_in("u1", ADA)
    page.goto(site.link("u1"))
    photograph(page, "connections/1-welcome")
    page.get_by_role("button", name="Show my connections").click()

    expect(page).to_have_url(f"{site.public_url}/connections")
    expect(page.get_by_role("heading", name=ADA)).to_be_visible()
    expect(page.get_by_text("Working")).to_be_visible()
    expect(page.get_by_text("Last used within the last hour")).to_be_visible()
    page.get_by_text("What Acme Planner may do").click()
    expect(page.get_by_text("See, change, share and delete all your calendars")).to_be_visible()
    assert_accessible(page)
    photograph(page, "connections/2-listed")


def test_forgetting_leaves_the_consent_at_google(page: Page, site: Site) -> None:
    """After "Forget here" the bridge holds nothing, and Google's consent is as it was."""
    site.signed_in("u1", ADA)
    opened(page, site)
    page.get_by_role("link", name="Disconnect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Disconnect this account?")
    assert_accessible(page)
    photograph(page, "connections/3-disconnect")
    page.get_by_role("button", name="Forget here").click()

    expect(page.get_by_role("status")).to_contain_text("Google still lists Acme Planner")
    expect(page.get_by_text("No Google account is connected")).to_be_visible()
    photograph(page, "connections/4-forgotten")
    assert site.grants_of("u1") == []
    assert site.google.refresh_tokens(ADA)


def test_ending_at_google_says_what_else_ends_and_ends_it(page: Page, site: Site) -> None:
    """The other connection of the same project is named before, and is broken afterwards."""
    site.data_client_is_for_data()
    site.signed_in("u1", ADA)
    site.signed_in("u1", ADA, client=site.data_client)
    opened(page, site)
    page.get_by_role("link", name="Disconnect ada@example.com, Signing in").click()
    expect(page.get_by_text("This ends too: your connection for your data.")).to_be_visible()
    page.get_by_role("button", name="End it at Google").click()

    expect(page.get_by_role("status")).to_contain_text("Google has ended")
    expect(page.get_by_text("It ended together with another connection")).to_be_visible()
    photograph(page, "connections/5-ended-at-google")
    [left] = site.grants_of("u1")
    assert (left.client_id, left.state) == (site.data_client.client_id, State.REAUTH_REQUIRED)
    assert site.google.refresh_tokens(ADA) == []


def test_a_broken_connection_is_mended_from_the_page(page: Page, site: Site) -> None:
    """Reconnect leads to Google and back to the app, and redeeming the code makes it work again."""
    site.signed_in("u1", ADA)
    site.google.kill_refresh_tokens(ADA, site.client)
    site.fail_once("u1")
    opened(page, site)
    expect(page.get_by_text("Needs you")).to_be_visible()
    page.get_by_role("button", name="Reconnect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect your Google account")
    expect(page.get_by_text(ADA)).to_be_visible()
    page.get_by_role("button", name="Continue to Google").click()
    consents(page, ADA)

    expect(page.get_by_role("heading", name="At the app")).to_be_visible()
    [arrival] = site.app.arrivals
    assert arrival["status"] == "connected"
    site.redeem(arrival["code"], "u1")
    assert site.grant_of("u1").state is State.ACTIVE
    assert site.read("u1").access_token


def test_another_account_is_connected_from_the_page(page: Page, site: Site) -> None:
    """A second account of the user's choice comes beside the first, and both work."""
    site.signed_in("u1", ADA)
    site.account(BEA)
    opened(page, site)
    page.get_by_role("button", name="Connect another account").click()
    page.get_by_role("button", name="Continue to Google").click()
    consents(page, BEA)
    expect(page.get_by_role("heading", name="At the app")).to_be_visible()
    site.redeem(site.app.arrivals[0]["code"], "u1")

    opened(page, site)
    expect(page.get_by_role("heading", name=ADA)).to_be_visible()
    expect(page.get_by_role("heading", name=BEA)).to_be_visible()
    assert [grant.state for grant in site.grants_of("u1")] == [State.ACTIVE] * 2
    photograph(page, "connections/6-two-accounts")


def test_a_way_through_google_without_a_stop_reaches_the_app(page: Page, site: Site) -> None:
    """Where Google asks nothing, the button leads through three hosts; the policy lets it."""
    site.signed_in("u1", ADA)
    site.google.accounts.sign_in(ADA)
    page.goto(site.connect_link("u1", account=ADA))
    page.get_by_role("button", name="Continue to Google").click()

    expect(page.get_by_role("heading", name="At the app")).to_be_visible()
    assert [arrival["status"] for arrival in site.app.arrivals] == ["connected"]


def test_a_page_sent_to_a_victim_attaches_nothing(page: Page, site: Site) -> None:
    """Whoever connects on somebody else's page has connected nothing to anybody."""
    site.signed_in("attacker", "eve@example.com")
    site.account(ADA)
    opened(page, site, "attacker")
    page.get_by_role("button", name="Connect another account").click()
    page.get_by_role("button", name="Continue to Google").click()
    consents(page, ADA)
    expect(page.get_by_role("heading", name="At the app")).to_be_visible()

    # The app's backend names the subject of its own session: the victim's.
    code = site.app.arrivals[0]["code"]
    with pytest.raises(BridgeError):
        site.redeem(code, "victim")
    with pytest.raises(BridgeError):
        site.redeem(code, "attacker")
    assert site.grants_of("victim") == []
    assert [grant.account.email for grant in site.grants_of("attacker")] == ["eve@example.com"]


def test_the_link_opens_in_one_browser_only(page: Page, chromium: Browser, site: Site) -> None:
    """Whoever comes second with the same link sees nothing; the first one's Back goes on."""
    site.signed_in("u1", ADA)
    link = site.link("u1")
    page.goto(link)
    page.get_by_role("button", name="Show my connections").click()

    with chromium.new_context() as context:
        other = context.new_page()
        other.goto(link)
        expect(other.get_by_role("heading", level=1)).to_have_text("This page is closed")
        expect(other.get_by_role("link", name="Back to Acme Planner")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name=ADA)).to_be_visible()


def test_a_page_that_was_open_for_too_long_does_nothing(page: Page, site: Site) -> None:
    """After half an hour its buttons lead to a page that says how to go on."""
    site.signed_in("u1", ADA)
    opened(page, site)
    page.get_by_role("link", name="Disconnect").click()
    site.clock.advance(31 * 60)
    page.get_by_role("button", name="Forget here").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("This page is closed")
    assert site.grant_of("u1").state is State.ACTIVE


def test_another_sites_form_does_nothing(page: Page, site: Site) -> None:
    """A page elsewhere that submits the form in the user's own browser is refused."""
    site.signed_in("u1", ADA)
    opened(page, site)
    grant = site.grant_of("u1").id
    forget = f"{site.public_url}/connections/{grant}/forget"
    page.goto(f"{site.app.url}/connected".replace("localhost", "127.0.0.1"))
    page.evaluate(
        """url => { const form = document.createElement("form"); form.method = "post";
        form.action = url; document.body.append(form); form.submit(); }""",
        forget,
    )

    # The cookie is SameSite=Lax: another site's POST does not even bring it.
    expect(page.get_by_role("heading", level=1)).to_have_text("This page is closed")
    assert site.grant_of("u1").state is State.ACTIVE


def test_a_frame_of_another_site_stays_empty(page: Page, site: Site) -> None:
    """The page cannot be laid under somebody else's button (clickjacking)."""
    site.signed_in("u1", ADA)
    opened(page, site)
    page.goto(f"{site.app.url}/connected")
    page.set_content(f'<iframe src="{site.public_url}/connections"></iframe>')
    frame = page.frames[-1]
    frame.wait_for_load_state()
    assert "Your Google connections" not in frame.content()
