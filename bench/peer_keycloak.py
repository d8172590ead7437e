"""Keycloak's broker token endpoint: production mode, H2 in memory, our provider not installed.

Its users sign in through it with the sandbox Google, so that what it serves is what it stored.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench import programs
from bench.peer import Peer, UnavailableError
from bench.setup import CALENDAR
from bench.wrk import requests_file
from bridge.cli.demo.ports import free_port
from bridge.sandbox import SandboxServer
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Client
from bridge.sandbox.relying_party import SignedIn
from tools.keycloak import distribution
from tools.keycloak.realm import Realm, google_of, named, shipped, with_oidc, without_provider
from tools.keycloak.relying_app import SECRET, App
from tools.keycloak.server import PRODUCTION, Home, Keycloak, KeycloakFailedError, running
from tools.keycloak.visitor import Visitor

_USERS: Final = 100
_REALM: Final = "peer"
_LIFE_S: Final = 7200
# One core serves: a collector that has threads of its own beside it costs more than it saves.
_JAVA: Final = "-Xms1g -Xmx1g -XX:-UseG1GC -XX:+UseSerialGC"


@contextmanager
def keycloak(folder: Path) -> Iterator[Peer]:
    """Run one whose users' tokens are fresh.

    Raises:
        UnavailableError: it cannot be fetched here, or does not start.
    """
    try:
        programs.need("java", "default-jre-headless")
        fetched = distribution.fetched()
    except (programs.MissingToolError, distribution.UnavailableError) as error:
        raise UnavailableError(str(error)) from None
    port = free_port()
    with ExitStack() as stack:
        google = stack.enter_context(SandboxServer())
        serving = stack.enter_context(LocalServer())
        app = App(serving.url)
        serving.mount(app.flask())
        issuer = f"http://localhost:{port}/realms/{_REALM}"
        client = google.google.clients.create(redirect_uris=[f"{issuer}/broker/google/endpoint"])
        home = replace(Home.made(fetched, folder / "keycloak"), start=PRODUCTION)
        home.add_realm(_REALM, json.dumps(_realm(google.url, client)))
        server = stack.enter_context(
            _started(
                home,
                port,
                {
                    "GOOGLE_CLIENT_ID": client.client_id,
                    "GOOGLE_SCOPES": f"openid profile email {CALENDAR}",
                    "SAMPLE_APP_URL": app.url,
                    "SAMPLE_APP_SECRET": SECRET,
                },
            )
        )
        reads = [_read(app, google, issuer) for _ in range(_USERS)]
        yield Peer(server.process.pid, port, requests_file(folder / "keycloak-reads", reads))


@contextmanager
def _started(home: Home, port: int, environment: Mapping[str, str]) -> Iterator[Keycloak]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(
                running(
                    home,
                    ["--db=dev-mem", "--log-level=warn"],
                    admin_password=secrets.token_urlsafe(),
                    port=port,
                    environment=environment,
                    java=_JAVA,
                )
            )
        except KeycloakFailedError as error:
            raise UnavailableError(str(error)) from None
        yield server


def _realm(google: str, client: Client) -> Realm:
    """Return a realm that stores Google's tokens and lets users have them."""
    realm = without_provider(named(with_oidc(shipped(), google), _REALM))
    provider = google_of(realm)
    provider["config"]["clientSecret"] = client.secrets[0]
    provider |= {"storeToken": True, "addReadTokenRoleOnCreate": True}
    realm |= {"accessTokenLifespan": _LIFE_S, "ssoSessionIdleTimeout": _LIFE_S}
    [sample] = realm["clients"]
    sample["fullScopeAllowed"] = True
    return realm


def _read(app: App, google: SandboxServer, issuer: str) -> bytes:
    """Have somebody new sign in; return their request for Google's token."""
    email = f"user{secrets.token_hex(8)}@gmail.com"
    google.google.accounts.create(email, name="A User")
    visitor = Visitor(app, google.url)
    try:
        arrival = visitor.sign_in(issuer, email)
    finally:
        visitor.close()
    if not isinstance(arrival, SignedIn):
        raise TypeError(f"the peer's user was not signed in: {arrival}")
    url = urlsplit(f"{issuer}/broker/google/token")
    return (
        f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {arrival.tokens['access_token']}\r\n\r\n"
    ).encode()
