"""The small Calendar, Drive and Gmail: data, scopes and refusals."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from bridge.sandbox import apis
from tests.sandbox.conftest import CALENDAR, CALENDAR_READ, DRIVE, MAIL, World

EVENTS = "/calendar/v3/calendars/primary/events"
AUTH = "https://www.googleapis.com/auth/"


def access(world: World, scopes: str) -> str:
    return world.google.login(world.account, world.client, scopes, prompt="consent").access_token


def test_an_event_is_inserted_read_listed_and_patched(world: World) -> None:
    """The four calls work on the same event, and `patch` changes only what it names."""
    token = access(world, CALENDAR)
    made = world.api("POST", EVENTS, token, summary="Lunch", location="here").json()
    one = f"{EVENTS}/{made['id']}"
    assert world.api("GET", one, token).json() == made
    patched = world.api("PATCH", one, token, summary="Dinner", id="other").json()
    assert (patched["summary"], patched["location"]) == ("Dinner", "here")
    assert world.api("GET", EVENTS, token).json()["items"] == [patched]
    assert patched["id"] == made["id"]


def test_the_calendar_can_be_named_by_the_email(world: World) -> None:
    """`primary` and the account's own address are the same calendar, others are not found."""
    token = access(world, CALENDAR)
    world.api("POST", EVENTS, token, summary="Lunch")
    mine = world.api("GET", "/calendar/v3/calendars/ann@gmail.com/events", token)
    assert len(mine.json()["items"]) == 1
    path = "/calendar/v3/calendars/bob@gmail.com/events"
    assert world.api("GET", path, token).status_code == 404


def test_the_calendar_list_has_the_primary_calendar(world: World) -> None:
    """One entry, the account's own."""
    listed = world.api("GET", "/calendar/v3/users/me/calendarList", access(world, CALENDAR))
    assert [item["id"] for item in listed.json()["items"]] == ["ann@gmail.com"]


def test_a_missing_event_is_not_found(world: World) -> None:
    """Reading and patching answer 404 with Google's reason."""
    token = access(world, CALENDAR)
    for method in ("GET", "PATCH"):
        answer = world.api(method, f"{EVENTS}/none", token)
        assert answer.status_code == 404
        assert answer.json()["error"]["errors"][0]["reason"] == "notFound"


def test_a_read_scope_reads_and_does_not_write(world: World) -> None:
    """`calendar.readonly` lists events and may not insert one."""
    token = access(world, CALENDAR_READ)
    assert world.api("GET", EVENTS, token).status_code == 200
    assert world.api("POST", EVENTS, token, summary="Lunch").status_code == 403


def test_insufficient_scopes_answer_like_google(world: World) -> None:
    """403 with the reason `insufficientPermissions` and a challenge that names scopes."""
    answer = world.api("GET", "/drive/v3/files", access(world, CALENDAR))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (403, 403, "PERMISSION_DENIED")
    assert error["errors"][0]["reason"] == "insufficientPermissions"
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert DRIVE in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["", "ya29.unknown"])
def test_a_bad_token_answers_like_google(world: World, token: str) -> None:
    """401 with the reason `authError` and a challenge."""
    answer = world.api("GET", EVENTS, token)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["errors"][0]["reason"] == "authError"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_tokens_expire_and_die_with_their_account(world: World) -> None:
    """An expired token, and one of a suspended account, answer 401."""
    token = access(world, CALENDAR)
    world.google.accounts.suspend(world.account)
    assert world.api("GET", EVENTS, token).status_code == 401
    world.google.accounts.restore(world.account)
    assert world.api("GET", EVENTS, token).status_code == 200
    world.google.advance(3600)
    assert world.api("GET", EVENTS, token).status_code == 401


def test_files_are_created_and_listed(world: World) -> None:
    """Drive keeps what is created."""
    token = access(world, DRIVE)
    made = world.api("POST", "/drive/v3/files", token, name="Plan").json()
    assert world.api("GET", "/drive/v3/files", token).json()["files"] == [made]


def test_drive_file_narrows_the_list(world: World) -> None:
    """`drive.file` shows what the app made, not what the user or another app has."""
    world.google.workspace.create_file(world.account.sub, {"name": "Private"})
    world.google.workspace.create_file(world.account.sub, {"name": "Other"}, project="9")
    token = access(world, AUTH + "drive.file")
    world.api("POST", "/drive/v3/files", token, name="Plan")
    names = [f["name"] for f in world.api("GET", "/drive/v3/files", token).json()["files"]]
    assert names == ["Plan"]
    everything = world.api("GET", "/drive/v3/files", access(world, AUTH + "drive.readonly"))
    assert len(everything.json()["files"]) == 3


def test_messages_are_listed_and_metadata_may_not_search(world: World) -> None:
    """`gmail.metadata` lists, but a query needs a scope that reads."""
    message = world.google.workspace.deliver_message(world.account.sub)
    path = "/gmail/v1/users/me/messages"
    metadata, reads = access(world, AUTH + "gmail.metadata"), access(world, MAIL)
    assert world.api("GET", path, metadata).json()["messages"] == [message]
    assert world.api("GET", path + "?q=x", metadata).status_code == 403
    assert world.api("GET", path + "?q=x", reads).status_code == 200
    assert world.api("GET", "/gmail/v1/users/bob@gmail.com/messages", reads).status_code == 403


def test_one_accounts_data_is_not_anothers(world: World) -> None:
    """Events belong to the account whose token wrote them."""
    world.api("POST", EVENTS, access(world, CALENDAR), summary="Lunch")
    other = world.google.accounts.create()
    token = world.google.login(other, world.client, CALENDAR).access_token
    assert world.api("GET", EVENTS, token).json()["items"] == []


def test_calls_of_the_apis_are_counted(world: World) -> None:
    """By API, account and outcome."""
    token = access(world, CALENDAR)
    world.api("GET", EVENTS, token)
    world.api("GET", EVENTS + "/none", token)
    world.api("GET", "/drive/v3/files", token)
    assert world.google.stats().api_calls == {
        ("calendar", world.account.sub, "ok"): 1,
        ("calendar", world.account.sub, "notFound"): 1,
        ("drive", world.account.sub, "insufficientPermissions"): 1,
    }


METHODS = [
    ("calendar.v3", ("calendarList", "list"), apis.CALENDAR_LIST),
    ("calendar.v3", ("events", "list"), apis.EVENTS_READ),
    ("calendar.v3", ("events", "get"), apis.EVENTS_READ),
    ("calendar.v3", ("events", "insert"), apis.EVENTS_WRITE),
    ("calendar.v3", ("events", "patch"), apis.EVENTS_WRITE),
    ("drive.v3", ("files", "list"), apis.FILES_READ),
    ("drive.v3", ("files", "create"), apis.FILES_WRITE),
    ("gmail.v1", ("users", "messages", "list"), apis.MAIL_READ),
]


@pytest.mark.parametrize(("document", "path", "scopes"), METHODS)
def test_scopes_are_those_of_the_discovery_documents(
    document: str, path: tuple[str, ...], scopes: frozenset[str]
) -> None:
    """Each imitated method takes exactly the scopes that Google's document lists."""
    spec = importlib.util.find_spec("googleapiclient")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "discovery_cache" / "documents"
    found = json.loads((folder / f"{document}.json").read_text())
    for resource in path[:-1]:
        found = found["resources"][resource]
    assert set(found["methods"][path[-1]]["scopes"]) == scopes
