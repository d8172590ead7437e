"""How the sandbox is served: in the caller's process for tests, or blocking for the command.

Loopback only, and never in production: it gives tokens to whoever asks.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from io import BytesIO
from types import TracebackType
from typing import IO, Final, Self, cast

from werkzeug.serving import DechunkedInput, ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from bridge.clock import Clock
from bridge.sandbox.app import create_app
from bridge.sandbox.background import Background
from bridge.sandbox.gate import HANG_UP
from bridge.sandbox.options import SandboxOptions
from bridge.sandbox.paths import endpoint_urls
from bridge.sandbox.state import SandboxGoogle

_BACKLOG: Final = 1024


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler with connections kept alive.

    Werkzeug closes each connection and waits 10 ms for leftovers first, which a test of 1,000
    refreshes would feel; here the body is read whole before the app runs, so nothing is left.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        hung_up = threading.Event()
        environ["wsgi.input"] = BytesIO(self._body())
        environ["wsgi.input_terminated"] = True
        environ[HANG_UP] = hung_up.set
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        if hung_up.is_set():
            self.close_connection = True
            return
        body = b"".join(chunks)
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: a request line can hold a code or a token."""

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return DechunkedInput(cast("IO[bytes]", self.rfile)).read()
        length = self.headers.get("Content-Length", "")
        return self.rfile.read(int(length)) if length.isdecimal() else b""


class _Server(ThreadedWSGIServer):
    """A thread per connection, so that hundreds of answers can be held at once."""

    daemon_threads = True
    request_queue_size = _BACKLOG

    def __init__(self, host: str, port: int, google: SandboxGoogle) -> None:
        self._connections: set[tuple[socket.socket, threading.Thread]] = set()
        self._lock = threading.Lock()
        super().__init__(host, port, create_app(google), _Handler)

    def finish_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Serve one connection until it closes, keeping book of it for `hang_up`."""
        served = (
            request if isinstance(request, socket.socket) else request[1],
            threading.current_thread(),
        )
        with self._lock:
            self._connections.add(served)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(served)

    def hang_up(self) -> None:
        """Close what clients keep open, and wait for the threads."""
        with self._lock:
            connections = list(self._connections)
        for connection, _ in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in connections:
            thread.join(5)


class SandboxServer:
    """Serves one `SandboxGoogle` on a loopback port for as long as the context lasts.

    Attributes:
        google: the state, to be set up and looked at directly.
        url: the origin, without a slash at the end.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        options: SandboxOptions | None = None,
    ) -> None:
        _check_loopback(host)
        self.google = SandboxGoogle(clock, options)
        self._server = _Server(host, port, self.google)
        self.url = _origin(self._server)
        self._background = Background(self._server, "sandbox-google")

    def endpoints(self) -> dict[str, str]:
        """Return the URLs of the endpoints by name."""
        return endpoint_urls(self.url)

    def __enter__(self) -> Self:
        self._background.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.google.interference.release()
        self._background.stop()
        self._server.hang_up()


def serve_google(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    production: bool = False,
    options: SandboxOptions | None = None,
    on_ready: Callable[[str, SandboxGoogle], None] | None = None,
) -> None:
    """Serve a new `SandboxGoogle` until interrupted.

    Args:
        host: a loopback address.
        port: the port, 0 for a free one.
        production: whether the caller runs in production mode, which is refused.
        options: how this Google behaves.
        on_ready: called with the origin and the state before the first request is served.

    Raises:
        ValueError: the host is not loopback, or this is production.
    """
    if production:
        raise ValueError("the sandbox gives tokens to whoever asks: it never runs in production")
    _check_loopback(host)
    google = SandboxGoogle(options=options)
    server = _Server(host, port, google)
    try:
        if on_ready is not None:
            on_ready(_origin(server), google)
        server.serve_forever()
    finally:
        google.interference.release()
        server.server_close()
        server.hang_up()


def _check_loopback(host: str) -> None:
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise ValueError(f"the sandbox listens on loopback only, not on {host!r}")


def _origin(server: ThreadedWSGIServer) -> str:
    name = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{name}:{server.port}"
