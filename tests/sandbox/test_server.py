"""How the sandbox is served, and where it refuses to be."""

from __future__ import annotations

import http.client
import socket
import threading
from urllib.parse import urlsplit

import pytest

from bridge.sandbox import SandboxGoogle, SandboxServer, howto, serve_google
from tests.sandbox.conftest import World


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104 - refused
def test_other_addresses_than_loopback_are_refused(host: str) -> None:
    """Neither entry point listens where others could reach it."""
    with pytest.raises(ValueError, match="loopback only"):
        serve_google(host)
    with pytest.raises(ValueError, match="loopback only"):
        SandboxServer(host=host)


def test_production_is_refused() -> None:
    """In production mode the sandbox does not start."""
    with pytest.raises(ValueError, match="never runs in production"):
        serve_google(production=True)


def test_a_blocking_server_tells_when_it_is_ready() -> None:
    """The command learns the origin and can set the state up before the first request."""
    ready = threading.Event()
    seen: list[tuple[str, SandboxGoogle]] = []

    def on_ready(origin: str, google: SandboxGoogle) -> None:
        google.accounts.create("ann@gmail.com")
        seen.append((origin, google))
        ready.set()

    threading.Thread(target=serve_google, kwargs={"on_ready": on_ready}, daemon=True).start()
    assert ready.wait(10)
    connection = http.client.HTTPConnection(urlsplit(seen[0][0]).netloc, timeout=10)
    connection.request("GET", "/sandbox/accounts")
    assert b"ann@gmail.com" in connection.getresponse().read()
    connection.close()


def test_a_connection_is_kept_for_many_requests(world: World) -> None:
    """HTTP/1.1 keep-alive: requests over one socket, bodies that nobody reads included."""
    connection = http.client.HTTPConnection(urlsplit(world.url).netloc, timeout=10)
    connection.connect()
    first = connection.sock
    for path, body in (("/oauth2/v3/certs", None), ("/nothing", b"x" * 9), ("/token", b"y" * 9)):
        connection.request("POST" if body else "GET", path, body)
        connection.getresponse().read()
        assert connection.sock is first
    connection.close()


def test_a_chunked_body_is_read(world: World) -> None:
    """A form may come in chunks."""
    connection = http.client.HTTPConnection(urlsplit(world.url).netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    form = f"token={world.mint()}".encode()
    connection.request("POST", "/revoke", iter([form[:7], form[7:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_an_old_client_gets_its_connection_closed(world: World) -> None:
    """HTTP/1.0 ends after one answer."""
    parts = urlsplit(world.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as raw:
        raw.sendall(b"GET /oauth2/v3/certs HTTP/1.0\r\n\r\n")
        answer = raw.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer


def test_a_head_request_has_no_body(world: World) -> None:
    """HEAD is answered by headers alone, and the connection stays in step."""
    assert world.http.head(world.endpoints["certs"]).text == ""
    assert world.http.get(world.endpoints["certs"]).json()["keys"]


def test_leaving_the_context_ends_everything() -> None:
    """Held answers go out, open connections close, and the port is free again."""
    with SandboxServer() as server:
        hold = server.google.hold("certs")
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
        connection.request("GET", "/oauth2/v3/certs")
        assert hold.wait_for(1)
    connection.close()
    parts = urlsplit(server.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname, parts.port), timeout=1)


def test_the_endpoints_have_googles_paths(world: World) -> None:
    """Every URL is Google's path on the sandbox's origin."""
    assert {name: url.removeprefix(world.url) for name, url in world.endpoints.items()} == {
        "authorization": "/o/oauth2/v2/auth",
        "token": "/token",
        "revocation": "/revoke",
        "tokeninfo": "/tokeninfo",
        "certs": "/oauth2/v3/certs",
        "userinfo": "/v1/userinfo",
        "discovery": "/.well-known/openid-configuration",
        "risc_configuration": "/.well-known/risc-configuration",
    }


def test_the_howto_names_the_origin() -> None:
    """The text that the command prints has working URLs in it."""
    text = howto("http://127.0.0.1:8090")
    assert "http://127.0.0.1:8090/token" in text
    assert '{"email": "ann@gmail.com"}' in text
