"""The headers that protect what a browser is shown.

Owns the content security policy. No page has a script, a frame or a font.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Response

NOWHERE: Final = "'none'"
HERE: Final = "'self'"
# Chromium holds every redirect after a form to `form-action`: to Google, from there to the sign-in
# of a Workspace user's own organisation, back here, to the app, and on to wherever the app leads.
# A narrower list would leave such a user on a button that does nothing.
ONWARD: Final = "'self' https:"
# A stand-in for Google, and the app under development, are on this machine.
ONWARD_IN_DEVELOPMENT: Final = "'self' https: http:"

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    # Addresses of pages hold links, states and codes.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # A page in a frame could be laid under another one's button (clickjacking).
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def protected(response: Response, form_targets: str = NOWHERE) -> Response:
    """Give a response to a browser, also a redirect, the headers that it lacks.

    Args:
        response: changed in place, and returned.
        form_targets: where the page's forms may lead, as sources of `form-action`.
    """
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _policy(form_targets))
    return response


def _policy(form_targets: str) -> str:
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        f"form-action {form_targets}; frame-ancestors 'none'; base-uri 'none'"
    )
