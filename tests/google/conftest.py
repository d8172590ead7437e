from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import responses
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from bridge.clock import SystemClock
from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.id_token import IdTokenVerifier
from bridge.google.transport import Timeouts, Transport
from bridge.secret import Secret

NOW = 1_760_000_000
DATE = "Thu, 09 Oct 2025 08:53:20 GMT"  # NOW
CLIENT_ID = "1234-web.apps.googleusercontent.com"

Behaviour = Callable[[socket.socket, threading.Event], None]


@dataclass
class FakeClock:
    """Time that passes only in `sleep` and `advance`."""

    wall: float = NOW
    steady: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def endpoints() -> Endpoints:
    return Endpoints.at("https://google.test")


@pytest.fixture
def transport(clock: FakeClock) -> Iterator[Transport]:
    transport = Transport(clock)
    yield transport
    transport.close()


@pytest.fixture
def client(endpoints: Endpoints, clock: FakeClock, transport: Transport) -> GoogleClient:
    return GoogleClient(endpoints, clock, transport, jitter=lambda: 0.5)


@pytest.fixture
def credentials() -> ClientCredentials:
    return ClientCredentials(CLIENT_ID, Secret("GOCSPX-the-client-secret"))


@pytest.fixture
def google() -> Iterator[responses.RequestsMock]:
    """Answer in Google's place, and insist that every answer laid out is asked for."""
    with responses.RequestsMock() as mock:
        yield mock


@dataclass
class Signer:
    """Google's side of ID tokens: keys, and tokens signed with them."""

    keys: Mapping[str, RSAPrivateKey]

    def jwks(self, *kids: str) -> dict[str, Any]:
        return {"keys": [self.jwk(kid) for kid in kids]}

    def jwk(self, kid: str) -> dict[str, Any]:
        public = self.keys[kid].public_key()
        jwk = dict(jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True))
        return {**jwk, "kid": kid, "alg": "RS256", "use": "sig"}

    def claims(self, **changes: object) -> dict[str, Any]:
        claims = {
            "iss": "https://accounts.google.com",
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": "117",
            "email": "ada@example.com",
            "email_verified": True,
            "hd": "example.com",
            "nonce": "n-1",
            "at_hash": "h-1",
            "iat": NOW,
            "exp": NOW + 3600,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "k1", *, named: str | None = None, **changes: object) -> Secret:
        headers = {"kid": named or kid}
        claims = self.claims(**changes)
        return Secret(jwt.encode(claims, self.keys[kid], algorithm="RS256", headers=headers))


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer({kid: generate_private_key(65537, 2048) for kid in ("k1", "k2")})


@pytest.fixture
def verifier(endpoints: Endpoints, clock: FakeClock, transport: Transport) -> IdTokenVerifier:
    return IdTokenVerifier(endpoints, clock, transport)


class _Server(socketserver.ThreadingTCPServer):
    connections = 0

    def get_request(self) -> tuple[socket.socket, object]:
        accepted = super().get_request()
        self.connections += 1
        return accepted


@dataclass
class Loopback:
    """A server on a real socket whose connections all do the same odd thing."""

    url: str
    server: _Server
    stop: threading.Event

    @property
    def connections(self) -> int:
        return self.server.connections


def _handler(behaviour: Behaviour, stop: threading.Event) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # A client that gives up is what most of these tests are about.
            with contextlib.suppress(OSError):
                behaviour(self.request, stop)

    return Handler


@pytest.fixture
def loopback() -> Iterator[Callable[[Behaviour], Loopback]]:
    """Return a function that starts a server; a behaviour gets the connection and a stop event."""
    started: list[tuple[Loopback, threading.Thread]] = []

    def start(behaviour: Behaviour) -> Loopback:
        stop = threading.Event()
        server = _Server(("127.0.0.1", 0), _handler(behaviour, stop))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running = Loopback(f"http://127.0.0.1:{server.server_address[1]}", server, stop)
        started.append((running, thread))
        return running

    yield start
    for running, thread in started:
        running.stop.set()
        running.server.shutdown()
        running.server.server_close()
        thread.join()


@pytest.fixture
def hasty() -> Iterator[Transport]:
    """Return a transport on the host's clock with half a second for everything."""
    transport = Transport(SystemClock(), Timeouts(connect=0.5, read=0.5, total=0.5))
    yield transport
    transport.close()


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body; empty when the client has hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(4096)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    missing = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
    while missing > 0:
        chunk = connection.recv(missing)
        missing -= len(chunk)
        data += chunk
    return data


def http(body: bytes | str | dict[str, object], status: str = "200 OK") -> bytes:
    """Return the bytes of a whole answer."""
    text = json.dumps(body) if isinstance(body, dict) else body
    raw = text.encode() if isinstance(text, str) else text
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(raw), raw)
