"""The fast path and Flask answer alike."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from bridge.errors import Code
from bridge.web.apps import FastPath, internal_flask, internal_routes
from bridge.web.below_wsgi import Exchange, wrapped
from tests.kit import CALENDAR, DRIVE, OTHER, TENANT, World, world
from tests.web.conftest import token_request
from tests.wsgi import as_wsgi

ID = "the-same"


@dataclass
class Both:
    """The app with the fast path in front, and without it.

    Attributes:
        passed: how many requests the fast path handed on to Flask.
    """

    fast: Any
    plain: Any
    passed: int = 0

    def ask(self, **more: Any) -> tuple[str, list[tuple[str, str]], bytes]:
        """Send a request to both; return the one answer that both give."""
        before = self.passed
        fast = self._answer(self.fast, **more)
        assert self.passed == before, "the fast path did not answer this one"
        plain = self._answer(self.plain, **more)
        assert fast == plain
        return fast

    def _answer(self, app: Any, **more: Any) -> tuple[str, list[tuple[str, str]], bytes]:
        raw = more.pop("environ", {})
        headers = {"X-Request-Id": ID} | more.pop("headers", {})
        builder = EnvironBuilder(path="/v1/token", method="POST", headers=headers, **more)
        body, status, told = run_wsgi_app(app, builder.get_environ() | raw)
        return status.partition(" ")[0], sorted(told.items()), b"".join(body)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bridge with a grant whose token is cached, and one that Google refuses."""
    with world(tmp_path_factory.mktemp("bridge")) as made:
        made.grant("u1")
        made.read("u1")
        account = made.account()
        made.grant("dead", account=account)
        made.google.kill_refresh_tokens(account)
        yield made


@pytest.fixture
def both(shared: World, monkeypatch: pytest.MonkeyPatch) -> Both:
    # Between the two answers no second may pass.
    now = shared.clock.now()
    monkeypatch.setattr(shared.clock, "now", lambda: now)
    table = internal_routes(shared.services)
    plain = internal_flask(shared.services, table).wsgi_app
    made = Both(None, plain)

    flask = wrapped(plain)

    def rest(exchange: Exchange, environ: Any) -> None:
        made.passed += 1
        flask(exchange, environ)

    made.fast = as_wsgi(FastPath(table[0], shared.services.gate, rest).take)
    return made


@pytest.fixture(scope="module")
def key(shared: World) -> dict[str, str]:
    return {"Authorization": shared.key()}


GOOD = token_request("u1")
BODIES: list[tuple[object, str]] = [
    (GOOD, "200"),
    ({"tenant": TENANT, "subject": "u1", "actions": ["calendar.events.list"]}, "200"),
    (token_request("u1", run="nightly"), "200"),
    (token_request("dead"), "409"),
    (token_request("nobody"), "404"),
    (token_request("u1", tenant="nobody"), "404"),
    (token_request("u1", scopes=[DRIVE]), "403"),
    (token_request("u1", scopes=[]), "400"),
    (token_request("u1", more=1), "400"),
    (token_request("u1", min_ttl=-1), "400"),
    (token_request("u1", subject="a\0b"), "400"),
    ({}, "400"),
    ([], "400"),
    ("text", "400"),
    ({"grant": "g_" + "A" * 32, "scopes": [CALENDAR]}, "404"),
]


@pytest.mark.parametrize(("body", "status"), BODIES, ids=str)
def test_a_request_has_one_answer(
    body: object, status: str, key: dict[str, str], both: Both
) -> None:
    """Status, headers and body are the same by both ways, tokens included."""
    answer = both.ask(headers=key, json=body)
    assert answer[0] == status
    if status == "200":
        assert b'"access_token":"ya29.' in answer[2]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"headers": {}}, "401"),
        ({"headers": {"Authorization": "Bearer wrong"}}, "401"),
        ({"headers": {"Authorization": ""}}, "401"),
        ({"headers": {"Origin": "https://app.example"}}, "403"),
        ({"headers": {"Cookie": "a=b"}}, "403"),
        ({"headers": {"Sec-Fetch-Site": "none"}}, "403"),
    ],
    ids=str,
)
def test_whoever_may_not_ask_is_refused_alike(
    more: dict[str, Any], status: str, both: Both
) -> None:
    """Missing and wrong keys and browsers get one answer by both ways."""
    assert both.ask(json=GOOD, **more)[0] == status


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", "400"),
        (b"", "application/json", "400"),
        (b"\xff", "application/json", "400"),
        (b'{"subject":"a","subject":"b"}', "application/json", "400"),
        (b"{}", "text/plain", "415"),
        (b"{}", "", "415"),
        (b"{}", "application/json; charset=utf-8", "400"),
        (b"{}", "APPLICATION/JSON", "400"),
        (b" " * (64 * 1024 + 1), "application/json", "413"),
        (b"[" * 60_000, "application/json", "400"),
    ],
    ids=range(10),
)
def test_a_body_that_is_no_request_is_refused_alike(
    *, data: bytes, content_type: str, status: str, key: dict[str, str], both: Both
) -> None:
    """Form, type and size are minded by both ways."""
    answer = both.ask(headers=key, data=data, content_type=content_type)
    assert answer[0] == status


def test_the_same_body_is_answered_to_each_caller_as_its_own(shared: World, both: Both) -> None:
    """What was read of one caller's body says nothing about who may ask, or for what."""
    allowed = {"Authorization": shared.key(name="allowed", scopes=[CALENDAR])}
    beyond = {"Authorization": shared.key(name="beyond", scopes=[DRIVE])}
    elsewhere = {"Authorization": shared.key(name="elsewhere", tenants=[OTHER])}
    for _ in range(2):
        for headers, status in ((allowed, "200"), (beyond, "403"), (elsewhere, "404"), ({}, "401")):
            assert both.ask(headers=headers, json=GOOD)[0] == status


@pytest.mark.parametrize("spaces", [0, 2000])
def test_a_body_gets_its_answer_each_time(spaces: int, key: dict[str, str], both: Both) -> None:
    """The second time too, whether it is short enough to be remembered or not."""
    good = json.dumps(GOOD).encode() + b" " * spaces
    bad = good.replace(b'"subject"', b'"subjekt"')
    for data, status in ((good, "200"), (bad, "400")) * 2:
        assert both.ask(headers=key, data=data, content_type="application/json")[0] == status


def test_a_body_of_unknown_length_is_bounded_alike(key: dict[str, str], both: Both) -> None:
    """Chunks without a length are read up to the bound and one byte."""
    for size, status in ((100, "400"), (10 * 2**20, "413")):
        for app in (both.fast, both.plain):
            stream = io.BytesIO(b" " * size)
            environ = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
            answer = both._answer(  # noqa: SLF001 - each way needs a stream of its own
                app, headers=key, content_type="application/json", environ=environ
            )
            assert answer[0] == status
            assert stream.tell() <= 64 * 1024 + 1


def test_a_query_and_a_made_up_length_change_nothing(key: dict[str, str], both: Both) -> None:
    """What the route has no use for is not looked at; an absurd length is too large."""
    assert both.ask(headers=key, json=GOOD, query_string="a=%ff&a=1")[0] == "200"
    for length, status in (("9" * 5000, "413"), ("-5", "200"), ("x", "200"), ("٣", "200")):
        environ = {"CONTENT_LENGTH": length, "wsgi.input_terminated": True}
        for app in (both.fast, both.plain):
            assert (
                both._answer(  # noqa: SLF001 - as above
                    app, headers=key, json=GOOD, environ=environ
                )[0]
                == status
            ), length


def test_a_fault_of_our_own_is_told_alike(
    key: dict[str, str], both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception, in the handler or in writing the answer, is one 500 problem."""

    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError("inside")

    for place in ("bridge.tokens.service.demand_of", "bridge.web.api.Reply"):
        with monkeypatch.context() as patched:
            patched.setattr(place, fail)
            status, _, body = both.ask(headers=key, json=GOOD | {"run": place})
        assert status == "500"
        assert Code.INTERNAL_ERROR.value.encode() in body
        assert b"inside" not in body


def test_other_paths_and_methods_are_flasks(both: Both) -> None:
    """The fast path takes the one route and leaves the rest alone."""
    for method, path in (("GET", "/v1/token"), ("POST", "/v1/tokens"), ("GET", "/live")):
        before = both.passed
        environ = EnvironBuilder(path=path, method=method).get_environ()
        run_wsgi_app(both.fast, environ)
        assert both.passed == before + 1
