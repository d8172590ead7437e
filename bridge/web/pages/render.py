"""A page's type to HTML: which template shows it, and what every template can use.

Owns the templates and the stylesheet. Every page works without JavaScript, and none has any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from flask import Flask, Response, current_app
from jinja2 import Environment, PackageLoader, StrictUndefined

from bridge.connect import connection_pages as own
from bridge.connect import pages
from bridge.connect.pages import Page
from bridge.web.pages.headers import HERE, ONWARD, ONWARD_IN_DEVELOPMENT, protected
from bridge.web.pages.scope_texts import in_words

_TEMPLATES: Final[Mapping[type[Page], str]] = {
    pages.Ask: "ask.html",
    pages.EmbeddedBrowser: "embedded.html",
    pages.Denied: "denied.html",
    pages.WrongAccount: "wrong_account.html",
    pages.Partial: "partial.html",
    pages.Connected: "connected.html",
    pages.Blocked: "blocked.html",
    pages.Superseded: "superseded.html",
    pages.OtherBrowser: "other_browser.html",
    pages.Expired: "expired.html",
    pages.Unknown: "unknown.html",
    pages.Failed: "failed.html",
    own.Welcome: "welcome.html",
    own.ConnectionsPage: "connections.html",
    own.Disconnect: "disconnect.html",
    own.ConnectionsClosed: "connections_closed.html",
    own.ForeignForm: "foreign_form.html",
}
_STAYING: Final = (own.Welcome, own.ConnectionsPage, own.Disconnect, own.ForeignForm)

STYLESHEET: Final = files("bridge.web").joinpath("assets", "bridge.css").read_bytes()
STYLESHEET_PATH: Final = f"/assets/{hashlib.sha256(STYLESHEET).hexdigest()[:16]}.css"

_ONWARD: Final = "BRIDGE_FORMS_LEAD_TO"
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
_MONTH_S: Final = 30 * _DAY_S
_YEAR_S: Final = 365 * _DAY_S


def install(app: Flask, *, development: bool) -> None:
    """Have an app render pages whose forms may lead to Google, or to its stand-in by http."""
    app.config[_ONWARD] = ONWARD_IN_DEVELOPMENT if development else ONWARD


def render(page: Page, status: int | None = None) -> Response:
    """Return a page as a response; `status` overrides the page's own."""
    app = page.app or "the app"
    template = _templates.get_template(_TEMPLATES[type(page)])
    html = template.render(page=page, app=app, App=app[0].upper() + app[1:])
    response = Response(html, status or page.status, mimetype="text/html")
    targets = HERE if isinstance(page, _STAYING) else current_app.config[_ONWARD]
    return protected(response, targets)


def ago(seconds: int) -> str:
    """Return how long ago something was, as people say it."""
    if seconds < _HOUR_S:
        return "within the last hour"
    if seconds < _DAY_S:
        return _some(seconds // _HOUR_S, "hour")
    if seconds < _MONTH_S:
        return _some(seconds // _DAY_S, "day")
    if seconds < _YEAR_S:
        return _some(seconds // _MONTH_S, "month")
    return "more than a year ago"


def _some(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


_templates: Final = Environment(
    loader=PackageLoader("bridge.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(in_words=in_words, ago=ago, stylesheet=STYLESHEET_PATH)
