"""URLs in settings, and Google's rules for a registered redirect URI.

The rules are those of "Redirect URI validation rules" in Google's OAuth 2.0 documentation for web
server applications. One of them, that the host's domain is on the public suffix list, is checked
by its near side only: a dotted host whose last label can be a top-level domain and is not one that
RFC 6761, RFC 6762 or ICANN keep for private use. A copy of the list would be out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, ValidationInfo

from bridge.config.problems import wrong
from bridge.config.section import context_of

CALLBACK_PATH: Final = "/oauth/callback"

_TOP_LEVEL: Final = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
_PRIVATE_TOP_LEVELS: Final = frozenset(
    {"alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan"}
    | {"local", "localdomain", "localhost", "mail", "onion", "private", "test"}
)
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|%[Cc]0%80")


def split_url(url: str) -> SplitResult | None:
    """Return the parts of an absolute http or https URL, or None if it is none."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def is_loopback(host: str) -> bool:
    """Return whether a URL's host means this machine: `localhost` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def redirect_uri_problems(uri: str) -> Iterator[str]:
    """Yield each of Google's rules that a redirect URI breaks, as a sentence without the URI."""
    parts = split_url(uri)
    if parts is None or parts.hostname is None:
        yield "should be an absolute https URL"
        return
    yield from _host_problems(parts.hostname, parts.scheme)
    if "@" in parts.netloc:
        yield "should have no user name or password"
    if "#" in uri:
        yield "should have no fragment"
    if "*" in uri:
        yield "should have no wildcard"
    if _BAD_PERCENT.search(uri):
        yield "has a percent-encoding that Google refuses"
    if _climbs(parts.path):
        yield "should have no path traversal"


def _host_problems(host: str, scheme: str) -> Iterator[str]:
    if is_loopback(host):
        return
    if scheme != "https":
        yield "should begin with https:// (Google takes http for localhost alone)"
    if ":" in host or host.replace(".", "").isdigit():
        yield "should have a domain name, not an IP address"
        return
    labels = host.split(".")
    if len(labels) == 1 or not all(_LABEL.fullmatch(label) for label in labels):
        yield "should have a full domain name"
    elif not _TOP_LEVEL.fullmatch(labels[-1]) or labels[-1] in _PRIVATE_TOP_LEVELS:
        yield "should have a host under a public top-level domain"
    elif labels[-2:] == ["googleusercontent", "com"]:
        yield "should not have a host under googleusercontent.com"


def _climbs(path: str) -> bool:
    # Twice: a proxy in front may decode once more (%252e%252e).
    plain = unquote(unquote(path)).replace("\\", "/")
    return ".." in plain.split("/")


def _public_url(url: str, info: ValidationInfo) -> str:
    if not url:
        raise wrong("is missing", "set the https URL at which browsers reach the public listener")
    broken = list(redirect_uri_problems(url.rstrip("/") + CALLBACK_PATH))
    parts = split_url(url)
    if parts and (parts.path not in {"", "/"} or "?" in url):
        broken.append("should end after the host and port")
    if parts and parts.scheme == "http" and not context_of(info).development:
        broken.append("should begin with https:// in production")
    if broken:
        raise wrong(", ".join(broken), "Google would refuse the redirect URI made from it")
    return url.rstrip("/")


def _peer_url(url: str, info: ValidationInfo) -> str:
    if not url:
        raise wrong("is missing")
    parts = split_url(url)
    if parts is None or "@" in parts.netloc or "#" in url:
        raise wrong("should be an absolute https URL without user name and fragment")
    if parts.scheme != "https" and not context_of(info).development:
        raise wrong("should begin with https://")
    return url


def _stand_in_url(url: str, info: ValidationInfo) -> str:
    if not context_of(info).development:
        raise wrong("is for development only", 'remove it, or set mode = "development"')
    parts = split_url(url)
    if parts is None or not is_loopback(parts.hostname or ""):
        raise wrong("should be a URL of this machine, such as http://127.0.0.1:8602")
    if parts.path not in {"", "/"} or "?" in url or "#" in url or "@" in parts.netloc:
        raise wrong("should end after the host and port")
    return url.rstrip("/")


PublicUrl = Annotated[str, AfterValidator(_public_url)]
PeerUrl = Annotated[str, AfterValidator(_peer_url)]
StandInUrl = Annotated[str, AfterValidator(_stand_in_url)]
