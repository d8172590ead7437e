"""The internal app as a WSGI app, for clients that know nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bridge.services import Services
from bridge.web.apps import FastPath, internal_flask, internal_routes
from bridge.web.below_wsgi import Answering, wrapped

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_PATIENCE_S = 60


class Collected:
    """Takes one answer, as granian does, by whatever thread gives it.

    Attributes:
        by: the name of that thread.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.by = ""
        self._is_whole = threading.Event()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert not self._is_whole.is_set(), "a request has one answer"
        self.status, self.headers, self.body = status, headers, body
        self.by = threading.current_thread().name
        self._is_whole.set()

    def response_iter(
        self, status: int, headers: list[tuple[str, str]], chunks: Iterator[bytes]
    ) -> None:
        body = b""
        # Not a `for`: granian's wrapper has `__next__` and nothing else.
        while (chunk := next(chunks, None)) is not None:
            body += chunk
        chunks.close()  # type: ignore[attr-defined]  # a WSGI app's iterator has it
        self.response_bytes(status, headers, body)

    @property
    def is_whole(self) -> bool:
        return self._is_whole.is_set()

    def wait(self) -> None:
        assert self._is_whole.wait(_PATIENCE_S), "there was no answer"


def internal_wsgi(services: Services) -> WSGIApplication:
    """Return the app of the internal listener; all but refreshes is done by the thread that asks.

    So a test can say what that thread is to do, and where it ends.
    """
    table = internal_routes(services)
    flask = wrapped(internal_flask(services, table).wsgi_app)
    return as_wsgi(FastPath(table[0], services.gate, flask).take)


def as_wsgi(answering: Answering) -> WSGIApplication:
    """Return an app that waits until the answer is given, and tells its length as a server does."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        exchange = Collected()
        answering(exchange, environ)
        exchange.wait()
        headers = exchange.headers
        if exchange.status != HTTPStatus.NO_CONTENT and "Content-Length" not in dict(headers):
            headers = [*headers, ("Content-Length", str(len(exchange.body)))]
        start_response(f"{exchange.status} {HTTPStatus(exchange.status).phrase}", headers)
        return [exchange.body]

    return app
