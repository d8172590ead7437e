"""A real browser for tests: where it is, how it is started, what it sees and how that looks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # untyped
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.missing import missing
from tests.screenshots import SCREENSHOTS

PHONE: Final = (360, 740)
DESKTOP: Final = (1280, 800)

_QUIET: Final = (
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browsing(*flags: str) -> Iterator[Browser]:
    """Run Chromium with some more flags; without one, skip on a laptop and fail in CI."""
    with _playing() as playwright:
        program = shutil.which("chromium") or _of_playwright(playwright)
        if program is None:
            wanted = "needs Chromium: install Debian's `chromium`, or `playwright install chromium`"
            missing(wanted)
        # Chromium has no sandbox for root.
        as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        browser = playwright.chromium.launch(
            executable_path=program, args=[*_QUIET, *as_root, *flags]
        )
        try:
            yield browser
        finally:
            browser.close()


_at_play: list[Playwright] = []


@contextmanager
def _playing() -> Iterator[Playwright]:
    """Return the process's one Playwright: a second one beside it would refuse to start.

    A browser of the whole session outlives those of the modules that come after it.
    """
    if _at_play:
        yield _at_play[0]
        return
    with sync_playwright() as playwright:
        _at_play.append(playwright)
        try:
            yield playwright
        finally:
            _at_play.clear()


def photograph(page: Page, name: str, *sizes: tuple[int, int]) -> None:
    """Keep how a page looks, on a phone and on a desktop unless told, for people to look at."""
    for width, height in sizes or (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        path = SCREENSHOTS / f"{name}-{width}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)


def assert_accessible(page: Page) -> None:
    """Check that axe finds nothing, and that nothing has to be scrolled sideways."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def _of_playwright(playwright: Playwright) -> str | None:
    path = playwright.chromium.executable_path
    return path if Path(path).exists() else None
