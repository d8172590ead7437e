"""The API as a backend sees it, and an issuer of callers' JWTs."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec.structs import replace
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.crypto.keyring import Keyring
from bridge.model import Grant
from bridge.services import build
from bridge.store.base import Row
from bridge.vault.keys import KeyMaterial
from tests.kit import CALENDAR, SIGN_IN, TENANT, World
from tests.wsgi import internal_wsgi

PROBLEM = "application/problem+json"


@dataclass
class Backend:
    """A caller with its key, and short ways to ask."""

    http: HttpClient
    key: str

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.open("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> TestResponse:
        return self.open("POST", path, json=body, **more)

    def delete(self, path: str) -> TestResponse:
        return self.open("DELETE", path)

    def open(self, method: str, path: str, **more: Any) -> TestResponse:
        headers = {"Authorization": self.key} | more.pop("headers", {})
        return self.http.open(path, method=method, headers=headers, **more)

    def token(self, subject: str, /, **more: Any) -> TestResponse:
        """Ask for a subject's Calendar token."""
        return self.post("/v1/token", token_request(subject, **more))


def token_request(subject: str | None, /, **more: Any) -> dict[str, Any]:
    return {"tenant": TENANT, "subject": subject, "scopes": [CALENDAR]} | more


def assert_problem(response: TestResponse, status: int, code: str, **members: object) -> None:
    """Check that an answer is a whole problem of RFC 9457 with these members."""
    told = response.get_json(force=True)
    assert (response.status_code, told["code"]) == (status, code), told
    assert response.content_type == PROBLEM
    assert told["type"] == f"urn:grantbridge:error:{code}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"].endswith(".")
    assert told["request_id"] == response.headers["X-Request-Id"]
    assert {name: told.get(name) for name in members} == members


def http_of(world: World) -> HttpClient:
    """Return a client of the internal app that sends the cookies it is given."""
    return HttpClient(internal_wsgi(world.services), use_cookies=False)


@pytest.fixture
def backend(bridge_world: World) -> Backend:
    """A caller that may do everything everywhere."""
    return Backend(http_of(bridge_world), bridge_world.key())


def another(world: World, backend: Backend, name: str, **allowance: Any) -> Backend:
    """Return one more caller of the same app."""
    return Backend(backend.http, world.key(name, **allowance))


def both_clients(world: World, subject: str, **more: Any) -> tuple[str, str]:
    """Give a subject a grant for each client of the tenant's project; return their ids."""
    account = world.account()
    for client in (world.client, world.data_client):
        tokens = world.sign_in(account, f"{SIGN_IN} {CALENDAR}", client=client)
        world.login(subject, account, tokens, client=client, **more)
    # Google dates to the second: what is revoked in the second of its consent is tried once more.
    world.clock.advance(2)
    ids = {grant.client_id: grant.id for grant in world.grants_of(subject)}
    return ids[world.client.client_id], ids[world.data_client.client_id]


def damaged(row: Row) -> Row:
    """Return a row as a failing disk might."""
    return replace(row, version=row.version + 1, body=row.body[:-1] + bytes([row.body[-1] ^ 1]))


def other_record_keys(world: World) -> None:
    """Have the bridge lose the keys that its records were sealed with."""
    present = world.services.keys.present
    ring = Keyring({"rk_other": secrets.token_bytes(32)})
    world.services.keys.refill(KeyMaterial(ring, present.hasher, present.envelope))


def at(world: World, grant_id: str) -> Grant:
    """Return a grant as it is now."""
    held = world.services.grants.get(grant_id)
    assert held is not None
    return held.record


@dataclass
class Issuer:
    """An issuer of JWTs with a JWK set on a real socket.

    Attributes:
        url: its name, and where its keys are.
        keys: private keys by id.
        listed: the ids that its set holds.
        fetches: how often the set was asked for.
        is_up: whether it answers.
    """

    url: str
    keys: Mapping[str, Any]
    listed: list[str]
    fetches: int = 0
    is_up: bool = True
    extra: list[dict[str, Any]] = field(default_factory=list)

    def jwk(self, kid: str) -> dict[str, Any]:
        key = self.keys[kid]
        is_rsa = isinstance(key, rsa.RSAPrivateKey)
        made: Any = jwt.algorithms.RSAAlgorithm if is_rsa else jwt.algorithms.ECAlgorithm
        return {**made.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}

    def document(self) -> bytes:
        return json.dumps({"keys": [*map(self.jwk, self.listed), *self.extra]}).encode()

    def claims(self, now: float, **changes: object) -> dict[str, Any]:
        claims = {
            "iss": self.url,
            "aud": ["something-else", "grantbridge"],
            "azp": "calendar-sync",
            "sub": "service-account",
            "iat": int(now),
            "exp": int(now) + 300,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        now: float,
        kid: str = "rsa",
        header: Mapping[str, Any] | None = None,
        **claims: object,
    ) -> str:
        """Return an `Authorization` header with a token that is good but for the changes."""
        algorithm = "RS256" if isinstance(self.keys[kid], rsa.RSAPrivateKey) else "ES256"
        headers = {"kid": kid} | dict(header or {})
        payload = json.dumps(self.claims(now, **claims)).encode()
        signed = jwt.PyJWS().encode(payload, self.keys[kid], algorithm, headers)
        return f"Bearer {signed}"


@pytest.fixture(scope="session")
def private_keys() -> Mapping[str, Any]:
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "other": rsa.generate_private_key(65537, 2048),
    }


@pytest.fixture
def issuer(private_keys: Mapping[str, Any]) -> Iterator[Issuer]:
    """A running issuer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.fetches += 1
            body = made.document() if made.is_up else b""
            self.send_response(200 if made.is_up else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        made = Issuer(url, private_keys, ["rsa", "ec"])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def with_issuer(bridge_world: World, issuer: Issuer) -> World:
    """A bridge that lets the issuer's `calendar-sync` read Calendar tokens of one tenant."""
    settings = f"""
    [[issuers]]
    issuer = "{issuer.url}"
    jwks_url = "{issuer.url}/keys"
    audience = "grantbridge"
    authorized_parties = ["calendar-sync"]
    tenants = ["{TENANT}"]
    scopes = ["{CALENDAR}"]
    permissions = ["token", "grants:read"]
    """
    bridge_world.services.close()
    bridge_world.config.write_text(f"{bridge_world.toml()}\n{settings}")
    bridge_world.services = build(bridge_world.settings, bridge_world.clock)
    return bridge_world
