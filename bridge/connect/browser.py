"""A browser as the connect flow sees it: what it asks, which cookie it has, where it is sent.

Owns the cookie's form and the recognition of browsers that are embedded in apps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bridge.secret import Secret

COOKIE_KEPT_S: Final = 2 * 3600
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
# Android's WebView says `wv`; on Apple's, Safari's own name is missing; the rest name themselves.
_EMBEDDED: Final = re.compile(
    r"; wv\)|\bFBAN/|\bFBAV/|\bFB_IAB/|\bInstagram\b|\bLine/|\bMicroMessenger/|\bSnapchat\b"
    r"|\bTwitter for\b|\bLinkedInApp\b|\bGSA/|\bmusical_ly\b|\bBytedanceWebview\b|\bPinterest/"
    r"|\bElectron/"
)
_APPLE: Final = re.compile(r"\((?:iPhone|iPad|iPod)[^)]*\) AppleWebKit/")


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to be set: HttpOnly, SameSite=Lax, for the whole host.

    Lax and not Strict: it must come along when Google sends the browser back.

    Attributes:
        is_secure: https only; the name's prefix `__Host-` makes browsers refuse it from any other
            host and over http, so that nobody can plant one (RFC 6265bis section 4.1.3.2).
    """

    name: str
    value: Secret
    is_secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A browser that has opened a link.

    Attributes:
        text: the link's, as the path has it.
        cookies: all that came.
        user_agent: what the browser says it is.
        idp_state: the IdP's `state`, where a login waits.
        is_own: a form of ours sent it, not another site's.
    """

    text: str = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)
    user_agent: str = ""
    idp_state: str | None = None
    is_own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Homecoming:
    """A browser that Google has sent back.

    Attributes:
        parameters: those of the redirect (RFC 6749 section 4.1.2).
        cookies: all that came.
    """

    parameters: Mapping[str, str] = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes next, with a cookie to keep; the URL holds a state or a code."""

    url: str = field(repr=False)
    cookie: Cookie | None = None


class Cookies:
    """One cookie a link: two links at once in one browser do not disturb each other."""

    def __init__(self, public_url: str) -> None:
        # Over http, in development only, browsers refuse both the prefix and `Secure`.
        self._is_secure = public_url.startswith("https://")
        self._prefix = "__Host-connect-" if self._is_secure else "connect-"

    def of(self, link_id: str, cookies: Mapping[str, str]) -> Secret | None:
        """Return a browser's cookie for a link, if it has a sound one."""
        value = cookies.get(self._name(link_id))
        return Secret(value) if value is not None and _COOKIE.fullmatch(value) else None

    def made(self, link_id: str, value: Secret) -> Cookie:
        """Return the cookie to set."""
        return Cookie(self._name(link_id), value, self._is_secure)

    def _name(self, link_id: str) -> str:
        return self._prefix + link_id.removeprefix("l_")


def is_embedded(user_agent: str) -> bool:
    """Tell whether a browser runs inside of another app, where Google lets nobody sign in.

    Google answers such with `disallowed_useragent`
    (https://developers.google.com/identity/protocols/oauth2/policies#browsers).
    """
    if _EMBEDDED.search(user_agent):
        return True
    return bool(_APPLE.search(user_agent)) and "Safari/" not in user_agent
