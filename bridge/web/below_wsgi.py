"""Answering granian itself, below WSGI: now, or later and by another thread.

Owns what is known of granian's inside. It runs a WSGI app through a function of its own, which gets
the request's variables and an object that takes the answer; granian waits for the answer, not for
the function to return (granian 2.8.7, src/wsgi/callbacks.rs and granian/wsgi.py). An app that is
called in place of that function may return first, and answer when it can.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import granian.server.mp
import granian.wsgi
import structlog

from bridge.errors import BridgeError, Contained
from bridge.web.route import Environ, length_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger(__name__)


class Exchange(Protocol):
    """What takes the answer to one request, once, from any thread."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


Answering = Callable[[Exchange, Environ], object]
"""What granian calls: with the exchange and the request's variables as WSGI names them."""


def wrapped(app: WSGIApplication) -> Answering:
    """Return a WSGI app as granian would call it."""
    made: Answering = granian.wsgi._callback_wrapper(app, {})  # noqa: SLF001 - as said above
    return made


def aside(answering: Answering, threads: int, largest: int) -> Answering:
    """Return the same, done by threads of its own: whoever calls it does not wait for it.

    Args:
        answering: what takes long.
        threads: how many at most.
        largest: bytes of the largest body; one that says it is longer is not read.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="requests")

    def call(exchange: Exchange, environ: Environ) -> None:
        # granian takes the body away from whoever has returned without it.
        environ["wsgi.input"] = io.BytesIO(_taken(environ, largest))
        pool.submit(_done, answering, exchange, environ)

    return call


def _taken(environ: Environ, largest: int) -> bytes:
    try:
        length = length_of(environ, largest)
    except BridgeError:
        return b""
    taken: bytes = environ["wsgi.input"].read(length)
    return taken


def _done(answering: Answering, exchange: Exchange, environ: Environ) -> None:
    with Contained(log):
        answering(exchange, environ)
        return
    exchange.response_bytes(500, [], b"")


def take_over() -> None:
    """Have this process's granian call what it is given itself, not as a WSGI app.

    Raises:
        RuntimeError: this granian is made in another way.
    """
    name = "_wsgi_call_wrap"
    if not hasattr(granian.server.mp, name):
        raise RuntimeError("this version of granian is not known; install the one that is locked")
    setattr(granian.server.mp, name, lambda answering, *_: answering)
