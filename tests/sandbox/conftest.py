"""A running sandbox, a browser for its pages, and the calls that clients make."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from bridge.clock import SystemClock
from bridge.sandbox import SandboxGoogle, SandboxServer
from bridge.sandbox.records import Account, Client

CALENDAR = "https://www.googleapis.com/auth/calendar"
CALENDAR_READ = "https://www.googleapis.com/auth/calendar.readonly"
DRIVE = "https://www.googleapis.com/auth/drive"
MAIL = "https://www.googleapis.com/auth/gmail.readonly"
DAY = 86_400


class Form(HTMLParser):
    """The one form of a page: where it goes, and what it would send untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self.boxes: list[str] = []
        self.buttons: list[tuple[str, str]] = []
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "form":
            self.action = given["action"]
        elif tag == "script":
            self.scripts += 1
        elif tag == "button":
            self.buttons.append((name, value))
        elif tag == "input" and given.get("type") == "checkbox":
            self.boxes.append(value)
        elif tag == "input":
            self.fields.append((name, value))


class StoppedClock(SystemClock):
    """The host's calendar, but a monotonic clock that moves when told: load is not a race."""

    def __init__(self) -> None:
        self.ticks = 1000.0

    def monotonic(self) -> float:
        return self.ticks


class World:
    """One sandbox seen by its clients and by its users' browsers."""

    def __init__(self, server: SandboxServer, http: requests.Session) -> None:
        self.google: SandboxGoogle = server.google
        self.url = server.url
        self.endpoints = server.endpoints()
        self.http = http
        self.account: Account = self.google.accounts.create("ann@gmail.com", name="Ann Lee")
        self.client: Client = self.google.clients.create(project="111122223333")

    def token_call(self, client: Client | None = None, **form: str) -> requests.Response:
        app = client or self.client
        secrets = {"client_id": app.client_id, "client_secret": app.secrets[0]}
        return self.http.post(self.endpoints["token"], data=secrets | form)

    def refresh(
        self, refresh_token: str, client: Client | None = None, **form: str
    ) -> requests.Response:
        return self.token_call(
            client, grant_type="refresh_token", refresh_token=refresh_token, **form
        )

    def redeem(self, code: str, client: Client | None = None, **form: str) -> requests.Response:
        app = client or self.client
        form = {"redirect_uri": app.redirect_uris[0]} | form
        return self.token_call(app, grant_type="authorization_code", code=code, **form)

    def revoke(self, token: str) -> requests.Response:
        return self.http.post(self.endpoints["revocation"], data={"token": token})

    def mint(self, scopes: str = CALENDAR, client: Client | None = None) -> str:
        return self.google.mint_refresh_token(self.account, client or self.client, scopes)

    def authorize(self, **changes: str | None) -> requests.Response:
        query: dict[str, str | None] = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "response_type": "code",
            "scope": f"openid {CALENDAR}",
            "state": "s1",
            **changes,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return self.http.get(self.endpoints["authorization"], params=given, allow_redirects=False)

    def submit(
        self, page: requests.Response, *, untick: tuple[str, ...] = (), **pressed: str
    ) -> requests.Response:
        form = Form(page.text)
        fields = [*form.fields, *pressed.items()]
        fields += [("scope", box) for box in form.boxes if box not in untick]
        return self.http.post(self.url + form.action, data=fields, allow_redirects=False)

    def consent(self, **changes: str | None) -> dict[str, str]:
        """Go through sign-in and consent in a browser; return the parameters that come back."""
        self.google.accounts.sign_in(self.account)
        page = self.authorize(**changes)
        if page.status_code == 200:
            page = self.submit(page, decision="allow")
        return returned(page)

    def api(self, method: str, path: str, token: str, **body: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.request(method, self.url + path, headers=headers, json=body or None)


def returned(response: requests.Response) -> dict[str, str]:
    """Return the parameters of a redirect back to the client."""
    assert response.status_code == 302, response.text
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


@pytest.fixture(scope="session")
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(scope="session")
def server(clock: StoppedClock) -> Iterator[SandboxServer]:
    with SandboxServer(clock=clock) as running:
        yield running


@pytest.fixture
def world(server: SandboxServer) -> Iterator[World]:
    server.google.reset()
    with requests.Session() as http:
        yield World(server, http)
    server.google.release_holds()
