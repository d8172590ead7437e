"""How the demo's pages look and what their headers forbid; the IdP and the sample app share it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Flask, Response
from jinja2 import ChoiceLoader, FileSystemLoader

_HERE: Final = Path(__file__).parent
_STYLE_PATH: Final = "/style.css"
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
)


def dress(app: Flask) -> None:
    """Give an app the shared layout and stylesheet, and the headers of a careful site."""
    style = (_HERE / "static" / "demo.css").read_bytes()
    shared = FileSystemLoader(_HERE / "templates")
    app.jinja_loader = ChoiceLoader([app.jinja_loader, shared] if app.jinja_loader else [shared])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.get(_STYLE_PATH)
    def style_sheet() -> Response:
        return Response(style, content_type="text/css; charset=utf-8")

    @app.after_request
    def careful(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response
