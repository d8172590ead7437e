"""docs/api.md is true: its examples run, and its table of errors is the one in use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.admin.order_views import OrderRequest
from bridge.errors import ANSWERS, Code
from bridge.tokens.wire import TokenRequest
from bridge.web.apps import internal_routes
from tests.connect import conftest as connecting
from tests.connect.conftest import ConnectWorld, code_of
from tests.kit import World

connect_world = connecting.connect_world

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
FENCE = re.compile(r"```sh\n(?P<commands>.*?)```\n(?:\n```json\n(?P<answer>.*?)```\n)?", re.DOTALL)


@dataclass
class Example:
    """A command of the page, and the answer printed below it."""

    arguments: list[str]
    printed: Any


def examples(variables: dict[str, str]) -> Iterator[Example]:
    for found in FENCE.finditer(PAGE):
        printed = json.loads(found["answer"]) if found["answer"] else None
        text = Template(found["commands"].replace("\\\n", " ")).substitute(variables)
        words = shlex.split(text)
        starts = [at for at, word in enumerate(words) if word == "curl"]
        for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
            yield Example(words[start + 1 : end], printed)


def run(http: HttpClient, arguments: list[str]) -> TestResponse:
    """Do what curl would do with these few options."""
    words = iter(arguments)
    url, method, headers, data = "", "GET", {}, None
    for word in words:
        match word:
            case "-s":
                continue
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "--json":
                method, data = "POST", next(words)
                headers["Content-Type"] = "application/json"
            case _:
                assert not word.startswith("-"), f"an option that this test does not know: {word}"
                url = word
    return http.open(url, method=method, headers=headers, data=data)


@pytest.fixture
def bridge_world(connect_world: ConnectWorld) -> ConnectWorld:
    """A bridge whose tenants have an app to return to."""
    return connect_world


@pytest.fixture
def variables(bridge_world: ConnectWorld) -> dict[str, str]:
    bridge_world.grant("u1")
    bridge_world.grant("u2")
    grant = bridge_world.read("u1").grant
    bridge_world.read("u2")
    key = bridge_world.key().removeprefix("Bearer ")
    link = bridge_world.link("u3")
    code = code_of(bridge_world.browser(bridge_world.account()).connect(link))
    wish = OrderRequest(tenant="acme", reason="why", subjects=("u9",))
    order = bridge_world.services.orders.create(bridge_world.caller(), wish).order
    assert order is not None
    of_link = {"LINK": bridge_world.id_of(link), "CODE": code, "ORDER": order.id}
    return {"BRIDGE": "", "KEY": key, "GRANT": grant} | of_link


def test_the_examples_run_and_answer_as_printed(
    bridge_world: World, variables: dict[str, str]
) -> None:
    """Every command works as it stands, and its answer has the printed members."""
    http = bridge_world.http
    asked: set[tuple[str, str]] = set()
    for example in examples(variables):
        response = run(http, example.arguments)
        # All but the metrics is JSON.
        is_json = bool(response.data) and response.mimetype != "text/plain"
        told = response.get_json(force=True) if is_json else None
        refused = isinstance(example.printed, dict) and "code" in example.printed
        assert (response.status_code >= 400) == refused, response.text
        if example.printed is not None:
            assert alike(example.printed, told), (example.printed, told)
        path = response.request.path.replace(variables["GRANT"], "{grant}")
        path = path.replace(variables["LINK"], "{link}").replace(variables["ORDER"], "{order}")
        asked.add((response.request.method, path))

    hook = ("POST", "/hooks/{tenant}")
    table = internal_routes(bridge_world.services)
    assert asked == {(route.method, route.path) for route in table} - {hook}


def alike(printed: Any, told: Any) -> bool:
    """Tell whether an answer has the printed members, and the printed errors exactly."""
    if not isinstance(printed, dict) or not printed:
        return True
    if "code" in printed:
        varying = {"request_id": ""}
        return bool(printed | varying == told | varying)
    inner = [(its, told[name]) for name, its in printed.items() if name in told]
    lists = [
        pair
        for its, theirs in inner
        if isinstance(its, list)
        for pair in zip(its, theirs, strict=False)
    ]
    return printed.keys() == told.keys() and all(alike(*pair) for pair in (*inner, *lists))


def test_the_printed_removal_is_the_true_one(
    bridge_world: World, variables: dict[str, str]
) -> None:
    """The stripping example prints exactly what comes back."""
    [example] = [e for e in examples(variables) if "strip" in e.arguments[1]]
    assert run(bridge_world.http, example.arguments).get_json() == example.printed


def test_the_table_of_errors_is_the_one_in_use() -> None:
    """Codes, statuses and which of them may pass by themselves are those of the code."""
    rows = re.findall(r"^\| `(\w+)`( ↻)? \| (\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    told = {code: (int(status), bool(again)) for code, again, status, _, _ in rows}
    used = {code.value: (ANSWERS[code].status, ANSWERS[code].retryable) for code in Code}
    assert list(told) == list(used)
    assert told == used


def test_every_operation_has_a_heading_or_an_example(bridge_world: World) -> None:
    """No route is left out of the page."""
    for route in internal_routes(bridge_world.services):
        assert route.path in PAGE


def test_the_fields_of_a_token_request_are_all_told() -> None:
    """The table of fields has each of them."""
    section = PAGE.partition("### `POST /v1/token`\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [a-zA-Z]", section, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == set(TokenRequest.__struct_fields__)
