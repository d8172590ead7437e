"""What the public listener says to people and to machines, above all when something is wrong."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from bridge.web.pages.render import STYLESHEET_PATH
from tests.kit import TENANT
from tests.pages.conftest import Site


def test_the_public_page_headers_are_strict(site: Site) -> None:
    """No script, no frame, no referrer, no cache, and nothing guessed."""
    headers = site.public_http.get(site.path("u1")).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/favicon.ico", "GET", 404),
        ("/connect", "GET", 404),
        ("/connections/a/b/c", "GET", 404),
        ("/connections", "POST", 405),
        ("/connections", "DELETE", 405),
        ("/oauth/callback", "POST", 405),
        ("/..%2f..%2fetc/passwd", "GET", 404),
        ("/connections/%ff%fe", "GET", 404),
        ("/oauth/callback", "GET", 404),
        ("/oauth/callback?state=x&code=y", "GET", 404),
    ],
)
def test_whatever_a_person_opens_is_a_page_in_plain_words(
    site: Site, path: str, method: str, status: int
) -> None:
    """Each has a heading, a next step and the strict headers, and none is a 5xx."""
    response = site.public_http.open(path, method=method)
    assert response.status_code == status
    assert response.mimetype == "text/html"
    assert "<h1>There is no such page</h1>" in response.text
    assert "start again from there" in response.text
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/token", "POST"),
        ("/oauth/token", "POST"),
        ("/hooks/nobody", "POST"),
        (f"/hooks/{TENANT}", "POST"),
        ("/hooks/x/y", "GET"),
    ],
)
def test_machines_are_told_in_json(site: Site, path: str, method: str) -> None:
    """Hooks, and backends on the wrong socket, get a problem and no page."""
    response = site.public_http.open(path, method=method)
    assert response.content_type == "application/problem+json"
    assert response.status_code in {404, 405}


def test_a_fault_of_our_own_is_a_page_below_500(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person gets words and a reference, never a stack trace or the fault's own text."""

    def broken(*_args: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(type(site.services.connecting.flow), "show", broken)
    told_of_a_failure(site.public_http.get("/connect/" + "A" * 43), "internal_error")


def test_a_store_that_is_down_is_a_page_below_500(site: Site) -> None:
    """The page says to wait, and that nothing was changed."""
    path = site.path("u1")
    browser = site.public_http
    site.services.store.close()
    told_of_a_failure(browser.get(path), "store_unavailable")


def told_of_a_failure(response: TestResponse, reason: str) -> None:
    assert response.status_code == 409
    assert "<h1>That did not work</h1>" in response.text
    assert f"<code>{reason}</code>" in response.text
    assert "secret detail" not in response.text
    assert response.headers["X-Request-Id"]


def test_the_stylesheet_is_named_after_its_content_and_kept(site: Site) -> None:
    """A browser fetches it once; another release has another name."""
    response = site.public_http.get(STYLESHEET_PATH)
    assert response.mimetype == "text/css"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert STYLESHEET_PATH in site.public_http.get("/").text
    assert site.public_http.get("/assets/other.css").status_code == 404


def test_a_hosts_name_from_the_request_is_never_believed(site: Site) -> None:
    """No address on any page, and no redirect, comes from the Host header."""
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    path = site.path("u1")
    browser = site.public_http
    shown = browser.get(path, headers=headers)
    sent = browser.post(path, headers=headers)
    assert "evil.example" not in shown.text
    assert "evil.example" not in sent.headers["Location"]
