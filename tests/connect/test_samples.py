"""The samples of docs/connect.md and docs/connections-page.md run against a bridge on a socket."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.connect.conftest import ConnectWorld
from tests.guides import conftest as guides
from tests.missing import program

DOCS = Path(__file__).parents[2] / "docs"
DRIVER = """
import { connectUrl, connected } from "./sample.mjs";
const [what, userId, code] = process.argv.slice(2);
const session = { userId };
const told = what === "url" ? await connectUrl(session) : await connected(session, code);
console.log(JSON.stringify(told));
"""

bridge_url = guides.bridge_url


@pytest.fixture
def bridge_world(connect_world: ConnectWorld) -> ConnectWorld:
    """What `bridge_url` serves."""
    return connect_world


@pytest.fixture
def environment(connect_world: ConnectWorld, bridge_url: str) -> dict[str, str]:
    key = connect_world.key("app", permissions=["connect"]).removeprefix("Bearer ")
    return {"BRIDGE_URL": bridge_url, "BRIDGE_KEY": key, "SESSION_SECRET": "of the app"}


def sample(language: str, page: str = "connect") -> str:
    text = (DOCS / f"{page}.md").read_text()
    [code] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(code)


@pytest.fixture
def app(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The Python samples, as they stand."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {"__name__": "sample"}
    for page in ("connect", "connections-page"):
        exec(compile(sample("python", page), page, "exec"), names)  # noqa: S102 - our own pages
    made: Flask = names["app"]
    return made


def test_the_python_sample_connects_an_account(connect_world: ConnectWorld, app: Flask) -> None:
    """Its two routes take a user from the button to a grant."""
    browser = connect_world.browser(connect_world.account("ann@gmail.com"))
    with app.test_client() as http:
        with http.session_transaction() as session:
            session["user_id"] = "u1"
        url = http.post("/connect-google").location or ""
        home = browser.connect(url).location or ""
        assert home.startswith("https://app.example.com/connected?")
        assert http.get("/connected?status=denied").text == "Nothing was connected."
        assert "ann@gmail.com" in http.get("/connected?" + home.partition("?")[2]).text
        assert http.get("/connected?" + home.partition("?")[2]).status_code == 409
    assert connect_world.grant_of("u1").account.email == "ann@gmail.com"


def test_the_python_sample_refuses_a_stranger_s_link(
    connect_world: ConnectWorld, app: Flask
) -> None:
    """A victim who was sent Mallory's link gets a page, and nobody an account."""
    victim = connect_world.browser(connect_world.account())
    url = connect_world.link("mallory", return_to="https://app.example.com/connected")
    home = victim.connect(url).location or ""
    with app.test_client() as http:
        with http.session_transaction() as session:
            session["user_id"] = "victim"
        assert http.get("/connected?" + home.partition("?")[2]).status_code == 403
    assert connect_world.grants_of("victim") == connect_world.grants_of("mallory") == []


def test_the_python_sample_opens_the_connections_page(
    connect_world: ConnectWorld, app: Flask
) -> None:
    """Its route leads to a page of the bridge's that a button opens for the session's user."""
    with app.test_client() as http:
        with http.session_transaction() as session:
            session["user_id"] = "u1"
        url = http.post("/google-connections").location or ""
    path = url.removeprefix("http://localhost:8600")
    assert path != url
    page = connect_world.public_http.get(path)
    assert page.status_code == 200
    assert "<button" in page.text


@pytest.fixture
def node(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Any]:
    """Run the Node sample; return what its function returned."""
    found = program("node", "nodejs")
    (tmp_path / "sample.mjs").write_text(sample("js"))
    (tmp_path / "driver.mjs").write_text(DRIVER)

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [found, "driver.mjs", *arguments],
            cwd=tmp_path,
            env=environment | {"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(done.stdout)

    return run


def test_the_node_sample_connects_an_account(
    connect_world: ConnectWorld, node: Callable[..., Any]
) -> None:
    """Its two functions do the same, and know a code that is over or somebody else's."""
    browser = connect_world.browser(connect_world.account("ann@gmail.com"))
    home = browser.connect(node("url", "u1")).location or ""
    code = home.rpartition("code=")[2]
    assert node("redeem", "u1", code)["account"]["email"] == "ann@gmail.com"
    assert node("redeem", "u1", code) is None
    assert connect_world.grant_of("u1").account.email == "ann@gmail.com"
