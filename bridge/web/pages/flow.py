"""The connect flow in a browser: a link, its button, and the way home from Google.

Owns the reading of requests and the cookie's header; the flow decides, `render` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from flask import Blueprint, Response, request

from bridge.config.urls import CALLBACK_PATH
from bridge.connect.browser import COOKIE_KEPT_S, Cookie, Homecoming, Redirect, Visit
from bridge.connect.pages import Failed, Page, Unknown
from bridge.connect.showing import LINK_PATH
from bridge.errors import BridgeError
from bridge.services import Services
from bridge.web.pages.headers import protected
from bridge.web.pages.origin import is_foreign
from bridge.web.pages.render import render

log = structlog.get_logger(__name__)

_SEE_OTHER: Final = 303
_LONGEST_STATE: Final = 1024


def flow_routes(services: Services) -> Blueprint:
    """Return the routes of the public listener that connect accounts."""
    routes = Blueprint("connect", __name__)
    connecting = services.connecting
    public_url = services.settings.public_url

    def visit(link: str) -> Visit:
        return Visit(
            text=link,
            cookies=request.cookies,
            user_agent=request.headers.get("User-Agent", ""),
            idp_state=_idp_state(request.args.get("state")),
            is_own=not is_foreign(request.environ, public_url),
        )

    @routes.get(LINK_PATH + "<link>")
    def show(link: str) -> Response:
        return _shown(lambda: connecting.flow.show(visit(link)))

    @routes.post(LINK_PATH + "<link>")
    def start(link: str) -> Response:
        return _shown(lambda: connecting.flow.start(visit(link)))

    @routes.get(CALLBACK_PATH)
    def callback() -> Response:
        if request.method == "HEAD" or any(len(v) > 1 for _, v in request.args.lists()):
            # Looking must not use a code up; and of a parameter that is there twice, one may be
            # somebody else's.
            return render(Unknown())
        home = Homecoming(parameters=request.args.to_dict(), cookies=request.cookies)
        return _shown(lambda: connecting.callback.arrive(home))

    return routes


def _shown(act: Callable[[], Redirect | Page]) -> Response:
    try:
        answer = act()
    except BridgeError as error:
        log.warning("connect_broken", code=error.code.value, reason=error.reason, **error.context)
        return render(Failed(reason=error.reason or error.code.value))
    return _sent(answer) if isinstance(answer, Redirect) else render(answer)


def _sent(answer: Redirect) -> Response:
    response = Response(status=_SEE_OTHER, headers={"Location": answer.url})
    if answer.cookie is not None:
        _set(response, answer.cookie)
    return protected(response)


def _set(response: Response, cookie: Cookie) -> None:
    response.set_cookie(
        cookie.name,
        cookie.value.reveal(),
        max_age=COOKIE_KEPT_S,
        path="/",
        secure=cookie.is_secure,
        httponly=True,
        samesite="Lax",
    )


def _idp_state(given: str | None) -> str | None:
    is_sound = given is not None and 0 < len(given) <= _LONGEST_STATE
    return (
        given
        if is_sound and given is not None and given.isascii() and given.isprintable()
        else None
    )
