"""Everything that a login touches: Keycloak on PostgreSQL, Google, the bridge, an app.

Keycloak starts twice on one database: first as it comes, then with the provider installed the way
`keycloak/README.md` says. So what was stored before is there to be harvested.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import get_input_stream

from bridge.cli.demo.ports import free_port
from bridge.sandbox import SandboxServer
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.keycloak.admin import Admin
from tests.keycloak.front import Front, fronting
from tests.kit import CALENDAR, SIGN_IN, TENANT, ShiftedClock, World
from tests.wsgi import internal_wsgi
from tools.keycloak.database import Database, database
from tools.keycloak.distribution import built_provider, fetched
from tools.keycloak.realm import Realm, google_of, named, shipped, with_oidc, without_provider
from tools.keycloak.relying_app import CLIENT_ID, SECRET, App
from tools.keycloak.server import Home, Keycloak, running
from tools.keycloak.visitor import Visitor

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LEGACY = "legacy"
"""Built-in `google` provider; there before the provider was installed."""
SHIPPED = "grantbridge"
"""The realm that is shipped, to the letter."""
GENERIC = "generic"
"""The same with the `oidc` provider, and with all that publishes tokens switched on."""
REALMS = (LEGACY, SHIPPED, GENERIC)
SCOPES = f"{SIGN_IN} {CALENDAR}"
FLOW = "grantbridge"
NOTE_CLAIM = "note_refresh_token"


@dataclass
class Bridge:
    """The bridge's internal listener, which can go away and come back.

    Attributes:
        accepted: type and id of each message that was answered with 200, in order.
        is_dying: whether it hangs up where it should answer, its work done.
    """

    world: World
    port: int
    accepted: list[tuple[str, str]] = field(default_factory=list)
    is_dying: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        """Where Keycloak finds it."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen."""
        server = LocalServer(self.port)
        server.mount(self._listening(internal_wsgi(self.world.services)))
        self._stack.enter_context(server)

    def _listening(self, app: WSGIApplication) -> WSGIApplication:
        def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            # Werkzeug's development server does not end a body at its length, as PEP 3333 wants it.
            body = get_input_stream(environ).read()
            environ["wsgi.input"] = BytesIO(body)

            def answering(status: str, *rest: Any) -> Any:
                if status.startswith("200") and "HTTP_WEBHOOK_ID" in environ:
                    kind = json.loads(body)["type"]
                    self.accepted.append((kind, environ["HTTP_WEBHOOK_ID"]))
                if self.is_dying:
                    environ["werkzeug.socket"].shutdown(SHUT_RDWR)
                return start_response(status, *rest)

            return app(environ, answering)

        return call

    def down(self) -> None:
        """Listen no more: connections are refused."""
        self._stack.close()


@dataclass
class Site:
    """All of it.

    Attributes:
        folder: files.
        world: the bridge and its Google.
        bridge: its listener.
        front: Google's host names.
        database: Keycloak's.
        home: Keycloak's folder.
        port: Keycloak's.
        app: where people sign in.
    """

    folder: Path
    world: World
    bridge: Bridge
    front: Front
    database: Database
    home: Home
    port: int
    app: App
    keycloak: Keycloak | None = None
    _admin_password: str = field(default_factory=secrets.token_urlsafe)
    _running: ExitStack = field(default_factory=ExitStack)

    @property
    def google(self) -> Any:
        """The sandbox's state."""
        return self.world.google

    def issuer(self, realm: str) -> str:
        """Return a realm's URL."""
        return f"http://localhost:{self.port}/realms/{realm}"

    def start(self, *options: str) -> None:
        """Start Keycloak."""
        self.keycloak = self._running.enter_context(self.node(self.home, self.port, *options))

    def node(self, home: Home, port: int, *options: str) -> AbstractContextManager[Keycloak]:
        """Return a server of this site, to be entered."""
        vault = self.folder / "vault"
        vault.mkdir(exist_ok=True)
        (vault / f"{SHIPPED}_google-client-secret").write_text(self.world.client.secrets[0])
        return running(
            home,
            [
                *self.database.keycloak_options,
                *self.front.keycloak_options,
                *("--vault=file", f"--vault-dir={vault}"),
                *options,
            ],
            admin_password=self._admin_password,
            port=port,
            environment={
                "GOOGLE_CLIENT_ID": self.world.client.client_id,
                "GOOGLE_SCOPES": SCOPES,
                "SAMPLE_APP_URL": self.app.url,
                "SAMPLE_APP_SECRET": SECRET,
            },
        )

    def stop(self) -> None:
        """Stop Keycloak."""
        self._running.close()
        self.keycloak = None

    def provider_options(self) -> list[str]:
        """Return what the provider is configured with; its files are written."""
        keys, secret = self.folder / "bridge.jwks.json", self.folder / "hook.secret"
        keys.write_text(self.world.http.get("/.well-known/jwks.json").get_data(as_text=True))
        secret.write_text(self.world.secret)
        options = {
            "url": self.bridge.url,
            "tenant": TENANT,
            "secret-file": secret,
            "public-key-file": keys,
            "delivery-interval": 1000,
        }
        return [f"--spi-grantbridge--default--{name}={value}" for name, value in options.items()]

    @contextmanager
    def admin(self) -> Iterator[Admin]:
        """Be an admin of Keycloak."""
        assert self.keycloak is not None
        admin = Admin(self.keycloak)
        try:
            yield admin
        finally:
            admin.close()

    def visitor(self) -> Visitor:
        """Return somebody without a browser."""
        return Visitor(self.app, self.world.server.url)

    def sign_in(self, realm: str, account: Account) -> SignedIn:
        """Have somebody sign in who is not signed in yet."""
        visitor = self.visitor()
        try:
            arrival = visitor.sign_in(self.issuer(realm), account.email)
        finally:
            visitor.close()
        assert isinstance(arrival, SignedIn), arrival
        return arrival

    def person(self, name: str) -> Account:
        """Return a Google account that nobody used before."""
        count = len(self.google.accounts.all())
        account: Account = self.google.accounts.create(
            f"{name}{count}@gmail.com", name=f"{name.title()} Tester"
        )
        return account

    def subject(self, realm: str, account: Account) -> str:
        """Return the id of the Keycloak user with an account's email."""
        with self.admin() as admin:
            user = admin.user(realm, account.email)
        assert user is not None
        return str(user["id"])

    def refresh_tokens(self, account: Account) -> list[str]:
        """Return an account's living refresh tokens."""
        return [token.token for token in self.google.refresh_tokens(account)]

    def screens(self, account: Account) -> int:
        """Return how many consent screens Google has shown to an account."""
        shown = self.google.stats().consent_screens
        return int(shown.get((account.sub, self.world.client.client_id), 0))

    def close(self) -> None:
        """End everything that this has started."""
        self.stop()
        self.bridge.down()


@contextmanager
def site(folder: Path, version: str) -> Iterator[Site]:
    """Prepare everything but Keycloak's start."""
    with ExitStack() as stack:
        server = stack.enter_context(SandboxServer())
        files = folder / "bridge"
        files.mkdir()
        world = World(files, server, ShiftedClock())
        stack.callback(world.close)
        app_server = stack.enter_context(LocalServer())
        app = App(app_server.url)
        app_server.mount(app.flask())
        made = Site(
            folder=folder,
            world=world,
            bridge=Bridge(world, free_port()),
            front=stack.enter_context(fronting(folder, server.url)),
            database=stack.enter_context(database()),
            home=Home.made(fetched(version), folder / "keycloak"),
            port=free_port(),
            app=app,
        )
        endpoints = [f"{made.issuer(realm)}/broker/google/endpoint" for realm in REALMS]
        world.google.clients.set_redirect_uris(world.client, endpoints)
        made.bridge.up()
        stack.callback(made.close)
        yield made


def bare(site: Site) -> Realm:
    """Return the realm `LEGACY` as it was before the provider: tokens stored, and shown."""
    return named(without_provider(tempting(shipped(), site)), LEGACY)


def generic(site: Site) -> Realm:
    """Return the realm `GENERIC`."""
    return named(tempting(with_oidc(shipped(), site.world.server.url), site), GENERIC)


def tempting(realm: Realm, site: Site) -> Realm:
    """Switch on everything by which Keycloak hands a provider's tokens to clients."""
    provider = google_of(realm)
    provider |= {"storeToken": True, "addReadTokenRoleOnCreate": True}
    provider["config"]["clientSecret"] = site.world.client.secrets[0]
    [client] = realm["clients"]
    client["fullScopeAllowed"] = True
    client["attributes"] |= {"external.token.enabled": "true", "external.token.idp": "google"}
    client["protocolMappers"] = [
        {
            "name": "own audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {"included.client.audience": CLIENT_ID, "access.token.claim": "true"},
        },
        {
            "name": NOTE_CLAIM,
            "protocol": "openid-connect",
            "protocolMapper": "oidc-usersessionmodel-note-mapper",
            "config": {
                "user.session.note": "FEDERATED_REFRESH_TOKEN",
                "claim.name": NOTE_CLAIM,
                "jsonType.label": "String",
                "id.token.claim": "true",
                "access.token.claim": "true",
                "userinfo.token.claim": "true",
            },
        },
    ]
    return realm


def install(site: Site) -> None:
    """Restart Keycloak with the provider, and set up `LEGACY` by hand as the README says."""
    site.stop()
    site.home.add_provider(built_provider())
    site.home.add_realm(SHIPPED, json.dumps(shipped()))
    site.home.add_realm(GENERIC, json.dumps(generic(site)))
    site.start(*site.provider_options())
    with site.admin() as admin:
        set_up(admin, LEGACY)


def set_up(admin: Admin, realm: str) -> None:
    """Do in an existing realm what `keycloak/README.md` says."""
    admin.post(
        f"{realm}/authentication/flows",
        {"alias": FLOW, "providerId": "basic-flow", "topLevel": True, "builtIn": False},
    )
    executions = f"{realm}/authentication/flows/{FLOW}/executions"
    admin.post(f"{executions}/execution", {"provider": "grantbridge-consent"})
    [execution] = admin.get(executions)
    admin.put(executions, execution | {"requirement": "REQUIRED"})
    google = admin.get(f"{realm}/identity-provider/instances/google")
    google["postBrokerLoginFlowAlias"] = FLOW
    admin.put(f"{realm}/identity-provider/instances/google", google)
    admin.post(
        f"{realm}/identity-provider/instances/google/mappers",
        {
            "name": FLOW,
            "identityProviderAlias": "google",
            "identityProviderMapper": "grantbridge-mapper",
            "config": {"syncMode": "FORCE"},
        },
    )
    actions = admin.get(f"{realm}/authentication/unregistered-required-actions")
    [ours] = [action for action in actions if action["providerId"] == "grantbridge-consent-action"]
    admin.post(f"{realm}/authentication/register-required-action", ours)


@contextmanager
def provider_off(admin: Admin, realm: str) -> Iterator[None]:
    """Take the mapper and the flow off a realm's identity provider for a while."""
    path = f"{realm}/identity-provider/instances/google"
    google, [mapper] = admin.get(path), admin.get(f"{path}/mappers")
    admin.delete(f"{path}/mappers/{mapper['id']}")
    admin.put(path, google | {"postBrokerLoginFlowAlias": ""})
    try:
        yield
    finally:
        admin.put(path, google | {"postBrokerLoginFlowAlias": FLOW})
        admin.post(f"{path}/mappers", mapper)
