"""The guides are true: their commands run, their settings load, their links lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.cli.commands import bridge
from bridge.config import load
from bridge.config.tenants import Recovery
from bridge.config.urls import redirect_uri_problems
from bridge.errors import BridgeError
from bridge.google.scopes import SIGN_IN, scopes_for
from bridge.sandbox import SandboxOptions
from tests.guides.pages import DOCS, GUIDES, blocks, commands, page
from tests.kit import TENANT, World

Run = Callable[..., Result]


@pytest.fixture
def run(bridge_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a page's command on a bridge whose tenant is the page's, in a folder of its own."""
    monkeypatch.setenv("BRIDGE_CONFIG", str(bridge_world.config))
    monkeypatch.chdir(tmp_path)

    def run(words: list[str], **replaced: str) -> Result:
        told = {"my-app": TENANT} | replaced
        arguments = [told.get(word, word) for word in words]
        return CliRunner().invoke(bridge, arguments, input="y\n", catch_exceptions=False)

    return run


def dead(world: World, subject: str, email: str) -> None:
    """Give a subject a grant whose refresh token Google has ended."""
    account = world.account(email)
    world.grant(subject, account=account)
    world.google.kill_refresh_tokens(account)
    with pytest.raises(BridgeError):
        world.read(subject)


@pytest.mark.parametrize("name", GUIDES)
def test_links_lead_somewhere(name: str) -> None:
    """Every page and picture that a guide names is there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page(name))
    missing = [link for link in links if ":" not in link and not (DOCS / link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", GUIDES)
def test_guides_are_listed_in_the_readme(name: str) -> None:
    """Nobody finds a page that nothing names."""
    assert f"docs/{name}.md" in (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_the_commands_for_legacy_users_do_what_the_page_says(
    bridge_world: World, run: Run, tmp_path: Path
) -> None:
    """In the page's order, on users of every kind that it names; ORDER is the newest order's id."""
    dead(bridge_world, "u1", "ann@example.com")
    account = bridge_world.account("bob@example.com")
    token = bridge_world.google.mint_refresh_token(account, bridge_world.client, "openid")
    line = {
        "tenant": TENANT,
        "subject": "u2",
        "account": {"sub": account.sub},
        "client": bridge_world.client.client_id,
        "refresh_token": token,
    }
    (tmp_path / "tokens.jsonl").write_text(json.dumps(line))
    (tmp_path / "users.txt").write_text("u1\nu9\n")
    order = ""
    told: list[str] = []
    for words in commands("legacy-users"):
        result = run(words, ORDER=order)
        assert result.exit_code == 0, (words, result.output)
        told.append(result.stdout)
        if words[:2] == ["orders", "create"]:
            listed = json.loads(run(["orders", "list", "--tenant", TENANT, "--json"]).stdout)
            order = listed["orders"][0]["id"] if listed["orders"] else ""
    assert len(told) > 15
    assert order
    ended = json.loads(run(["orders", "show", order, "--json"]).stdout)
    assert ended["order"]["cancelled_at"] is not None
    assert bridge_world.grants_of("u2") != []


@pytest.mark.parametrize("name", ["google-client", "long-jobs", "picker"])
def test_the_commands_of_a_guide_run(bridge_world: World, run: Run, name: str) -> None:
    """Each as it stands; what would follow events for ever is asked for its help instead."""
    found = list(commands(name))
    assert found
    for words in found:
        result = run([*words, "--help"] if "--follow" in words else [*words, *_offline(words)])
        assert result.exit_code == 0, (words, result.output)


def _offline(words: list[str]) -> list[str]:
    return ["--offline"] if words[0] == "check" else []


def test_the_settings_of_the_client_guide_load(tmp_path: Path) -> None:
    """With a downloaded client file beside them."""
    [text] = blocks("google-client", "toml")
    (tmp_path / "bridge.toml").write_text(text)
    web: dict[str, Any] = {
        "client_id": "123456789012-abc.apps.googleusercontent.com",
        "client_secret": "GOCSPX-example",
        "project_id": "acme",
        "redirect_uris": ["https://bridge.acme.com/oauth/callback"],
    }
    (tmp_path / "client_secret.json").write_text(json.dumps({"web": web}))
    settings = load(tmp_path / "bridge.toml", {})
    [client] = settings.tenants["my-app"].clients
    assert client.client_id == web["client_id"]
    assert settings.redirect_uri == web["redirect_uris"][0]


def test_redirect_uris_are_judged_as_the_page_says() -> None:
    """What the table calls good is, and what it calls refused is refused at start."""
    rows = re.findall(r"^\| `(http\S+)` \| (good|refused)", page("google-client"), re.MULTILINE)
    assert len(rows) >= 7
    for uri, verdict in rows:
        assert ("refused" if list(redirect_uri_problems(uri)) else "good") == verdict, uri


def test_the_scopes_of_the_client_guide_exist() -> None:
    """Every scope that it sorts into a category is one of Google's."""
    rows = re.findall(
        r"^\| (?:non-sensitive|sensitive|restricted) \| ([^|]+) \|",
        page("google-client"),
        re.MULTILINE,
    )
    named = {word for row in rows for word in re.findall(r"`([\w.]+)`", row)}
    actions = ("calendar.events.insert", "drive.files.create", "gmail.users.messages.get")
    more = ("sheets.spreadsheets.get", "people.people.connections.list", "tasks.tasks.list")
    known = {
        scope.rpartition("/")[2] for action in (*actions, *more) for scope in scopes_for(action)
    }
    known |= {"email", "profile", *(scope.rpartition("/")[2] for scope in SIGN_IN)}
    assert len(named) > 10
    assert named <= known


def test_seven_days_are_what_the_stand_in_gives() -> None:
    """The number of seconds that the page quotes."""
    assert f"refresh_token_expires_in: {SandboxOptions().testing_lifetime}" in page("google-client")


def test_policies_are_all_explained() -> None:
    """The table of `recovery` has each of them."""
    rows = re.findall(r"^\| `(\w+)`(?: \(the default\))? \| ", page("legacy-users"), re.MULTILINE)
    assert {policy.value for policy in Recovery} <= set(rows)


def test_settings_in_guides_are_settings() -> None:
    """A tenant with them starts."""
    reference = page("configuration")
    for name in GUIDES:
        for text in blocks(name, "toml"):
            for option in re.findall(r"^(\w+) = ", text, re.MULTILINE):
                assert re.search(rf"[`.]{option}`", reference), option
