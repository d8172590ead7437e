"""Where the demo plays: Keycloak with the provider, a stand-in for Google, a bridge, an app.

Owns the composition: who is told whose address and secret.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from bridge.cli.demo.ports import free_ports
from bridge.cli.demo.serving import (
    caller_key,
    loopback,
    public_keys,
    serving,
    write,
)
from bridge.cli.demo.stage import ADMIN as ADMIN_CALLER
from bridge.cli.demo.stage import APP_NAME, BACKEND, SCOPES, TENANT, settle
from bridge.clock import SystemClock
from bridge.config.keys import generate, write_keys
from bridge.config.template import new_hook_secret
from bridge.config.urls import CALLBACK_PATH
from bridge.sandbox import SandboxServer
from bridge.sandbox.local_server import LocalServer
from bridge.sandbox.records import Client
from bridge.sandbox.sample_app import AppSettings, CalledBridge, create_app
from bridge.sandbox.sample_app.settings import CONNECTED_PATH
from bridge.sandbox.state import SandboxGoogle
from bridge.secret import Secret
from tools.keycloak.distribution import built_provider, fetched
from tools.keycloak.observing import ObservingDiary
from tools.keycloak.realm import google_of, shipped, with_account_claim, with_oidc
from tools.keycloak.server import Home, Keycloak, running

_APP_ID: Final = "sample-app"
_OPTION: Final = "--spi-grantbridge--default--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The running demo.

    Attributes:
        folder: the bridge's files, and Keycloak's.
        google: the stand-in's state; it is served at `google_url`.
        client: the Google client that Keycloak and the bridge share.
        app: the origin of the sample app.
        keycloak: the server.
        realm: the URL of its realm.
        internal, public: the origins of the bridge's listeners.
        bridge: the process of `bridge serve`.
    """

    folder: Path
    google: SandboxGoogle
    google_url: str
    client: Client
    app: str
    keycloak: Keycloak
    realm: str
    internal: str
    public: str
    bridge: subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is known before anything runs."""

    folder: Path
    google: str
    client: Client
    app: str
    port: int
    internal: int
    public: int
    hook_secret: Secret
    app_secret: Secret

    @property
    def realm(self) -> str:
        return f"http://localhost:{self.port}/realms/{shipped()['realm']}"

    @property
    def config(self) -> Path:
        return self.folder / "bridge.toml"


@contextmanager
def playing(say: Callable[[str], None]) -> Iterator[Stage]:
    """Start everything, and stop it at the end.

    Args:
        say: told what is being done, as it takes a while.

    Raises:
        DemoFailedError: the bridge does not start.
        KeycloakFailedError: Keycloak does not.
        UnavailableError: Keycloak or the provider cannot be had.
    """
    with ExitStack() as stack:
        say("fetching Keycloak, once")
        distribution = fetched()
        say("building the provider")
        provider = built_provider()
        say("starting; Keycloak takes half a minute")
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="grantbridge-keycloak-"))
        google = stack.enter_context(SandboxServer())
        app = stack.enter_context(LocalServer())
        plan = _plan(Path(folder), google, app)
        settle(google.google)
        write(plan.config, _settings(plan))
        write_keys(plan.folder / "bridge.keys.json", generate(time.time()))
        bridge = stack.enter_context(serving(plan.config, plan.internal))
        home = Home.made(distribution, plan.folder / "keycloak")
        home.add_provider(provider)
        home.add_realm(shipped()["realm"], json.dumps(_realm(plan)))
        keycloak = stack.enter_context(
            running(
                home,
                ["--db=dev-mem", *_provider_options(plan)],
                admin_password=secrets.token_urlsafe(),
                port=plan.port,
                environment=_environment(plan),
            )
        )
        clock = SystemClock()
        diary = ObservingDiary(clock, google.google, plan.client)
        app.mount(create_app(_app_settings(plan), clock, diary, google.google, plan.client))
        yield Stage(
            folder=plan.folder,
            google=google.google,
            google_url=google.url,
            client=plan.client,
            app=plan.app,
            keycloak=keycloak,
            realm=plan.realm,
            internal=loopback(plan.internal),
            public=f"http://localhost:{plan.public}",
            bridge=bridge,
        )


def _plan(folder: Path, google: SandboxServer, app: LocalServer) -> _Plan:
    port, internal, public = free_ports(3)
    endpoint = f"http://localhost:{port}/realms/{shipped()['realm']}/broker/google/endpoint"
    client = google.google.clients.create(
        name=APP_NAME, redirect_uris=[endpoint, f"http://localhost:{public}{CALLBACK_PATH}"]
    )
    return _Plan(
        folder=folder,
        google=google.url,
        client=client,
        app=app.url,
        port=port,
        internal=internal,
        public=public,
        hook_secret=Secret(new_hook_secret()),
        app_secret=Secret(secrets.token_urlsafe()),
    )


def _settings(plan: _Plan) -> str:
    return f"""\
mode = "development"
public_url = "http://localhost:{plan.public}"

[internal]
bind = "127.0.0.1:{plan.internal}"
workers = 1
threads = 32

[public]
bind = "127.0.0.1:{plan.public}"
threads = 8

[google]
base_url = "{plan.google}"

[tenants.{TENANT}]
issuer = "{plan.realm}"
hook_secrets = ["{plan.hook_secret.reveal()}"]
app_name = "{APP_NAME}"
return_to = ["{plan.app}{CONNECTED_PATH}"]

[[tenants.{TENANT}.clients]]
client_id = "{plan.client.client_id}"
client_secret = "{plan.client.secrets[0]}"
"""


def _realm(plan: _Plan) -> dict[str, object]:
    realm = with_account_claim(with_oidc(shipped(), plan.google))
    google_of(realm)["config"]["clientSecret"] = plan.client.secrets[0]
    return realm


def _environment(plan: _Plan) -> dict[str, str]:
    return {
        "GOOGLE_CLIENT_ID": plan.client.client_id,
        "GOOGLE_SCOPES": " ".join(SCOPES),
        "SAMPLE_APP_URL": plan.app,
        "SAMPLE_APP_SECRET": plan.app_secret.reveal(),
    }


def _provider_options(plan: _Plan) -> list[str]:
    keys, secret = plan.folder / "bridge.jwks.json", plan.folder / "hook.secret"
    write(secret, plan.hook_secret.reveal())
    write(keys, public_keys(plan.config))
    return [
        f"{_OPTION}url={loopback(plan.internal)}",
        f"{_OPTION}tenant={TENANT}",
        f"{_OPTION}secret-file={secret}",
        f"{_OPTION}public-key-file={keys}",
    ]


def _app_settings(plan: _Plan) -> AppSettings:
    def bridge(*caller: str) -> CalledBridge:
        key = caller_key(plan.config, caller)
        return CalledBridge(internal=loopback(plan.internal), tenant=TENANT, key=key)

    leaving = {"client_id": _APP_ID, "post_logout_redirect_uri": f"{plan.app}/"}
    return AppSettings(
        origin=plan.app,
        name=APP_NAME,
        idp=plan.realm,
        client_id=_APP_ID,
        client_secret=plan.app_secret,
        google=plan.google,
        backend=bridge(*BACKEND),
        admin=bridge(*ADMIN_CALLER),
        # Keycloak passes it on to Google, which would else go on with who was there last.
        prompt="select_account",
        sign_out=f"{plan.realm}/protocol/openid-connect/logout?{urlencode(leaving)}",
    )
