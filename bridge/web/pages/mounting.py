"""The pages on the public app: routes, stylesheet, and what is shown when something goes wrong.

Owns that a person who opens the public listener gets a page in plain words, whatever happens, and a
machine its JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bridge.connect.pages import Failed, Unknown
from bridge.errors import BridgeError, Code
from bridge.services import Services
from bridge.web.pages.connections import connections_pages
from bridge.web.pages.flow import flow_routes
from bridge.web.pages.render import STYLESHEET, STYLESHEET_PATH, install, render
from bridge.web.route import broken, request_id_of

OnError = Callable[[Exception], Response]

log = structlog.get_logger(__name__)

# IdPs, Google and whoever takes this listener for the internal one are told in JSON.
_MACHINES: Final = ("/hooks/", "/v1/", "/oauth/token", "/risc")
_A_YEAR_S: Final = 365 * 24 * 3600


def mount_pages(app: Flask, services: Services, otherwise: OnError) -> None:
    """Add the pages to the public app.

    Args:
        app: the public app, with its other routes.
        services: what the pages work with.
        otherwise: answers errors of the paths that are for machines.
    """
    install(app, development=services.settings.development)
    app.register_blueprint(flow_routes(services))
    app.register_blueprint(connections_pages(services))
    app.add_url_rule(STYLESHEET_PATH, "stylesheet", _stylesheet)

    def on_error(error: Exception) -> Response:
        is_machine = request.path.startswith(_MACHINES)
        return otherwise(error) if is_machine else _page(error)

    app.register_error_handler(Exception, on_error)
    app.after_request(_named)


def _named(response: Response) -> Response:
    """Give an answer the id by which the log knows its request."""
    if "X-Request-Id" not in response.headers:
        response.headers["X-Request-Id"] = request_id_of(request.environ)
    return response


def _stylesheet() -> Response:
    response = Response(STYLESHEET, mimetype="text/css")
    # Its name is its content's hash.
    response.headers["Cache-Control"] = f"public, max-age={_A_YEAR_S}, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _page(error: Exception) -> Response:
    request_id = request_id_of(request.environ)
    response = _told(error, request_id)
    response.headers["X-Request-Id"] = request_id
    return response


def _told(error: Exception, request_id: str) -> Response:
    """Return a page below 500 in any case: a proxy must not put its own in place of it."""
    if isinstance(error, MethodNotAllowed):
        response = render(Unknown(), HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    if isinstance(error, HTTPException) and (error.code or 500) < 500:  # noqa: PLR2004 - 4xx
        return render(Unknown(), error.code)
    if isinstance(error, BridgeError):
        log.warning("page_failed", request_id=request_id, code=error.code.value, **error.context)
        return render(Failed(reason=error.code.value))
    broken(error, request_id)
    return render(Failed(reason=Code.INTERNAL_ERROR.value))
