"""Ordinary client libraries against the sandbox, set up as docs/sandbox.md says."""

from __future__ import annotations

import json

import google.auth.transport.requests
import pytest
from authlib.integrations.requests_client import (  # type: ignore[import-untyped]  # ships no types
    OAuth2Session,
)
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build  # type: ignore[import-untyped]  # ships no types

from tests.sandbox.conftest import CALENDAR, World, returned


def credentials(world: World) -> Credentials:
    return Credentials(  # type: ignore[no-untyped-call]  # google-auth leaves it untyped
        token=None,
        refresh_token=world.mint(),
        token_uri=world.endpoints["token"],
        client_id=world.client.client_id,
        client_secret=world.client.secrets[0],
        scopes=[CALENDAR],
    )


def test_google_auth_refreshes(world: World) -> None:
    """google-auth gets an access token, and a dead grant as its `RefreshError`."""
    held = credentials(world)
    request = google.auth.transport.requests.Request(session=world.http)
    held.refresh(request)  # type: ignore[no-untyped-call]  # google-auth leaves it untyped
    assert held.valid
    world.google.revoke_as_user(world.account, world.client)
    with pytest.raises(RefreshError, match="invalid_grant"):
        held.refresh(request)  # type: ignore[no-untyped-call]  # the same


def test_googles_api_client_calls_the_calendar(world: World) -> None:
    """google-api-python-client inserts and lists events at the sandbox."""
    endpoint = {"api_endpoint": world.url + "/calendar/v3/"}
    with build("calendar", "v3", credentials=credentials(world), client_options=endpoint) as api:
        api.events().insert(calendarId="primary", body={"summary": "Lunch"}).execute()
        events = api.events().list(calendarId="primary").execute()["items"]
    assert [event["summary"] for event in events] == ["Lunch"]


def test_authlib_goes_through_the_code_flow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib's client does PKCE, exchanges the code and refreshes."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    world.google.accounts.sign_in(world.account)
    verifier = "v" * 50
    with OAuth2Session(
        world.client.client_id,
        world.client.secrets[0],
        scope=CALENDAR,
        redirect_uri=world.client.redirect_uris[0],
        code_challenge_method="S256",
    ) as session:
        url, _ = session.create_authorization_url(
            world.endpoints["authorization"], code_verifier=verifier, access_type="offline"
        )
        page = world.http.get(url)
        back = world.submit(page, decision="allow")
        assert "code" in returned(back)
        token = session.fetch_token(
            world.endpoints["token"],
            authorization_response=back.headers["Location"],
            code_verifier=verifier,
        )
        renewed = session.refresh_token(world.endpoints["token"], token["refresh_token"])
    assert renewed["access_token"] != token["access_token"]


def test_curl_like_calls_of_the_howto_work(world: World) -> None:
    """The three calls that the command prints do what it says."""
    made = world.http.post(world.url + "/sandbox/accounts", json={"email": "bob@gmail.com"})
    uris = {"redirect_uris": ["http://localhost:8080/callback"]}
    client = world.http.post(world.url + "/sandbox/clients", json=uris).json()
    path = f"/sandbox/clients/{client['client_id']}/client_secret.json"
    assert set(json.loads(world.http.get(world.url + path).text)) == {"web"}
    login = {"account": "bob@gmail.com", "client": client["client_id"], "scopes": "openid email"}
    answer = world.http.post(world.url + "/sandbox/login", json=login)
    assert made.status_code == 201
    assert {"access_token", "refresh_token", "id_token"} <= set(answer.json())
