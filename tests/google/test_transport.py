from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.clock import SystemClock
from bridge.google.answer import Answer
from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.outcome import Transient, TransientReason
from bridge.google.transport import LARGEST_BODY, Timeouts, Transport
from bridge.secret import Secret
from tests.google.conftest import Behaviour, Loopback, http, read_request

pytestmark = pytest.mark.enable_socket

Start = Callable[[Behaviour], Loopback]
FORM = Secret("refresh_token=1%2F%2F0rt")


def post(transport: Transport, url: str) -> Answer | Transient:
    return transport.post(url, FORM, transport.deadline())


def dripping(head: bytes) -> Behaviour:
    """Send `head`, then a byte now and then, each well within the time-out of a single wait."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(head)
        while not stop.wait(0.05):
            connection.sendall(b"a")

    return behave


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"",
    ],
    ids=["body", "header", "status-line"],
)
def test_a_dripping_answer_ends_with_the_budget(
    head: bytes, loopback: Start, hasty: Transport
) -> None:
    """No single wait is too long, and yet the call is over in time, whatever drips.

    Without its budget of half a second it would take 40 minutes or more.
    """
    server = loopback(dripping(head))
    began = time.monotonic()
    outcome = post(hasty, server.url)
    took = time.monotonic() - began
    assert outcome == Transient(reason=TransientReason.TIMEOUT)
    assert took < 30


def test_a_silent_server_is_given_up(loopback: Start, hasty: Transport) -> None:
    """Without a byte of answer the read time-out ends the call, which may have arrived."""

    def behave(_connection: socket.socket, stop: threading.Event) -> None:
        stop.wait(10)

    assert post(hasty, loopback(behave).url) == Transient(reason=TransientReason.TIMEOUT)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"access_token": "ya29',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=["length", "chunk", "chunk-size", "status-line", "nothing"],
)
def test_a_truncated_answer_is_a_lost_connection(
    answer: bytes, loopback: Start, hasty: Transport
) -> None:
    """Half an answer is none, wherever it breaks off."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(answer)

    outcome = post(hasty, loopback(behave).url)
    assert isinstance(outcome, Transient)
    assert outcome.sent
    assert outcome.reason is TransientReason.CONNECTION_LOST


def test_a_refresh_answer_cut_within_its_headers_is_transient(
    loopback: Start, hasty: Transport, credentials: ClientCredentials
) -> None:
    """http.client calls that an answer with an empty body; no token comes of it."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Half")

    client = GoogleClient(Endpoints.at(loopback(behave).url), SystemClock(), hasty)
    outcome = client.refresh(credentials, Secret("1//rt"))
    assert outcome == Transient(reason=TransientReason.MALFORMED)


def test_a_reset_connection_is_a_lost_connection(loopback: Start, hasty: Transport) -> None:
    """A reset after the request leaves open whether it was handled."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        at_once = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        connection.close()

    outcome = post(hasty, loopback(behave).url)
    assert outcome == Transient(reason=TransientReason.CONNECTION_LOST)


def test_a_refused_connection_was_never_sent(hasty: Transport) -> None:
    """A port that nobody listens on proves that nothing arrived."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        outcome = post(hasty, f"http://127.0.0.1:{port}/token")
    assert outcome == Transient(reason=TransientReason.UNREACHABLE, sent=False)


def test_a_server_without_tls_is_not_talked_to(loopback: Start, hasty: Transport) -> None:
    """TLS is verified: the secret is not sent to a server that cannot prove itself."""
    received: list[bytes] = []

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        received.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = loopback(behave)
    outcome = post(hasty, server.url.replace("http:", "https:"))
    assert outcome == Transient(reason=TransientReason.TLS)
    assert b"refresh_token" not in received[0]


def test_a_redirect_is_not_followed(loopback: Start, hasty: Transport) -> None:
    """The secret is not posted to wherever an answer points."""
    elsewhere = loopback(lambda connection, _stop: connection.sendall(http("{}")))
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(moved.encode())

    outcome = post(hasty, loopback(behave).url)
    assert isinstance(outcome, Answer)
    assert outcome.status == 307
    assert elsewhere.connections == 0


@pytest.mark.parametrize(("size", "fits"), [(LARGEST_BODY, True), (LARGEST_BODY + 1, False)])
def test_a_body_is_read_up_to_its_cap(
    *, size: int, fits: bool, loopback: Start, hasty: Transport
) -> None:
    """64 kB are read whole; one byte more is refused and not kept."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(http(b"x" * size))

    outcome = post(hasty, loopback(behave).url)
    assert isinstance(outcome, Answer) == fits
    if not fits:
        assert outcome == Transient(reason=TransientReason.MALFORMED)


def test_an_endless_body_is_cut_off(loopback: Start, hasty: Transport) -> None:
    """A sender without an end costs 64 kB and not the memory."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not stop.is_set():
            connection.sendall(b"x" * 4096)

    outcome = post(hasty, loopback(behave).url)
    assert outcome == Transient(reason=TransientReason.MALFORMED)


def keep_alive(seen: list[bytes]) -> Behaviour:
    """Answer every request of a connection, with a cookie each time."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        while request := read_request(connection):
            seen.append(request)
            body = http("{}").replace(b"\r\n\r\n", b"\r\nSet-Cookie: who=me; Path=/\r\n\r\n")
            connection.sendall(body)

    return behave


def test_threads_share_connections_and_each_gets_its_own_answer(loopback: Start) -> None:
    """Eight threads make 80 calls over at most eight connections."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        while request := read_request(connection):
            connection.sendall(http(request.partition(b"\r\n\r\n")[2]))

    server = loopback(behave)
    transport = Transport(SystemClock(), Timeouts(total=10), pool_size=8)
    ready = threading.Barrier(8)

    def calls(thread: int) -> list[bool]:
        ready.wait()
        return [echoed(transport, server.url, f"n={thread}-{n}") for n in range(10)]

    with ThreadPoolExecutor(8) as threads:
        echoes = [echo for thread in threads.map(calls, range(8)) for echo in thread]
    transport.close()
    assert len(echoes) == 80
    assert all(echoes)
    assert server.connections <= 8


def echoed(transport: Transport, url: str, form: str) -> bool:
    answer = transport.post(url, Secret(form), transport.deadline())
    return isinstance(answer, Answer) and answer.body == form.encode()


def test_no_cookie_is_kept(loopback: Start, hasty: Transport) -> None:
    """One answer's cookie does not travel with the next request, which may be another tenant's."""
    seen: list[bytes] = []
    server = loopback(keep_alive(seen))
    post(hasty, server.url)
    post(hasty, server.url)
    hasty.close()
    assert len(seen) == 2
    assert b"cookie" not in b"".join(seen).lower()


def test_a_netrc_password_is_not_sent(
    loopback: Start, hasty: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests would add a password that the host's user keeps for other programs."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[bytes] = []
    server = loopback(keep_alive(seen))
    post(hasty, server.url)
    hasty.close()
    assert b"authorization" not in seen[0].lower()


def test_a_dead_pooled_connection_is_replaced(loopback: Start, hasty: Transport) -> None:
    """A connection that the server closed between two calls costs neither of them."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(http("{}"))
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    closed = threading.Event()
    server = loopback(behave)
    first = post(hasty, server.url)
    assert closed.wait(30)
    second = post(hasty, server.url)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert server.connections == 2


def test_a_call_goes_through_the_environments_proxy_within_its_budget(
    loopback: Start, hasty: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is used where one is set, and a dripping proxy is bounded like a dripping Google."""
    proxy = loopback(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n"))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    outcome = post(hasty, "http://google.test/token")
    assert outcome == Transient(reason=TransientReason.TIMEOUT)
    assert proxy.connections == 1
