"""Where a form came from: our own page, or another site's (cross-site request forgery).

Owns the reading of the two headers by which browsers tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_foreign(environ: Mapping[str, Any], origin: str) -> bool:
    """Tell whether a form was sent by a page of another site.

    `Sec-Fetch-Site` where the browser sends it, else `Origin`. Our own pages send `Origin: null`,
    because their `Referrer-Policy` is `no-referrer` (Fetch standard, "append a request Origin
    header"): that alone proves nothing, and the form's own token has to.

    Args:
        environ: the request's.
        origin: of the bridge's own pages, such as `https://connect.example.com`; the Host header
            is not believed.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site not in {"same-origin", "none"}
    return environ.get("HTTP_ORIGIN", "null") not in {origin, "null"}
