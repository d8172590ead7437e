"""The hand at the browser: a person's, or one that clicks through the sandbox's pages."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

import click
import requests

from bridge.cli.demo_check.calls import StepFailedError

_TIMEOUT_S: Final = 30
_MOST_PAGES: Final = 10


class Person:
    """Asks the person at the terminal to use a browser."""

    def follow(self, url: str) -> str | None:
        """Print the link, and ask for the address at which the browser ended."""
        click.echo("\nOpen this link, and consent as the user who is being checked:", err=True)
        click.echo(f"  {url}", err=True)
        click.echo(
            "If the app redeems the code by itself, press Enter when its page says so. "
            "If not, paste the address at which the browser ended.",
            err=True,
        )
        ended: str = click.prompt("address", default="", show_default=False, err=True)
        codes = parse_qs(urlsplit(ended.strip()).query).get("code")
        return codes[0] if codes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicker:
    """Plays the user at a sandbox Google, where one account is signed in.

    Attributes:
        home: where it stops: the `return_to` of the link.
    """

    home: str

    def follow(self, url: str) -> str | None:
        """Press the one button of each page until the browser is sent home."""
        with requests.Session() as browser:
            page = browser.get(url, timeout=_TIMEOUT_S, allow_redirects=False)
            for _ in range(_MOST_PAGES):
                onward = page.headers.get("Location")
                if onward is not None and onward.startswith(self.home):
                    return parse_qs(urlsplit(onward).query).get("code", [""])[0]
                page = self._next(browser, page, onward)
        raise StepFailedError("the pages lead nowhere", "open the link in a browser and look")

    def _next(
        self, browser: requests.Session, page: requests.Response, onward: str | None
    ) -> requests.Response:
        if onward is not None:
            target = urljoin(page.url, onward)
            return browser.get(target, timeout=_TIMEOUT_S, allow_redirects=False)
        form = _Form(page.text)
        if form.action is None:
            mend = "open the link in a browser and look"
            raise StepFailedError(f"a page answered {page.status_code} and has no button", mend)
        return browser.post(
            urljoin(page.url, form.action),
            data=form.fields,
            # As a browser tells it, which the bridge checks.
            headers={"Origin": f"{urlsplit(page.url).scheme}://{urlsplit(page.url).netloc}"},
            timeout=_TIMEOUT_S,
            allow_redirects=False,
        )


class _Form(HTMLParser):
    """A page's first form, with what it sends if its last button is pressed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._is_over = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form, its fields and buttons."""
        given = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = given.get("action") or ""
        elif self.action is not None and not self._is_over and tag in {"input", "button"}:
            name = given.get("name")
            if name:
                self.fields[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the form."""
        self._is_over = self._is_over or (tag == "form" and self.action is not None)
