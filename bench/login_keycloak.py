"""What the provider adds to a login: pairs of logins with and without it, one after the other.

Both realms are of one Keycloak, on PostgreSQL with its promises about the disk, and differ in the
provider alone. A login is all that a browser waits for, from the app's button to the app's page;
the stand-in for Google is in it on both sides.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import programs
from bench.harness import Beside, Figure, Measure, Plan, at_most, median
from bench.setup import CALENDAR, TENANT, GoogleApp, Setup, set_up
from bridge.cli.demo.ports import free_port
from bridge.sandbox import SandboxServer
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tools.keycloak.database import database
from tools.keycloak.distribution import built_provider, fetched
from tools.keycloak.realm import Realm, google_of, named, shipped, with_oidc, without_provider
from tools.keycloak.relying_app import SECRET, App
from tools.keycloak.server import LONG_LIVED, Home, running
from tools.keycloak.visitor import Visitor

_WITH: Final = "with"
_WITHOUT: Final = "without"
_PEOPLE: Final = 20
_OPTION: Final = "--spi-grantbridge--default--"
_MOST_ADDED_MS: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the logins happen."""

    app: App
    google: SandboxServer
    port: int

    def login(self, realm: str, account: Account) -> float | None:
        """Have somebody sign in who has no session; return the milliseconds, None if it failed."""
        visitor = Visitor(self.app, self.google.url)
        try:
            begun = time.perf_counter()
            arrival = visitor.sign_in(f"http://localhost:{self.port}/realms/{realm}", account.email)
            took = time.perf_counter() - begun
        finally:
            visitor.close()
        return took * 1000 if isinstance(arrival, SignedIn) else None


def run(plan: Plan) -> Figure:
    """Measure."""
    pairs, warm_up = plan.of(200, 20), plan.of(100, 10)
    with _place(plan.folder) as (place, setup):
        create = place.google.google.accounts.create
        people = [
            create(f"user{number}@gmail.com", name=f"User {number}") for number in range(_PEOPLE)
        ]
        for number in range(max(warm_up, _PEOPLE)):
            _pair(place, people, number)
        measured = [_pair(place, people, number) for number in range(pairs)]
    return _figure(setup, measured)


def _pair(place: _Place, people: list[Account], number: int) -> dict[str, float | None]:
    """Have one person sign in at both realms, at one first and at the other first in turn."""
    realms = (_WITH, _WITHOUT) if number % 2 else (_WITHOUT, _WITH)
    account = people[number % len(people)]
    return {realm: place.login(realm, account) for realm in realms}


def _figure(setup: Setup, measured: list[dict[str, float | None]]) -> Figure:
    whole = [
        (with_it, without_it)
        for with_it, without_it in ((pair[_WITH], pair[_WITHOUT]) for pair in measured)
        if with_it is not None and without_it is not None
    ]
    added = median([with_it - without_it for with_it, without_it in whole])
    with_ms, without_ms = (median(list(side)) for side in zip(*whole, strict=True))
    return Figure(
        name="login_keycloak",
        value=added,
        unit="ms",
        ratio=with_ms / without_ms,
        against="the same login without the provider",
        measures=(
            Measure("added_ms_median", added, "ms", at_most(_MOST_ADDED_MS)),
            Measure("with_ms_median", with_ms, "ms"),
            Measure("without_ms_median", without_ms, "ms"),
            Measure("pairs", len(whole)),
            Measure("errors", len(measured) - len(whole), "", at_most(0)),
        ),
        beside=Beside(
            server="bridge serve, Keycloak on PostgreSQL, one visitor at a time",
            workers=setup.workers,
            threads=setup.threads,
        ),
    )


@contextmanager
def _place(folder: Path) -> Iterator[tuple[_Place, Setup]]:
    with ExitStack() as stack:
        google = stack.enter_context(SandboxServer())
        serving = stack.enter_context(LocalServer())
        app = App(serving.url)
        serving.mount(app.flask())
        port = free_port()
        endpoints = [_endpoint(port, realm) for realm in (_WITH, _WITHOUT)]
        client = google.google.clients.create(redirect_uris=endpoints)
        setup = set_up(
            folder / "bridge",
            app=GoogleApp(client.client_id, client.secrets[0], google.url),
        )
        stack.enter_context(programs.bridge(setup))
        kept = stack.enter_context(database(careful=True))
        home = Home.made(fetched(), folder / "keycloak")
        home.add_provider(built_provider())
        home.add_realm(_WITH, json.dumps(_realm(_WITH, google, setup)))
        home.add_realm(_WITHOUT, json.dumps(without_provider(_realm(_WITHOUT, google, setup))))
        stack.enter_context(
            running(
                home,
                [*kept.keycloak_options, *_provider_options(folder, setup)],
                admin_password=secrets.token_urlsafe(),
                port=port,
                environment={
                    "GOOGLE_CLIENT_ID": client.client_id,
                    "GOOGLE_SCOPES": f"openid profile email {CALENDAR}",
                    "SAMPLE_APP_URL": app.url,
                    "SAMPLE_APP_SECRET": SECRET,
                },
                java=LONG_LIVED,
            )
        )
        yield _Place(app=app, google=google, port=port), setup


def _endpoint(port: int, realm: str) -> str:
    return f"http://localhost:{port}/realms/{realm}/broker/google/endpoint"


def _realm(name: str, google: SandboxServer, setup: Setup) -> Realm:
    realm = named(with_oidc(shipped(), google.url), name)
    google_of(realm)["config"]["clientSecret"] = setup.app.client_secret
    return realm


def _provider_options(folder: Path, setup: Setup) -> list[str]:
    keys, secret = folder / "bridge.jwks.json", folder / "hook.secret"
    with setup.services() as services:
        keys.write_text(json.dumps(services.keys.present.envelope.public_jwks()))
    secret.write_text(setup.hook_secret)
    options = {
        "url": f"http://127.0.0.1:{setup.port}",
        "tenant": TENANT,
        "secret-file": secret,
        "public-key-file": keys,
    }
    return [f"{_OPTION}{name}={value}" for name, value in options.items()]
