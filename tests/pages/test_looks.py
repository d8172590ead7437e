"""Every page in a real browser, on a phone and on a desktop, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from bridge.connect import connection_pages, pages
from bridge.connect.pages import Page
from bridge.web.pages.render import STYLESHEET, STYLESHEET_PATH, install, render
from tests.browsing import DESKTOP, PHONE, assert_accessible, photograph
from tests.pages.conftest import listening
from tests.pages.samples import SAMPLES


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """All samples behind one URL."""
    app = Flask(__name__, static_folder=None)
    install(app, development=False)
    app.add_url_rule("/<name>", "sample", lambda name: render(SAMPLES[name]))
    app.add_url_rule(STYLESHEET_PATH, "css", lambda: Response(STYLESHEET, mimetype="text/css"))
    with listening(app) as server:
        yield f"http://localhost:{server.port}"


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Callable[[str], Tab]]:
    """Open a tab in the light or in the dark."""
    with (
        chromium.new_context(color_scheme="light") as light,
        chromium.new_context(color_scheme="dark") as dark,
    ):
        yield lambda scheme: (light if scheme == "light" else dark).new_page()


def test_there_is_a_sample_of_every_kind_of_page() -> None:
    """No page is left out of the gallery."""
    own = {
        kind
        for kind in vars(connection_pages).values()
        if isinstance(kind, type) and issubclass(kind, Page) and kind is not Page
    }
    assert {type(page) for page in SAMPLES.values()} == {*get_args(pages.AnyPage), *own}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_accessible_in_every_width_and_light(
    tab: Callable[[str], Tab], gallery: str, name: str
) -> None:
    """Axe finds nothing, nothing is cut off, and nothing is refused by the page's own policy."""
    said: list[str] = []
    for size, light in ((PHONE, "light"), (DESKTOP, "light"), (PHONE, "dark")):
        page = tab(light)
        page.on("console", lambda message: said.append(message.text))
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{gallery}/{name}")
        for summary in page.locator("summary").all():
            summary.click()
        if (size, light) != (PHONE, "light"):
            assert_accessible(page)  # which takes longer than all the rest
        photograph(page, f"pages/{light}/{name}", size)
        page.close()
    # That the page itself is no 200 is told to the console; a refused style would be, too.
    assert [text for text in said if "Failed to load resource" not in text] == []


def test_what_others_wrote_is_text_on_every_page() -> None:
    """An app's name, an address, a scope and a reason cannot become a part of the page."""
    evil = '"><script>alert(1)</script>'
    app = Flask(__name__, static_folder=None)
    install(app, development=False)
    evil_pages: list[Page] = [
        pages.Ask(app=evil, back=f"https://{evil}", form=evil, scopes=(evil,), account=evil),
        pages.WrongAccount(form=evil, expected=evil, chosen=evil),
        pages.EmbeddedBrowser(url=evil),
        pages.Failed(reason=evil),
        connection_pages.ConnectionsPage(
            csrf=evil,
            accounts=(connection_pages.ConnectedAccount(email=evil, connections=()),),
        ),
    ]
    with app.test_request_context():
        for page in evil_pages:
            html = render(page).get_data(as_text=True)
            assert "<script" not in html
            assert "&lt;script" in html


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ask", "connections", "disconnect"])
def test_a_page_works_without_javascript(chromium: Browser, gallery: str, name: str) -> None:
    """What can be pressed is a link, a button of a form, or a summary that opens by itself."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{gallery}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.locator("script, [onclick], [href^='javascript']").count() == 0
        assert page.locator("button:not(form button)").count() == 0
