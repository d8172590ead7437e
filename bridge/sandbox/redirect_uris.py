"""Google's rules for a redirect URI at registration.

The public suffix list is not consulted: a host only has to have a dot and no name that is known
to be private. Source: Google's "Redirect URI validation rules" for web server applications.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PRIVATE_ENDINGS: Final = frozenset({"local", "internal", "lan", "localdomain", "corp", "home"})


def check_redirect_uri(uri: str) -> None:
    """Refuse a URI that Google's console would not take.

    Raises:
        ValueError: with the rule that it breaks.
    """
    parts = urlsplit(uri)
    host = parts.hostname or ""
    problem = _shape_problem(uri) or _host_problem(parts.scheme, host)
    if parts.username is not None or parts.password is not None:
        problem = "it contains user information"
    if parts.fragment or uri.endswith("#"):
        problem = "it contains a fragment"
    if problem:
        raise ValueError(f"redirect URI {uri!r} is refused: {problem}")


def _shape_problem(uri: str) -> str | None:
    lowered = uri.lower()
    if "*" in uri:
        return "it contains a wildcard"
    if any(step in lowered for step in ("/..", "\\..", "%2e%2e", "/%2e.", "/.%2e")):
        return "it contains a path traversal"
    if any(sign in lowered for sign in ("%00", "%0a", "%0d")) or not uri.isprintable():
        return "it contains a non-printing character"
    if "http:" in lowered.partition("?")[2] or "https:" in lowered.partition("?")[2]:
        return "it looks like an open redirect"
    return None


def _host_problem(scheme: str, host: str) -> str | None:
    if host in _LOCAL:
        return None if scheme in {"http", "https"} else "its scheme is not http or https"
    if scheme != "https":
        return "its scheme is not https"
    if _is_address(host):
        return "its host is a raw IP address"
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _PRIVATE_ENDINGS or not all(labels):  # noqa: PLR2004 - a dot
        return "its host has no public suffix"
    return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
