"""A demo that runs, and visitors who click through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page

from bridge.cli.demo.stage import Stage, playing
from bridge.sandbox.records import Account
from tests.browsing import assert_accessible, browsing, photograph

PATIENCE_MS = 15_000


class Visitor:
    """Somebody with a browser of their own, who may look at pages closely."""

    def __init__(self, page: Page, stage: Stage) -> None:
        self.page = page
        self.stage = stage
        page.set_default_timeout(PATIENCE_MS)

    def open(self) -> None:
        """Open the sample app."""
        self.page.goto(self.stage.app)

    def press(self, name: str) -> None:
        """Press a button, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).first.click()

    def sees_button(self, name: str) -> bool:
        """Tell whether there is such a button."""
        return self.page.get_by_role("button", name=name).count() > 0

    def follow(self, name: str) -> None:
        """Follow a link, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).first.click()

    def sign_in(self, email: str) -> None:
        """Sign in as far as Google's account chooser."""
        self.press("Sign in")
        self.press("Continue with Google")
        self.press(email)

    def sign_in_again(self, email: str) -> None:
        """Sign out, and in as far as Google's account chooser."""
        self.press("Sign out")
        self.sign_in(email)

    def join(self, email: str) -> None:
        """Sign in for the first time, and allow."""
        self.open()
        self.sign_in(email)
        self.press("Allow")
        assert self.sees_calendar_of(email)

    def sees_calendar_of(self, email: str) -> bool:
        """Tell whether the app shows an account's calendar, read with a token."""
        card = self.page.locator("section.card", has_text=email)
        return card.get_by_text("Read with access token").count() == 1

    def look(self, name: str) -> None:
        """Keep how the page looks, and check that everybody can use it."""
        assert_accessible(self.page)
        photograph(self.page, f"demo-{name}")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The demo, as `bridge demo` starts it."""
    with playing() as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as started:
        yield started


@pytest.fixture
def visitor(browser: Browser, stage: Stage) -> Iterator[Callable[[], Visitor]]:
    """Make visitors, each in a browser without cookies."""
    with ExitStack() as stack:

        def enter() -> Visitor:
            context = stack.enter_context(browser.new_context())
            return Visitor(context.new_page(), stage)

        yield enter


@pytest.fixture
def person(stage: Stage) -> Callable[[str], Account]:
    """Make accounts at Google that nobody used before."""

    def create(name: str) -> Account:
        count = len(stage.google.accounts.all())
        return stage.google.accounts.create(f"{name}{count}@gmail.com", name=name.title())

    return create


def screens(stage: Stage, account: Account) -> int:
    """Return how many consent screens Google has shown to an account."""
    shown = stage.google.stats().consent_screens
    return shown.get((account.sub, stage.client.client_id), 0)
