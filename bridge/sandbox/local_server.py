"""Serves one WSGI app on a loopback port for as long as a context lasts.

The port is taken before there is an app, so that apps which redirect to each other can be told
each other's addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from bridge.sandbox.background import Background

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOST: Final = "127.0.0.1"


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: a request line can hold a code."""


class _Server(ThreadedWSGIServer):
    daemon_threads = True


class LocalServer:
    """A server whose app is mounted later.

    Attributes:
        url: the origin for browsers, `http://localhost:<port>`: Google takes plain http for no
            other host.
    """

    def __init__(self, port: int = 0) -> None:
        self._app: WSGIApplication = _starting
        self._server = _Server(_HOST, port, self._call, _QuietHandler)
        self._background = Background(self._server, "sandbox")
        self.url = f"http://localhost:{self._server.port}"

    def mount(self, app: WSGIApplication) -> None:
        """Serve `app` from now on."""
        self._app = app

    def _call(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)

    def __enter__(self) -> Self:
        self._background.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.stop()


def _starting(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
    return [b"Starting."]
