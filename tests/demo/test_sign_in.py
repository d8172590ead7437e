"""Sandbox IdP and sample app, page by page: what is not theirs ends on a page below 500."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.test import Client as Browser

from bridge.clock import SystemClock
from bridge.sandbox import SandboxServer
from bridge.sandbox.diary import Diary, Kind
from bridge.sandbox.idp import (
    AppRegistration,
    GoogleRegistration,
    HookTarget,
    IdpSettings,
    create_idp,
)
from bridge.sandbox.idp.settings import CALLBACK_PATH, CONTINUE_PATH
from bridge.sandbox.records import AuthorizationRequest
from bridge.sandbox.scopes import normalised
from bridge.secret import Secret

ORIGIN = "http://localhost:1"
NOBODY = "http://127.0.0.1:9"
WANTED = {
    "client_id": "planner",
    "redirect_uri": "http://localhost:2/signed-in",
    "response_type": "code",
    "code_challenge_method": "S256",
    "code_challenge": "c" * 43,
    "state": "app-state",
}


@pytest.fixture
def google() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def diary() -> Diary:
    return Diary(SystemClock())


@pytest.fixture
def idp(google: SandboxServer, diary: Diary) -> Flask:
    """An IdP whose bridge does not answer."""
    client = google.google.clients.create(redirect_uris=[ORIGIN + CALLBACK_PATH])
    settings = IdpSettings(
        origin=ORIGIN,
        google=GoogleRegistration(
            origin=google.url,
            client_id=client.client_id,
            client_secret=Secret(client.secrets[0]),
            scopes=("openid", "email"),
        ),
        bridge=HookTarget(
            internal=NOBODY,
            issuer="http://localhost:3",
            tenant="demo",
            secret=Secret("whsec_" + "A" * 32),
            return_secret=Secret("r" * 32),
        ),
        app=AppRegistration(
            name="Planner",
            client_id="planner",
            client_secret=Secret("app-secret"),
            redirect_uri=WANTED["redirect_uri"],
            home="http://localhost:2",
        ),
    )
    return create_idp(settings, SystemClock(), diary)


def authorization(asked: dict[str, str]) -> AuthorizationRequest:
    """Return the request that a browser takes to Google, as Google reads it."""
    return AuthorizationRequest(
        client_id=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        scopes=normalised(asked["scope"]),
        offline=True,
        nonce=asked["nonce"],
        code_challenge=asked["code_challenge"],
        code_challenge_method="S256",
    )


def begun(idp: Flask) -> tuple[Browser, dict[str, list[str]]]:
    """Begin a login; return the browser and what it takes to Google."""
    browser = Browser(idp)
    assert browser.get("/authorize", query_string=WANTED).status_code == 200
    sent = browser.post("/federation/google")
    return browser, parse_qs(urlsplit(sent.headers["Location"]).query)


def test_offline_access_is_asked_for_and_consent_is_not_forced(idp: Flask) -> None:
    """Every login asks for a refresh token in the way that costs the user nothing."""
    _, asked = begun(idp)
    assert asked["access_type"] == ["offline"]
    assert asked["prompt"] == ["select_account"]
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce"} <= set(asked)


def test_a_login_ends_well_while_the_bridge_is_down(
    idp: Flask, google: SandboxServer, diary: Diary
) -> None:
    """The browser goes back to the app with a code, and the diary says that nobody answered."""
    google.google.accounts.create("ann@gmail.com")
    browser, asked = begun(idp)
    request = {name: values[0] for name, values in asked.items()}
    code = google.google.consents.approve(
        authorization(request), google.google.accounts.get("ann@gmail.com")
    )
    answer = {"code": code.code, "state": request["state"]}
    done = browser.get(CALLBACK_PATH, query_string=answer)
    back = urlsplit(done.headers["Location"])
    assert back.netloc == "localhost:2"
    assert parse_qs(back.query)["state"] == ["app-state"]
    assert [entry.kind for entry in diary.entries()] == [Kind.HOOK_FAILED]


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://evil.example/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
    ],
    ids=["client", "redirect", "response type", "pkce"],
)
def test_another_app_s_request_is_refused(idp: Flask, change: dict[str, str]) -> None:
    """The one app that is registered may ask, in the one way."""
    answer = Browser(idp).get("/authorize", query_string=WANTED | change)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize("path", [CALLBACK_PATH, CONTINUE_PATH])
def test_a_browser_that_began_nothing_is_told_so(idp: Flask, path: str) -> None:
    """A callback without a login's cookie ends on a page with a way back."""
    answer = Browser(idp).get(path, query_string={"state": "x", "code": "y"})
    assert answer.status_code == 400
    assert "Back to Planner" in answer.text


@pytest.mark.parametrize("query", [{"state": "forged", "code": "y"}, {"code": "y"}, {}])
def test_a_forged_state_is_refused(idp: Flask, query: dict[str, str]) -> None:
    """An answer of Google that this browser did not ask for signs nobody in."""
    browser, _ = begun(idp)
    answer = browser.get(CALLBACK_PATH, query_string=query)
    assert answer.status_code == 400
    assert "idp_session" not in answer.headers.get("Set-Cookie", "")


def test_nobody_comes_back_from_a_consent_that_was_not_asked_for(idp: Flask) -> None:
    """A signed-looking return in a login without a consent round is refused."""
    browser, _ = begun(idp)
    answer = browser.get(CONTINUE_PATH, query_string={"session_token": "x", "state": "y"})
    assert answer.status_code == 400


@pytest.mark.parametrize("form", [{}, {"client_secret": "app-secret", "code": "unknown"}])
def test_a_code_needs_the_app_s_secret_and_to_exist(idp: Flask, form: dict[str, str]) -> None:
    """The token endpoint gives nothing else."""
    assert Browser(idp).post("/token", data=form).status_code == 400


def test_signing_out_leads_to_the_app_alone(idp: Flask) -> None:
    """A target in the query is not followed."""
    answer = Browser(idp).get("/logout", query_string={"post_logout_redirect_uri": "http://evil/"})
    assert answer.headers["Location"] == "http://localhost:2"


def test_pages_forbid_what_they_do_not_need(idp: Flask) -> None:
    """No script, no frame, no referrer, nothing kept."""
    headers = Browser(idp).get("/").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
