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
from bridge.web.api import Api, executor, routes
from bridge.web.hooks import hook_route
from bridge.web.openapi import document
from bridge.web.reply import Reply, encoded, refused
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
        if environ["PATH_INFO"] != _TOKEN_PATH or environ["REQUEST_METHOD"] != "POST":
            return self._rest(environ, start_response)
        request_id = request_id_of(environ)
        reply = respond(self._token, self._gate, environ, {}, request_id)
        start_response(reply.status_line, reply.header_list(request_id))
        return [reply.body]


def internal(services: Services) -> WSGIApplication:
    """Return the app of the internal listener."""
    table = routes(Api(services, executor()))
    app = internal_flask(services, table)
    return FastPath(table[0], services.gate, app.wsgi_app)


def internal_flask(services: Services, table: tuple[Route, ...]) -> Flask:
    """Return the same without the fast path in front."""
    every = (*table, hook_route(services, HookListener.INTERNAL))
    app = _flask(services.gate, every)
    described = encoded(document(every))
    app.add_url_rule(
        "/openapi.json", "openapi", lambda: _response(described, request_id_of(request.environ))
    )
    return app


def public(services: Services) -> WSGIApplication:
    """Return the app of the public listener."""
    return _flask(services.gate, (hook_route(services, HookListener.PUBLIC),)).wsgi_app


def _flask(gate: Gate, table: tuple[Route, ...]) -> Flask:
    app = Flask(__name__, static_folder=None)
    for route in table:
        path = route.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(path, route.name, _view(route, gate), methods=[route.method])
    app.register_error_handler(Exception, _on_error)
    return app


def _view(route: Route, gate: Gate) -> Callable[..., Response]:
    def answer(**params: str) -> Response:
        request_id = request_id_of(request.environ)
        return _response(respond(route, gate, request.environ, params, request_id), request_id)

    return answer


def _on_error(error: Exception) -> Response:
    request_id = request_id_of(request.environ)
    if isinstance(error, NotFound):
        public_text = "There is nothing at this path; /openapi.json lists what there is."
        return _response(refused(BridgeError(Code.NOT_FOUND, public_text), request_id), request_id)
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
