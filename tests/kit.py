"""A whole bridge in a folder, on a sandbox Google, with a clock that can be moved.

Everything but Google and the clock is real: the settings file, the key file, the SQLite store, the
services and both WSGI apps.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.config import Permission, Settings, load
from bridge.config.keys import generate, write_keys
from bridge.model import Caller, CallerKey, Grant
from bridge.sandbox import SandboxGoogle, SandboxServer
from bridge.sandbox.records import Account, Client, TokenAnswer
from bridge.secret import Secret
from bridge.services import Services, build
from bridge.signing.webhooks import sign
from bridge.tokens.wire import TokenAnswer as Served
from bridge.tokens.wire import TokenRequest
from bridge.web.apps import public
from tests.wsgi import internal_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CALENDAR = "https://www.googleapis.com/auth/calendar"
DRIVE = "https://www.googleapis.com/auth/drive"
MAIL = "https://www.googleapis.com/auth/gmail.readonly"
SIGN_IN = "openid email profile"
TENANT = "acme"
OTHER = "globex"
HOUR = 3600
DAY = 24 * HOUR


class ShiftedClock:
    """The host's clocks, moved forward at will; they go on running between moves."""

    def __init__(self) -> None:
        self.shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift

    def monotonic(self) -> float:
        return time.monotonic() + self.shift

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))

    def advance(self, seconds: float) -> None:
        self.shift += seconds


def hook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


W = TypeVar("W", bound="World")


class World:
    """A bridge, its Google, and short ways to do what IdPs, users and backends do.

    Attributes:
        google: the sandbox's state.
        client, data_client: Google clients of one project, for sign-in and for data, of TENANT.
        other_client: the client of the tenant OTHER, of another project.
        store: the settings' tables about the store; empty is a SQLite file in the folder.
        services: the bridge; `restart` builds it anew on the same files.
    """

    def __init__(
        self, folder: Path, server: SandboxServer, clock: ShiftedClock, store: str = ""
    ) -> None:
        self.folder = folder
        self.store = store
        self.server = server
        self.google: SandboxGoogle = server.google
        self.clock = clock
        self.client: Client = self.google.clients.create(project="111122223333")
        self.data_client: Client = self.google.clients.create(project="111122223333")
        self.other_client: Client = self.google.clients.create(project="444455556666")
        self.secret = hook_secret()
        self.other_secret = hook_secret()
        self.config = folder / "bridge.toml"
        self.config.write_text(self.toml())
        self.key_file = folder / "bridge.keys.json"
        write_keys(self.key_file, generate(clock.now()))
        self.services: Services = self._built()
        self._app_lock = threading.Lock()
        self._app: tuple[Services, WSGIApplication] | None = None

    def toml(self, **google: object) -> str:
        """Return the settings; `google` overrides options of its table."""
        options = {"base_url": self.server.url, "refreshes_per_second": 1000} | google
        lines = [
            'mode = "development"',
            'public_url = "http://localhost:8600"',
            "[google]",
            *(f"{name} = {_toml(value)}" for name, value in options.items()),
            self.store,
            *self._tenant(TENANT, self.secret, self.client, self.data_client),
            *self._tenant(OTHER, self.other_secret, self.other_client),
        ]
        return "\n".join(lines)

    def _tenant(self, name: str, secret: str, *clients: Client) -> Iterator[str]:
        yield f"[tenants.{name}]"
        yield f'issuer = "http://localhost:8080/realms/{name}"'
        yield f'hook_secrets = ["{secret}"]'
        for client in clients:
            yield f"[[tenants.{name}.clients]]"
            yield f'client_id = "{client.client_id}"'
            yield f'client_secret = "{client.secrets[0]}"'

    def _built(self) -> Services:
        services = build(self.settings, self.clock)
        services.prove()
        return services

    @property
    def settings(self) -> Settings:
        return load(self.config, {})

    def restart(self, **google: object) -> None:
        """Stop the bridge and build it anew on the same files."""
        self.services.close()
        self.config.write_text(self.toml(**google))
        self.services = self._built()

    def close(self) -> None:
        self.services.close()

    # What users and IdPs do

    def account(self, email: str | None = None, **more: Any) -> Account:
        return self.google.accounts.create(email, **more)

    def sign_in(
        self, account: Account, scopes: str = f"{SIGN_IN} {CALENDAR}", **more: Any
    ) -> TokenAnswer:
        """Return what the IdP's code exchange gets; consent is forced unless told otherwise."""
        chosen: dict[str, Any] = {"prompt": "consent", "client": self.client} | more
        client = chosen.pop("client")
        return self.google.login(account, client, scopes, **chosen)

    def login(self, subject: str, account: Account, tokens: TokenAnswer, **more: Any) -> Any:
        """Have the hook told of a login, all at once; return its answer."""
        client: Client = more.pop("client", self.client)
        message = {
            "type": "login",
            "tenant": TENANT,
            "subject": subject,
            "account": {"sub": account.sub, "email": account.email},
            "client_id": client.client_id,
            "login": {"id": secrets.token_hex(8)},
            "tokens": token_fields(tokens),
            "obtained_at": int(self.clock.now()),
        }
        return self.hook(message | more)

    def grant(self, subject: str, scopes: str = f"{SIGN_IN} {CALENDAR}", **more: Any) -> Grant:
        """Have a fresh account sign in and its login captured; return the grant."""
        account = more.pop("account", None) or self.account()
        self.login(subject, account, self.sign_in(account, scopes, **more), **more)
        return self.grant_of(subject)

    def hook(
        self,
        message: Mapping[str, Any] | bytes,
        *,
        message_id: str | None = None,
        tenant: str = TENANT,
        secret: str | None = None,
    ) -> Any:
        """Send a signed message to the hook; return its answer as JSON, a problem if refused."""
        response = self.post_hook(message, message_id=message_id, tenant=tenant, secret=secret)
        return response.get_json(force=True)

    def post_hook(
        self,
        message: Mapping[str, Any] | bytes,
        *,
        message_id: str | None = None,
        tenant: str = TENANT,
        secret: str | None = None,
    ) -> TestResponse:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        message_id = message_id or f"msg_{secrets.token_hex(8)}"
        stamp = int(self.clock.now())
        key = Secret(secret or (self.secret if tenant == TENANT else self.other_secret))
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(key, message_id, stamp, body),
        }
        return self.http.post(f"/hooks/{tenant}", data=body, headers=headers)

    # What backends and admins do

    def caller(
        self,
        *,
        scopes: Iterable[str] | None = None,
        tenants: Iterable[str] | None = None,
        permissions: Iterable[str] = tuple(Permission),
    ) -> Caller:
        return Caller(
            name="backend",
            tenants=None if tenants is None else frozenset(tenants),
            scopes=None if scopes is None else frozenset(scopes),
            permissions=frozenset(permissions),
        )

    def key(
        self,
        name: str = "backend",
        *,
        tenants: Iterable[str] = ("*",),
        scopes: Iterable[str] = ("*",),
        permissions: Iterable[str] = tuple(Permission),
    ) -> str:
        """Make a caller's key; return the `Authorization` header that proves it."""
        template = CallerKey(
            id="",
            digest=b"",
            name=name,
            tenants=tuple(tenants),
            scopes=tuple(scopes),
            permissions=tuple(permissions),
            created_at=0,
        )
        _, secret = self.services.callers.create(template)
        return f"Bearer {secret.reveal()}"

    def read(self, subject: str, *scopes: str, caller: Caller | None = None, **more: Any) -> Served:
        """Read a token as a backend, without HTTP; raises BridgeError as the service does."""
        request = TokenRequest(
            tenant=more.pop("tenant", TENANT), subject=subject, scopes=scopes or (CALENDAR,), **more
        )
        return self.services.tokens.read(caller or self.caller(), request)

    def grant_of(self, subject: str, tenant: str = TENANT) -> Grant:
        """Return the one grant of a subject."""
        [held] = self.services.grants.find(tenant, subject)
        return held.record

    def grants_of(self, subject: str, tenant: str = TENANT) -> list[Grant]:
        return [held.record for held in self.services.grants.find(tenant, subject)]

    @property
    def http(self) -> HttpClient:
        """The internal listener's app."""
        # Building one takes longer than most requests, and Python 3.11 compiles werkzeug's routes
        # in one thread at a time only.
        with self._app_lock:
            if self._app is None or self._app[0] is not self.services:
                self._app = self.services, internal_wsgi(self.services)
            return HttpClient(self._app[1])

    @property
    def public_http(self) -> HttpClient:
        """The public listener's app."""
        return HttpClient(public(self.services))


def token_fields(tokens: TokenAnswer) -> dict[str, Any]:
    """Return a token response's fields as an adapter passes them on."""
    fields = {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "id_token": tokens.id_token,
        "expires_in": tokens.expires_in,
        "scope": tokens.scope,
        "token_type": "Bearer",
    }
    return {name: value for name, value in fields.items() if value is not None}


@contextmanager
def world(folder: Path, store: str = "") -> Iterator[World]:
    """Run a bridge on a sandbox for as long as the context lasts; `store` is its table of TOML."""
    with beside_google(lambda server, clock: World(folder, server, clock, store)) as made:
        yield made


@contextmanager
def beside_google(make: Callable[[SandboxServer, ShiftedClock], W]) -> Iterator[W]:
    """Run what `make` makes of a sandbox and its clock, for as long as the context lasts."""
    clock = ShiftedClock()
    with SandboxServer(clock=clock) as server:
        made = make(server, clock)
        try:
            yield made
        finally:
            made.close()


def _toml(value: object) -> str:
    return json.dumps(value)
