"""Where the browser demo plays: a stand-in for Google, an IdP, an app, and a real `bridge serve`.

Owns the composition: who is told whose address and secret.
"""

from __future__ import annotations

import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bridge.cli.demo.ports import free_ports
from bridge.cli.demo.serving import caller_key, loopback, serving, write
from bridge.clock import SystemClock
from bridge.config.keys import generate, write_keys
from bridge.config.template import new_hook_secret
from bridge.config.urls import CALLBACK_PATH as REDIRECT_PATH
from bridge.sandbox import SandboxServer
from bridge.sandbox.diary import Diary
from bridge.sandbox.idp import (
    AppRegistration,
    GoogleRegistration,
    HookTarget,
    IdpSettings,
    create_idp,
)
from bridge.sandbox.idp.settings import CALLBACK_PATH, CONTINUE_PATH
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Client
from bridge.sandbox.sample_app import AppSettings, CalledBridge, create_app
from bridge.sandbox.sample_app.settings import CALENDAR, CONNECTED_PATH, SIGNED_IN_PATH
from bridge.sandbox.sample_app.tour import ANN, ANN_AT_WORK, BOB
from bridge.sandbox.state import SandboxGoogle
from bridge.secret import Secret

TENANT: Final = "demo"
APP_NAME: Final = "Planner"
SCOPES: Final = ("openid", "email", "profile", CALENDAR)
_PERSONS: Final = (
    (ANN, "Ann Lee", None),
    (BOB, "Bob Ray", None),
    (ANN_AT_WORK, "Ann Lee", "work.example"),
)
_EVENTS: Final = {
    ANN: ((20, "Coffee with Bob"), (26, "Dentist"), (45, "Piano lesson")),
    BOB: ((20, "Coffee with Ann"), (30, "Football")),
    ANN_AT_WORK: ((22, "Team meeting"), (28, "Budget review")),
}
_APP_ID: Final = "planner"
BACKEND: Final = (
    *("planner", "--tenant", TENANT, "--scope", CALENDAR),
    *("--permission", "token", "--permission", "connect"),
)
ADMIN: Final = (
    *("operator", "--tenant", TENANT, "--permission", "grants:forget"),
    *("--permission", "orders", "--permission", "grants:read"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The running demo.

    Attributes:
        config: the bridge's settings file, in a folder of its own.
        google: the stand-in's state; it is served at `google_url`.
        client: the Google client that the IdP and the bridge share.
        app, idp: the origins of sample app and IdP.
        internal, public: the origins of the bridge's listeners.
        server: the process of `bridge serve`.
        diary: what happened.
    """

    config: Path
    google: SandboxGoogle
    google_url: str
    client: Client
    app: str
    idp: str
    internal: str
    public: str
    server: subprocess.Popen[bytes]
    diary: Diary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where everything is: origins, and the ports of the bridge's two listeners."""

    google: str
    idp: str
    app: str
    internal: int
    public: int

    @property
    def issuer(self) -> str:
        """The bridge's public URL."""
        return f"http://localhost:{self.public}"


@contextmanager
def playing() -> Iterator[Stage]:
    """Start everything, and stop it at the end.

    Raises:
        DemoFailedError: a part does not start.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantbridge-demo-")))
        google = stack.enter_context(SandboxServer())
        idp, app = stack.enter_context(LocalServer()), stack.enter_context(LocalServer())
        internal, public = free_ports(2)
        places = _Places(
            google=google.url, idp=idp.url, app=app.url, internal=internal, public=public
        )
        client = google.google.clients.create(
            name=APP_NAME, redirect_uris=[places.idp + CALLBACK_PATH, places.issuer + REDIRECT_PATH]
        )
        settle(google.google)
        secret, return_secret = Secret(new_hook_secret()), Secret(secrets.token_urlsafe(32))
        config = folder / "bridge.toml"
        write(config, _settings(places, client, secret, return_secret))
        write_keys(folder / "bridge.keys.json", generate(time.time()))
        server = stack.enter_context(serving(config, places.internal))
        clock = SystemClock()
        diary = Diary(clock)
        app_secret = Secret(secrets.token_urlsafe())
        idp_settings = _idp_settings(places, client, app_secret, secret, return_secret)
        idp.mount(create_idp(idp_settings, clock, diary))
        app_settings = _app_settings(places, app_secret, config)
        app.mount(create_app(app_settings, clock, diary, google.google, client))
        yield Stage(
            config=config,
            google=google.google,
            google_url=google.url,
            client=client,
            app=places.app,
            idp=places.idp,
            internal=loopback(places.internal),
            public=places.issuer,
            server=server,
            diary=diary,
        )


def settle(google: SandboxGoogle) -> None:
    """Make the people, with something in their calendars."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for email, name, domain in _PERSONS:
        account = google.accounts.create(email, name=name, hd=domain)
        for hours, what in _EVENTS[email]:
            start = (now + timedelta(hours=hours)).isoformat()
            event = {"summary": what, "start": {"dateTime": start}}
            google.workspace.insert_event(account.sub, "primary", event)


def _settings(places: _Places, client: Client, hook_secret: Secret, return_secret: Secret) -> str:
    return f"""\
mode = "development"
public_url = "{places.issuer}"

[internal]
bind = "127.0.0.1:{places.internal}"
workers = 1
threads = 32

[public]
bind = "127.0.0.1:{places.public}"
threads = 8

[google]
base_url = "{places.google}"

[tenants.{TENANT}]
issuer = "{places.idp}"
hook_secrets = ["{hook_secret.reveal()}"]
app_name = "{APP_NAME}"
return_to = ["{places.app}{CONNECTED_PATH}"]
login_return_url = "{places.idp}{CONTINUE_PATH}"
login_return_secret = "{return_secret.reveal()}"

[[tenants.{TENANT}.clients]]
client_id = "{client.client_id}"
client_secret = "{client.secrets[0]}"
"""


def _idp_settings(
    places: _Places, client: Client, app_secret: Secret, secret: Secret, return_secret: Secret
) -> IdpSettings:
    return IdpSettings(
        origin=places.idp,
        google=GoogleRegistration(
            origin=places.google,
            client_id=client.client_id,
            client_secret=Secret(client.secrets[0]),
            scopes=SCOPES,
        ),
        bridge=HookTarget(
            internal=loopback(places.internal),
            issuer=places.issuer,
            tenant=TENANT,
            secret=secret,
            return_secret=return_secret,
        ),
        app=AppRegistration(
            name=APP_NAME,
            client_id=_APP_ID,
            client_secret=app_secret,
            redirect_uri=places.app + SIGNED_IN_PATH,
            home=places.app,
        ),
    )


def _app_settings(places: _Places, secret: Secret, config: Path) -> AppSettings:
    def bridge(*caller: str) -> CalledBridge:
        key = caller_key(config, caller)
        return CalledBridge(internal=loopback(places.internal), tenant=TENANT, key=key)

    return AppSettings(
        origin=places.app,
        name=APP_NAME,
        idp=places.idp,
        client_id=_APP_ID,
        client_secret=secret,
        google=places.google,
        backend=bridge(*BACKEND),
        admin=bridge(*ADMIN),
    )
