"""Somebody with a Google account and a real browser, and what a backend has of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import BrowserContext, Page, Response

from bridge.admin.order_views import OrderRequest
from bridge.errors import BridgeError
from bridge.model import Grant
from bridge.sandbox.records import Account
from tests.keycloak.site import Site
from tests.kit import TENANT
from tools.keycloak.relying_app import SIGN_IN
from tools.keycloak.visitor import ACCOUNTS

PATIENCE_MS = 20_000
_PATIENCE_S = 20


@dataclass
class Person:
    """One of them.

    Attributes:
        site: the place.
        realm: where they sign in.
        account: at Google.
        context: their browser's cookies.
        page: the tab that they look at.
        answers: status and URL of every page that this browser was given.
    """

    site: Site
    realm: str
    account: Account
    context: BrowserContext
    page: Page = field(init=False)
    answers: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("response", self._note)
        self.page = self.context.new_page()

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self.answers.append((response.status, response.url))

    # What they do

    def sets_out(self, **parameters: str) -> None:
        """Go from the app as far as Google's first page that needs a hand, or all the way."""
        asked = {
            "issuer": self.site.issuer(self.realm),
            "kc_idp_hint": "google",
            "login_hint": self.account.email,
        }
        asked |= parameters
        self.page.goto(f"{self.site.app.url}{SIGN_IN}?{urlencode(asked)}")

    def signs_in(self, **parameters: str) -> None:
        """Sign in, allowing whatever Google asks."""
        self.sets_out(**parameters)
        self.allows()

    def allows(self) -> None:
        """Press what Google's pages ask for, until the browser is elsewhere."""
        if self.is_at_google and self.has_button(self.account.email):
            self.press(self.account.email)
        if self.is_at_google and self.has_button("Allow"):
            self.press("Allow")

    def press(self, name: str) -> None:
        """Press a button, and wait for where it leads."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        """Follow a link."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).click()

    def forgets_session(self) -> None:
        """Have Keycloak's cookies gone: the next login is one with Google."""
        self.context.clear_cookies()

    # What they see

    def has_button(self, name: str) -> bool:
        """Tell whether there is such a button."""
        return self.page.get_by_role("button", name=name).count() > 0

    @property
    def is_at_google(self) -> bool:
        """Whether the tab shows a page of Google's."""
        sandbox = urlsplit(self.site.world.server.url).netloc
        return urlsplit(self.page.url).netloc in {ACCOUNTS, sandbox}

    @property
    def is_at_consent(self) -> bool:
        """Whether Google asks to allow."""
        return self.is_at_google and self.has_button("Allow")

    @property
    def is_signed_in(self) -> bool:
        """Whether the app says so."""
        return self.page.locator("h1").inner_text() == f"Signed in as {self.account.email}"

    @property
    def has_next_step(self) -> bool:
        """Whether the page has something to press or to follow."""
        return self.page.locator("a[href], button, input[type=submit]").count() > 0

    @property
    def sees(self) -> str:
        """What the page says, and where it is."""
        return f"{self.page.url.partition('?')[0]}: {self.page.inner_text('body')}"

    @property
    def worst_status(self) -> int:
        """The highest status of all pages that this browser was given."""
        return max(status for status, _ in self.answers)

    @property
    def screens(self) -> int:
        """How many consent screens Google has shown to the account, the first one too."""
        return self.site.screens(self.account)

    # What others know of them

    @property
    def subject(self) -> str:
        """Their id in the realm."""
        return self.site.subject(self.realm, self.account)

    def grant(self) -> Grant | None:
        """Return the bridge's grant, None if there is none."""
        grants = self.site.world.grants_of(self.subject)
        return grants[0] if grants else None

    def captured(self) -> Grant:
        """Wait for the bridge to have a grant, and return it."""
        until(lambda: self.grant() is not None)
        grant = self.grant()
        assert grant is not None
        return grant

    def reads(self) -> str:
        """Have a backend ask for a token; `ok`, or why not."""
        try:
            self.site.world.read(self.subject)
        except BridgeError as error:
            return error.code.value
        return "ok"

    def loses_grant(self) -> None:
        """Have Google end the refresh tokens, and a backend notice."""
        self.captured()
        self.site.google.kill_refresh_tokens(self.account)
        assert self.reads() == "reauth_required"

    def was_ordered(self) -> None:
        """Have an admin order a consent."""
        world = self.site.world
        wish = OrderRequest(
            tenant=TENANT, reason="a test", subjects=(self.subject,), include_active=True
        )
        world.services.orders.create(world.caller(), wish)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what Keycloak and the bridge do after a login."""
    end = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
