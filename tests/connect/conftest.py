"""A bridge whose tenants have an app, and browsers that walk from link to Google and back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.test import Client as HttpClient
from werkzeug.test import Cookie, TestResponse

from bridge.audit.log import Selection
from bridge.connect.browser import Visit
from bridge.connect.views import ConnectionRequest, LinkRequest, ShownStatus
from bridge.model import Grant
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Account, Client
from bridge.web.apps import public
from tests.kit import CALENDAR, TENANT, ShiftedClock, World
from tests.sandbox.conftest import Form

HOST = "http://localhost:8600"
RETURN_TO = "http://localhost:9000/connected"
LOGIN_RETURN = "http://localhost:9100/continue"
LOGIN_SECRET = "a-secret-of-the-tenant-s-own-of-32-and-more"
PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
)


class ConnectWorld(World):
    """A world whose tenants have somewhere to return to."""

    def _tenant(self, name: str, secret: str, *clients: Client) -> Iterator[str]:
        for client in clients:
            self.google.clients.set_redirect_uris(
                client, [*client.redirect_uris, f"{HOST}/oauth/callback"]
            )
        lines = list(super()._tenant(name, secret, *clients))
        its = [
            f'return_to = ["{RETURN_TO}", "https://app.example.com/connected"]',
            'app_name = "Acme Planner"',
            f'login_return_url = "{LOGIN_RETURN}"',
            f'login_return_secret = "{LOGIN_SECRET}"',
        ]
        yield from (lines[0], *its, *lines[1:])

    def link(self, subject: str = "u1", *scopes: str, **more: Any) -> str:
        """Make a link as the app's backend; return its URL."""
        wanted = {"tenant": TENANT, "subject": subject, "return_to": RETURN_TO} | more
        request = LinkRequest(scopes=scopes or (CALENDAR,), **wanted)
        return self.services.connecting.links.create(self.caller(), request).url.reveal()

    def login_link(self, subject: str, account: Account, *scopes: str) -> str:
        """Make a link for a consent in the middle of a login; return its URL."""
        url = self.services.connecting.links.for_login(
            tenant=TENANT,
            subject=subject,
            account_sub=account.sub,
            email=account.email,
            client_id=self.client.client_id,
            scopes=scopes or (CALENDAR,),
            login_id=secrets.token_hex(8),
        )
        assert url is not None
        return url

    def status(self, url: str) -> ShownStatus:
        """Return how far a link has come, as its backend sees it."""
        return self.services.connecting.links.show(self.caller(), self.id_of(url)).status

    def id_of(self, url: str) -> str:
        """Return the id that the backend knows a link by."""
        return self.services.connecting.links.links.id_of(url.rpartition("/")[2])

    def redeem(self, code: str, subject: str = "u1", **more: Any) -> Grant:
        """Redeem a code as the app's backend; raises BridgeError as the service does."""
        request = ConnectionRequest(code=code, subject=subject)
        caller = more.pop("caller", None) or self.caller()
        return self.services.connecting.redemption.redeem(caller, request).grant

    def connected(self, subject: str = "u1", *scopes: str, **more: Any) -> Grant:
        """Have a user connect an account, and the backend redeem it; return the grant."""
        account = more.pop("account", None) or self.account()
        url = self.link(subject, *scopes, **more)
        browser = self.browser(account)
        return self.redeem(code_of(browser.connect(url)), subject)

    def browser(self, *accounts: Account, **more: Any) -> Browser:
        """Return a new browser, signed in to these Google accounts alone."""
        return Browser(self, accounts, **more)

    def rewrite(self, text: str) -> None:
        """Stop the bridge and build it anew with other settings."""
        self.services.close()
        self.config.write_text(text)
        self.services = self._built()

    def act_types(self) -> list[str]:
        """Return the types of all events so far, in their order."""
        page = self.services.audit.page(Selection(tenants=None, limit=1000))
        return [held.record.type for _, held in page.events]


@dataclass
class Browser:
    """One browser: cookies of the bridge, and sessions at Google.

    Attributes:
        screens: consent screens that its user has seen.
    """

    world: ConnectWorld
    accounts: tuple[Account, ...]
    user_agent: str = PHONE
    screens: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = HttpClient(public(self.world.services))

    def get(self, url: str, **more: Any) -> TestResponse:
        return self._open("GET", url, **more)

    def press(self, url: str, **more: Any) -> TestResponse:
        """Press a page's button, whose form POSTs to `url`."""
        return self._open("POST", url, **more)

    def visit(self, url: str) -> Visit:
        """Return the visit of a browser without cookies, as the flow sees it."""
        return Visit(text=url.rpartition("/")[2], cookies={}, user_agent=self.user_agent)

    def cookies(self) -> list[Cookie]:
        """Return the cookies that the bridge has set."""
        return list((self.http._cookies or {}).values())  # noqa: SLF001 - werkzeug has no listing

    def forget_cookies(self) -> None:
        self.http = HttpClient(public(self.world.services))

    def _open(self, method: str, url: str, **more: Any) -> TestResponse:
        headers = {"User-Agent": self.user_agent} | more.pop("headers", {})
        path = url.removeprefix(HOST)
        return self.http.open(path, method=method, base_url=HOST, headers=headers, **more)

    def connect(self, url: str, **choice: Any) -> TestResponse:
        """Go all the way, from the link to the bridge's answer to what Google said."""
        assert self.get(url).status_code == 200
        answer = self.press(url)
        while answer.status_code == 303 and is_google(answer.location):
            home = self.at_google(answer.location, **choice)
            assert home is not None, "Google kept the user"
            answer = self.get(home)
        return answer

    def at_google(
        self,
        url: str,
        *,
        choose: Account | None = None,
        allow: bool = True,
        untick: tuple[str, ...] = (),
    ) -> str | None:
        """Do at Google what its pages ask for; return where it sends the browser, if anywhere."""
        google = self.world.google
        google.accounts.sign_out()
        for account in self.accounts:
            google.accounts.sign_in(account)
        self.asked.append({k: v[0] for k, v in parse_qs(urlsplit(url).query).items()})
        with requests.Session() as http:
            http.headers["User-Agent"] = self.user_agent
            page = http.get(url, allow_redirects=False)
            if "/signin/oauth/account" in page.text:
                who = choose or self.accounts[0]
                page = self._submit(http, page, account=who.sub)
            if "/signin/oauth/consent" in page.text:
                self.screens += 1
                decision = "allow" if allow else "deny"
                page = self._submit(http, page, untick=untick, decision=decision)
            return page.headers.get("Location")

    def _submit(
        self,
        http: requests.Session,
        page: requests.Response,
        *,
        untick: tuple[str, ...] = (),
        **pressed: str,
    ) -> requests.Response:
        form = Form(page.text)
        fields = [*form.fields, *pressed.items()]
        fields += [("scope", box) for box in form.boxes if box not in untick]
        url = self.world.server.url + form.action
        return http.post(url, data=fields, allow_redirects=False)


def is_google(location: str | None) -> bool:
    return location is not None and "/o/oauth2/v2/auth" in location


def parameters_of(response: TestResponse) -> dict[str, str]:
    """Return the query that a redirect carries."""
    assert response.status_code == 303, response.text
    query = parse_qs(urlsplit(response.location or "").query)
    return {name: values[0] for name, values in query.items()}


def code_of(response: TestResponse) -> str:
    """Return the one-time code that a browser brings to the app."""
    assert (response.location or "").startswith(RETURN_TO), response.location
    return parameters_of(response)["code"]


@pytest.fixture
def connect_world(tmp_path: Path) -> Iterator[ConnectWorld]:
    """A whole bridge on a sandbox Google, with an app to return to."""
    clock = ShiftedClock()
    with SandboxServer(clock=clock) as server:
        made = ConnectWorld(tmp_path, server, clock)
        try:
            yield made
        finally:
            made.close()
