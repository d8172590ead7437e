"""The two WSGI apps, one a listener, and the fast path in front of the internal one.

Owns the mounting. A token route does not exist on the public app: it is not switched off there, it
was never mounted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from bridge.admin.gate import Gate
from bridge.config.tenants import HookListener
from bridge.errors import BridgeError, Code
from bridge.services import Services
from bridge.web.api import routes
from bridge.web.connect import connect_routes
from bridge.web.connections import connections_routes
from bridge.web.events import event_routes
from bridge.web.hints import hint_routes
from bridge.web.hooks import hook_route
from bridge.web.openapi import described
from bridge.web.orders import order_routes
from bridge.web.pages.mounting import mount_pages
from bridge.web.reply import Reply, refused
from bridge.web.route import Environ, Route, broken, request_id_of, respond

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_TOKEN_PATH: Final = "/v1/token"  # noqa: S105 - a path


class FastPath:
    """Answers the token route before Flask is asked, by the same `respond`."""

    def __init__(self, token: Route, gate: Gate, rest: WSGIApplication) -> None:
        self._token = token
        self._gate = gate
        self._rest = rest

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if environ.get("PATH_INFO") != _TOKEN_PATH or environ["REQUEST_METHOD"] != "POST":
            return self._rest(environ, start_response)
        request_id = request_id_of(environ)
        reply = respond(self._token, self._gate, environ, {}, request_id)
        start_response(reply.status_line, reply.header_list(request_id))
        return [reply.body]


def internal(services: Services) -> WSGIApplication:
    """Return the app of the internal listener."""
    table = internal_routes(services)
    return FastPath(table[0], services.gate, internal_flask(services, table).wsgi_app)


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
