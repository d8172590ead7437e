"""docs/picker.md: the one token that a browser gets opens nothing but picked files."""

from __future__ import annotations

import json
import re
import shlex
from string import Template
from typing import Any

import pytest

from tests.guides.pages import page, sample
from tests.kit import CALENDAR, DRIVE, SIGN_IN, TENANT, World
from tests.web.test_docs import run

DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"
EXAMPLE = re.compile(r"```sh\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)


@pytest.fixture
def picker_key(bridge_world: World) -> str:
    """The key of a caller as the page makes it."""
    [scope] = re.findall(r"--scope (\S+)", page("picker"))
    key = bridge_world.key("picker", tenants=[TENANT], scopes=[scope], permissions=["token"])
    return key.removeprefix("Bearer ")


def test_the_examples_answer_as_printed(bridge_world: World, picker_key: str) -> None:
    """Of a user who granted the whole Drive and Calendar, the Picker gets its own scope alone."""
    bridge_world.grant("u1", f"{SIGN_IN} {CALENDAR} {DRIVE} {DRIVE_FILE}")
    found = EXAMPLE.findall(page("picker"))
    assert len(found) == 2
    for commands, printed in found:
        text = Template(commands.replace("\\\n", " ")).substitute(BRIDGE="", PICKER_KEY=picker_key)
        words = shlex.split(text.replace("my-app", TENANT))
        told = run(bridge_world.http, words[1:]).get_json()
        assert json.loads(printed).items() <= told.items()


def client_of(bridge_url: str, picker_key: str) -> Any:
    app = sample("picker")["create_app"](bridge_url, picker_key)
    app.secret_key = "test"
    return app.test_client()


def test_the_backend_gives_a_user_their_own_token_alone(
    bridge_world: World, bridge_url: str, picker_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only to whoever is signed in, not to a GET, and to be cached by nobody."""
    monkeypatch.setattr("tests.guides.pages.page", _with_tenant)
    bridge_world.grant("u1", f"{SIGN_IN} {CALENDAR} {DRIVE_FILE}")
    http = client_of(bridge_url, picker_key)
    assert http.post("/picker-token").status_code == 401
    with http.session_transaction() as session:
        session["subject"] = "u1"
    assert http.get("/picker-token").status_code == 405

    answer = http.post("/picker-token", json={"subject": "u2"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.get_json()) == {"token", "expires_at"}
    assert answer.get_json()["token"].startswith("ya29.")


def test_a_user_without_the_scope_is_told_what_to_connect(
    bridge_world: World, bridge_url: str, picker_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 with the action, and nothing else of the bridge's answer."""
    monkeypatch.setattr("tests.guides.pages.page", _with_tenant)
    bridge_world.grant("u1", f"{SIGN_IN} {CALENDAR}")
    http = client_of(bridge_url, picker_key)
    with http.session_transaction() as session:
        session["subject"] = "u1"
    answer = http.post("/picker-token")
    assert answer.status_code == 409
    assert answer.get_json() == {
        "code": "insufficient_scope",
        "action": {"type": "connect", "scopes": [DRIVE_FILE]},
    }


def _with_tenant(name: str) -> str:
    return page(name).replace("my-app", TENANT)
