"""A visitor without a browser: follows redirects, keeps cookies, presses the sandbox's buttons.

For what is about many users, or about time. What is about pages is tried in a real browser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urlencode, urljoin

import requests
from requests.cookies import extract_cookies_to_jar, get_cookie_header

from bridge.sandbox.relying_party import SignedIn
from tools.keycloak.relying_app import SIGN_IN, App

ACCOUNTS: Final = "accounts.google.com"
_MOST_HOPS: Final = 40
_MOST_PAGES: Final = 4
_TIMEOUT_S: Final = 60


class LostError(Exception):
    """The way does not lead where it should; the text says where it led."""


def _jar() -> CookieJar:
    # Keycloak's cookies are `Secure` on plain http too, which browsers accept from this machine.
    return CookieJar(DefaultCookiePolicy(secure_protocols=("http", "https")))


@dataclass
class Visitor:
    """Somebody with cookies of their own.

    Attributes:
        app: where they sign in.
        google: the sandbox's origin, which stands for accounts.google.com.
        hops: what was asked for since the last `sign_in`.
    """

    app: App
    google: str
    hops: list[str] = field(default_factory=list)
    cookies: CookieJar = field(default_factory=_jar)
    _http: requests.Session = field(default_factory=requests.Session)

    def sign_in(
        self, issuer: str, email: str, *, allow: bool = True, **parameters: str
    ) -> SignedIn | str:
        """Sign in with Google at a realm; return what the app got.

        Raises:
            LostError: the browser does not come back to the app.
        """
        self.hops.clear()
        asked = {"issuer": issuer, "kc_idp_hint": "google", "login_hint": email} | parameters
        page = self.get(f"{self.app.url}{SIGN_IN}?{urlencode(asked)}")
        page = self.through_google(page, email, allow=allow)
        if not page.url.startswith(self.app.url):
            raise LostError(f"{page.status_code} {page.url}")
        return self.app.arrivals[-1]

    def through_google(
        self, page: requests.Response, email: str, *, allow: bool = True
    ) -> requests.Response:
        """Press the buttons of Google's pages until the browser is elsewhere."""
        for _ in range(_MOST_PAGES):
            if "/signin/oauth/account" in page.text:
                button = rf'value="([^"]+)"><span>[^<]*</span> <small>{re.escape(email)}<'
                fields = {"account": _found(button, page.text)}
            elif "/signin/oauth/consent" in page.text:
                fields = {"decision": "allow" if allow else "deny"}
            else:
                return page
            fields["flow"] = _found(r'name="flow" value="([^"]+)"', page.text)
            ticked = re.findall(r'name="scope" value="([^"]+)"', page.text)
            target = _found(r'action="([^"]+)"', page.text)
            page = self.post(urljoin(page.url, target), fields | {"scope": ticked})
        raise LostError("Google's pages do not end")

    def get(self, url: str) -> requests.Response:
        """Open a page, and follow redirects."""
        return self._follow("GET", url, None)

    def post(self, url: str, fields: Mapping[str, object]) -> requests.Response:
        """Send a form, and follow redirects."""
        return self._follow("POST", url, fields)

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def _follow(
        self, method: str, url: str, fields: Mapping[str, object] | None
    ) -> requests.Response:
        for _ in range(_MOST_HOPS):
            url = url.replace(f"https://{ACCOUNTS}", self.google)
            self.hops.append(url)
            asked = requests.Request(method, url, data=fields).prepare()
            cookies = get_cookie_header(self.cookies, asked)  # type: ignore[no-untyped-call]  # untyped
            if cookies:
                asked.headers["Cookie"] = cookies
            answer = self._http.send(asked, allow_redirects=False, timeout=_TIMEOUT_S)
            extract_cookies_to_jar(self.cookies, asked, answer.raw)  # type: ignore[no-untyped-call]  # untyped
            if "Location" not in answer.headers:
                return answer
            method, url, fields = "GET", urljoin(url, answer.headers["Location"]), None
        raise LostError(f"redirects do not end: {self.hops[-6:]}")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise LostError(f"there is no {pattern}")
    return unescape(match[1])
