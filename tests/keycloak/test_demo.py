"""`make demo-keycloak`, clicked through as its page says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from bridge.sandbox.sample_app.tour import ANN
from tests.browsing import browsing, photograph
from tests.keycloak.fetching import fetched
from tools.keycloak.stage import Stage, playing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The demo, running."""
    with fetched(), playing(lambda _: None) as started:
        yield started


@pytest.fixture
def page(stage: Stage) -> Iterator[Page]:
    """A browser at the app."""
    with browsing() as browser:
        yield opened(browser, stage)


def opened(browser: Browser, stage: Stage) -> Page:
    page = browser.new_page()
    page.set_default_timeout(20_000)
    page.goto(stage.app)
    return page


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).first.click()


def sign_in(page: Page) -> None:
    press(page, "Sign in")
    with page.expect_navigation():
        page.get_by_role("link", name="Google").click()
    press(page, ANN)


def sees_calendar(page: Page) -> bool:
    card = page.locator("section.card", has_text=ANN)
    return card.get_by_text("Read with access token").count() == 1


def test_the_story_of_the_page_happens_with_keycloak(stage: Stage, page: Page) -> None:
    """A calendar, the tokens lost, and back by one consent in the middle of Keycloak's login."""
    sign_in(page)
    press(page, "Allow")
    assert sees_calendar(page)
    photograph(page, "demo-keycloak")

    press(page, "Sign out")
    press(page, "Logout")
    sign_in(page)
    assert sees_calendar(page)

    press(page, "As Google: let the tokens die")
    assert not sees_calendar(page)
    press(page, "Sign out")
    press(page, "Logout")
    sign_in(page)
    press(page, "Allow")
    assert sees_calendar(page)
    [ann] = [it for it in stage.google.accounts.all() if it.email == ANN]
    shown = stage.google.stats().consent_screens[ann.sub, stage.client.client_id]
    assert shown == 2
    assert page.get_by_text("came from Google, which gave a refresh token").count() == 2
