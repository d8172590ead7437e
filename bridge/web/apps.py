"""The two WSGI apps, one a listener, and the fast path in front of the internal one.

Owns the mounting. A token route does not exist on the public app: it is not switched off there, it
was never mounted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from bridge.admin.gate import Gate
from bridge.config.tenants import HookListener
from bridge.errors import BridgeError, Code
from bridge.services import Services
from bridge.tokens.visits import LEAVES, Awaited, Left
from bridge.web import below_wsgi
from bridge.web.api import routes
from bridge.web.below_wsgi import Answering, Exchange
from bridge.web.connect import connect_routes
from bridge.web.connections import connections_routes
from bridge.web.events import event_routes
from bridge.web.hints import hint_routes
from bridge.web.hooks import hook_route
from bridge.web.openapi import described
from bridge.web.orders import order_routes
from bridge.web.pages.mounting import mount_pages
from bridge.web.reply import Reply, refused
from bridge.web.route import (
    Ask,
    Environ,
    Route,
    answer,
    broken,
    failed,
    read,
    request_id_of,
    respond,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_TOKEN_PATH: Final = "/v1/token"  # noqa: S105 - a path


class FastPath:
    """Answers the token route before Flask is asked, by the same steps as `respond`.

    It waits for nobody: a reader for whom Google is asked first takes no thread meanwhile. So a few
    threads of the server do for all.
    """

    def __init__(self, token: Route, gate: Gate, rest: Answering) -> None:
        self._token = token
        self._gate = gate
        self._rest = rest

    def take(self, exchange: Exchange, environ: Environ) -> None:
        """Answer one request, now or later."""
        if environ.get("PATH_INFO") != _TOKEN_PATH or environ["REQUEST_METHOD"] != "POST":
            self._rest(exchange, environ)
            return
        request_id = request_id_of(environ)
        try:
            ask = read(self._token, self._gate, environ, {}, LEAVES)
        except Exception as error:  # noqa: BLE001 - a caller gets an answer
            reply = failed(self._token, error, request_id)
            exchange.response_bytes(reply.status, reply.header_list(request_id), reply.body)
            return
        self._answer(exchange, ask, request_id)

    def _answer(self, exchange: Exchange, ask: Ask, request_id: str) -> None:
        try:
            reply = answer(self._token, ask, request_id)
        except Left as left:
            awaited = left.awaited
            # Thousands may be away: what is not needed any more is not kept meanwhile.
            waiting = msgspec.structs.replace(ask, environ={})
            awaited.flight.then(partial(self._return, exchange, waiting, request_id, awaited))
            return
        exchange.response_bytes(reply.status, reply.header_list(request_id), reply.body)

    def _return(self, exchange: Exchange, ask: Ask, request_id: str, awaited: Awaited) -> None:
        again = msgspec.structs.replace(ask, visit=ask.visit.after(awaited))
        self._answer(exchange, again, request_id)


def internal(services: Services) -> Answering:
    """Return the app of the internal listener."""
    table = internal_routes(services)
    rest = below_wsgi.wrapped(internal_flask(services, table).wsgi_app)
    largest = max(route.largest for route in table)
    aside = below_wsgi.aside(rest, services.settings.internal.threads, largest)
    return FastPath(table[0], services.gate, aside).take


def internal_routes(services: Services) -> tuple[Route, ...]:
    """Return every operation of the internal listener, the token route first."""
    return described(
        (
            *routes(services),
            *connect_routes(services),
            *connections_routes(services),
            *event_routes(services),
            *hint_routes(services),
            *order_routes(services),
            hook_route(services, HookListener.INTERNAL),
        )
    )


def internal_flask(services: Services, table: tuple[Route, ...]) -> Flask:
    """Return the app without the fast path in front."""
    return _flask(services.gate, table, "/openapi.json lists what there is.")


def public(services: Services) -> WSGIApplication:
    """Return the app of the public listener."""
    table = (hook_route(services, HookListener.PUBLIC),)
    elsewhere = "Backends ask the internal listener."
    app = _flask(services.gate, table, elsewhere)
    mount_pages(app, services, lambda error: _on_error(error, elsewhere))
    return app.wsgi_app


def _flask(gate: Gate, table: tuple[Route, ...], elsewhere: str) -> Flask:
    app = Flask(__name__, static_folder=None)
    # A redirect would repeat the path, which could hold a token by mistake.
    app.url_map.merge_slashes = False
    for route in table:
        path = route.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(
            path,
            route.name,
            _view(route, gate),
            methods=[route.method],
            # No browser is to be told what it may send.
            provide_automatic_options=False,
        )
    app.register_error_handler(Exception, lambda error: _on_error(error, elsewhere))
    return app


def _view(route: Route, gate: Gate) -> Callable[..., Response]:
    def answer(**params: str) -> Response:
        request_id = request_id_of(request.environ)
        return _response(respond(route, gate, request.environ, params, request_id), request_id)

    return answer


def _on_error(error: Exception, elsewhere: str) -> Response:
    request_id = request_id_of(request.environ)
    if isinstance(error, NotFound):
        refusal = BridgeError(Code.NOT_FOUND, f"There is nothing at this path. {elsewhere}")
        return _response(refused(refusal, request_id), request_id)
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        refusal = BridgeError(Code.METHOD_NOT_ALLOWED, f"This path takes {allowed}.")
        response = _response(refused(refusal, request_id), request_id)
        response.headers["Allow"] = allowed
        return response
    if isinstance(error, HTTPException) and (error.code or 500) < 500:  # noqa: PLR2004 - 4xx
        refusal = BridgeError(Code.INVALID_REQUEST, "The request is malformed.")
        return _response(refused(refusal, request_id), request_id)
    return _response(broken(error, request_id), request_id)


def _response(reply: Reply, request_id: str) -> Response:
    return Response(reply.body, reply.status, reply.header_list(request_id))
