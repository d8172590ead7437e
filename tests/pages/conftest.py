"""The public pages on a real socket, an app to come back to, and a browser to look with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from flask import Flask, request
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bridge.audit.log import Selection
from bridge.connect.invitations import ConnectionsLinkRequest
from bridge.connect.views import ConnectionRequest, LinkRequest
from bridge.errors import BridgeError
from bridge.model import Event
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Client
from bridge.vault.records import Held
from bridge.web.apps import public
from tests.browsing import browsing
from tests.kit import CALENDAR, HOUR, TENANT, ShiftedClock, World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE_MS: Final = 15_000
_NOT_YET: Final = "http://localhost:8600"


class _Silent(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@contextmanager
def listening(app: WSGIApplication) -> Iterator[BaseWSGIServer]:
    """Serve an app on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class AppUnderTest:
    """The app that users come from and go back to."""

    def __init__(self) -> None:
        self.arrivals: list[dict[str, str]] = []
        self.flask = Flask(__name__)
        self.flask.add_url_rule("/connected", "connected", self._arrive)
        self.url = ""

    def _arrive(self) -> str:
        self.arrivals.append(request.args.to_dict())
        return '<!doctype html><html lang="en"><title>Acme Planner</title><h1>At the app</h1>'


class Site(World):
    """A bridge whose public listener is on a real socket, for a tenant with a name and an app."""

    def __init__(
        self, folder: Path, server: SandboxServer, clock: ShiftedClock, app: AppUnderTest
    ) -> None:
        self.public_url = _NOT_YET
        self.app = app
        super().__init__(folder, server, clock)

    def toml(self, **google: object) -> str:
        text = super().toml(**google).replace(_NOT_YET, self.public_url)
        table = f"[tenants.{TENANT}]\n"
        options = (
            'app_name = "Acme Planner"\n'
            f'return_to = ["{self.app.url}/connected"]\n'
            f'required_scopes = ["{CALENDAR}"]\n'
        )
        return text.replace(table, table + options)

    def serve(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer by the public app of the present services."""
        return public(self.services)(environ, start)

    def data_client_is_for_data(self) -> None:
        """Tell the bridge what the second client is for; it is built anew."""
        mark = f'client_id = "{self.data_client.client_id}"'
        text = self.config.read_text().replace(mark, f'{mark}\npurpose = "data"')
        self.rebuild(text)

    def rebuild(self, text: str) -> None:
        self.services.close()
        self.config.write_text(text)
        self.services = self._built()

    def link(self, subject: str, **more: Any) -> str:
        """Return a link to a subject's connections page, as a backend gets it."""
        asked = {"return_to": f"{self.app.url}/connected"} | more
        wanted = ConnectionsLinkRequest(tenant=TENANT, subject=subject, **asked)
        return self.services.invitations.create(self.caller(), wanted).url.reveal()

    def connect_link(self, subject: str, **more: Any) -> str:
        """Return a link to connect an account, as a backend gets it."""
        wanted = {"return_to": f"{self.app.url}/connected", "scopes": (CALENDAR,)} | more
        request = LinkRequest(tenant=TENANT, subject=subject, **wanted)
        return self.services.connecting.links.create(self.caller(), request).url.reveal()

    def path(self, subject: str, **more: Any) -> str:
        return self.link(subject, **more).removeprefix(self.public_url)

    def signed_in(self, subject: str, email: str, *, client: Client | None = None) -> None:
        """Have a subject sign in with an account; its refresh token is captured and proven."""
        used = client or self.client
        account = self.google.accounts.find(email) or self.account(email)
        tokens = self.sign_in(account, client=used)
        self.login(subject, account, tokens, client=used)
        self.read(subject, client=used.client_id, account=account.sub)

    def fail_once(self, subject: str) -> None:
        """Have a read find out that a subject's refresh token is dead."""
        self.clock.advance(2 * HOUR)
        with pytest.raises(BridgeError):
            self.read(subject)

    def events(self) -> list[Held[Event]]:
        """Return the audit record."""
        page = self.services.audit.page(Selection(tenants=None, limit=500))
        return [held for _, held in page.events]

    def redeem(self, code: str, subject: str) -> None:
        """Redeem a code as the app's backend."""
        request = ConnectionRequest(code=code, subject=subject, tenant=TENANT)
        self.services.connecting.redemption.redeem(self.caller(), request)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A bridge with a public listener that browsers reach."""
    clock, app = ShiftedClock(), AppUnderTest()
    with SandboxServer(clock=clock) as google, listening(app.flask) as app_server:
        app.url = f"http://localhost:{app_server.port}"
        made = Site(tmp_path, google, clock, app)
        try:
            with listening(made.serve) as server:
                made.public_url = f"http://localhost:{server.port}"
                for client in (made.client, made.data_client):
                    callback = f"{made.public_url}/oauth/callback"
                    made.google.clients.set_redirect_uris(client, [*client.redirect_uris, callback])
                made.rebuild(made.toml())
                yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser's profile without history."""
    with chromium.new_context() as fresh:
        fresh.set_default_timeout(PATIENCE_MS)
        yield fresh


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()
