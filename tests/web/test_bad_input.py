"""Bad input over HTTP: the right 4xx with the field named, and never a 5xx."""

from __future__ import annotations

import base64
import copy
import io
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from bridge.secret import Secret
from bridge.signing.webhooks import sign
from tests.kit import CALENDAR, TENANT, World, world
from tests.web.conftest import Backend, assert_problem, http_of

Path = tuple[str | int, ...]

TOKEN: dict[str, Any] = {
    "tenant": TENANT,
    "subject": "u1",
    "account": "1",
    "client": "1-x.apps.googleusercontent.com",
    "scopes": [CALENDAR],
    "min_ttl": 300,
    "rejected": "fp_0123456789abcdef",
    "run": "nightly",
}
TOKENS = {"/v1/token": TOKEN, "/v1/preflight": TOKEN, "/v1/tokens": {"requests": [TOKEN]}}
ACCOUNT = {"sub": "115294850293840293847", "email": "ada@example.com", "hd": "example.com"}
LOGIN = {
    "id": "login-1",
    "app": "portal",
    "can_redirect": True,
    "returned": False,
    "client_id": "1-x.apps.googleusercontent.com",
    "scopes": [CALENDAR],
}
RESPONSE = {
    "refresh_token": "1//0abcdefghijklmnop",
    "access_token": "ya29.abcdefghijklmnop",
    "expires_in": 3599,
    "scope": CALENDAR,
    "token_type": "Bearer",
    "refresh_token_expires_in": 604799,
}
CLIENT = "1-x.apps.googleusercontent.com"
MESSAGES: dict[str, dict[str, Any]] = {
    "capture": {
        "login_id": "l1",
        "account": ACCOUNT,
        "client_id": CLIENT,
        "tokens": RESPONSE,
        "obtained_at": 1,
    },
    "bind": {"login_id": "l1", "account": {"sub": "1"}, "subject": "u1"},
    "decide": {"subject": "u1", "login": LOGIN, "account": {"sub": "1"}},
    "login": {
        "subject": "u1",
        "account": ACCOUNT,
        "client_id": CLIENT,
        "login": LOGIN,
        "tokens": RESPONSE,
        "profile": {"name": "Ada"},
        "obtained_at": 1,
    },
    "unlinked": {"subject": "u1", "account": {"sub": "1"}, "occurred_at": 1},
    "user_deleted": {"subject": "u1", "occurred_at": 1},
}
FREE = ("profile",)  # whose values may be any JSON
WRONG: list[Any] = [
    "",
    "a\0b",
    "a\nb\n",
    "x" * 70_000,
    -1,
    2**70,
    10**40,
    1.5,
    True,
    [],
    {},
    [[[]]],
    {"a": {"b": None}},
    "1//0abcdefghijklmnopqrstuvwxyz",
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("bridge")) as made:
        made.google.set_down("503")
        yield made


@pytest.fixture(scope="module")
def asking(shared: World) -> Backend:
    return Backend(http_of(shared), shared.key())


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where a body has a value, inner ones included."""
    if path:
        yield path
    if isinstance(value, dict):
        inner: list[tuple[str | int, Any]] = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) else []
    for name, child in inner:
        if name not in FREE:
            yield from paths(child, (*path, name))


def dotted(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def changed(body: Any, path: Path, value: Any) -> Any:
    """Return a body with one value exchanged."""
    made = copy.deepcopy(body)
    parent = made
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return made


def without(body: Any, path: Path) -> Any:
    made = copy.deepcopy(body)
    parent = made
    for part in path[:-1]:
        parent = parent[part]
    del parent[path[-1]]
    return made


def check(response: TestResponse, path: Path) -> None:
    """Check that an answer is sound: good, or a 4xx; a 400 names the field or one around it."""
    assert response.status_code < 500 or response.get_json(force=True)["code"] in {
        "upstream_unavailable",
        "client_fault",
    }, response.text
    if response.status_code == 400:
        told = response.get_json(force=True)
        assert_problem(response, 400, "invalid_request")
        named = told.get("field")
        assert named is not None, told
        # What a value makes of its neighbours is told there: `subject` and `grant` exclude
        # each other, a tenant is missing beside a subject.
        assert (
            dotted(path).startswith(named)
            or named.startswith(dotted(path))
            or (named.rpartition(".")[2] in {"subject", "tenant", "scopes", "tokens_jwe", "type"})
        ), (named, path)


API = [(url, path) for url, body in TOKENS.items() for path in paths(body)]
HOOK = [(kind, path) for kind, body in MESSAGES.items() for path in paths(body)]


@pytest.mark.parametrize(("url", "path"), API, ids=str)
def test_a_wrong_value_in_a_request_is_told_with_its_field(
    url: str, path: Path, asking: Backend
) -> None:
    """Whatever is put in place of a field's value is taken or refused by its name."""
    for wrong in WRONG:
        check(asking.post(url, changed(TOKENS[url], path, wrong)), path)
    for size in (100, 3000):
        check(asking.post(url, changed(TOKENS[url], path, ["x"] * size)), path)


@pytest.mark.parametrize(("kind", "path"), HOOK, ids=str)
def test_a_wrong_value_in_a_message_is_told_with_its_field(
    kind: str, path: Path, shared: World, asking: Backend
) -> None:
    """A signed message is minded as closely as a request."""
    whole = {"type": kind, "tenant": TENANT} | MESSAGES[kind]
    for wrong in WRONG:
        check(signed(shared, asking, changed(whole, path, wrong)), path)


def signed(shared: World, asking: Backend, message: Any) -> TestResponse:
    """Send a signed message through the one app of this module."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    message_id, stamp = f"msg_{secrets.token_hex(8)}", int(shared.clock.now())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(Secret(shared.secret), message_id, stamp, raw),
    }
    return asking.http.post(f"/hooks/{TENANT}", data=raw, headers=headers)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (kind, path)
        for kind, path in HOOK
        if path[-1] in {"login_id", "subject", "sub", "client_id", "id", "login"}
        and path != ("login", "client_id")
    ],
    ids=str,
)
def test_a_missing_field_is_named(kind: str, path: Path, shared: World, asking: Backend) -> None:
    """What a message cannot do without is told by its path."""
    whole = {"type": kind, "tenant": TENANT} | MESSAGES[kind]
    response = signed(shared, asking, without(whole, path))
    assert_problem(response, 400, "invalid_request", field=dotted(path))


@pytest.mark.parametrize("kind", MESSAGES)
def test_an_unknown_field_is_named(kind: str, shared: World, asking: Backend) -> None:
    """A typing error in a message's field shows, at its top and inside."""
    whole = {"type": kind, "tenant": TENANT} | MESSAGES[kind]
    response = signed(shared, asking, whole | {"subjct": "u1"})
    assert_problem(response, 400, "invalid_request", field="subjct")
    for name, inner in MESSAGES[kind].items():
        if isinstance(inner, dict) and name not in FREE:
            response = signed(shared, asking, whole | {name: inner | {"subb": 1}})
            assert_problem(response, 400, "invalid_request", field=f"{name}.subb")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"type": "logn"}, 400, "invalid_request", "type"),
        ({"type": None}, 400, "invalid_request", "type"),
        ({"tenant": "globex"}, 400, "invalid_request", "tenant"),
        ({"tenant": "nobody"}, 400, "invalid_request", "tenant"),
        ({"tokens_jwe": "a.b.c.d.e"}, 400, "invalid_request", "tokens_jwe"),
        ({"tokens_jwe": "", "tokens": None}, 400, "invalid_request", "tokens_jwe"),
        ({"tokens_jwe": "....", "tokens": None}, 400, "invalid_request", "tokens_jwe"),
        ({"tokens_jwe": "é.é.é.é.é", "tokens": None}, 400, "invalid_request", "tokens_jwe"),
        (
            {"tokens": RESPONSE | {"refresh_token": "1//0" + "x" * 509}},
            400,
            "invalid_request",
            "tokens.refresh_token",
        ),
    ],
)
def test_a_message_that_does_not_fit_is_told_where(
    *,
    change: dict[str, Any],
    status: int,
    code: str,
    field: str,
    shared: World,
    asking: Backend,
) -> None:
    """Kind, tenant and encryption are minded, each by its name."""
    whole = {"type": "login", "tenant": TENANT} | MESSAGES["login"] | change
    assert_problem(signed(shared, asking, whole), status, code, field=field)


@pytest.mark.parametrize("depth", [500, 3000, 5900])
def test_a_monstrous_jwe_is_a_plain_refusal(depth: int, shared: World, asking: Backend) -> None:
    """A header of endless nesting, or of numbers without end, opens nothing and breaks nothing."""
    for header in (b"[" * depth, b'{"kid":' + b"[" * depth, b"1" * depth, b'{"kid":{}}', b"\xff"):
        first = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
        whole = {"type": "login", "tenant": TENANT} | MESSAGES["login"]
        whole |= {"tokens": None, "tokens_jwe": f"{first}.a.b.c.d"}
        response = signed(shared, asking, whole)
        assert_problem(response, 400, "invalid_request", field="tokens_jwe")


RAW = [
    b"",
    b"null",
    b"{",
    b"\xff\xfe",
    b'{"tenant":"\xed\xa0\x80"}',
    b'{"tenant":"\\ud800"}',
    b'{"tenant":"a","tenant":"b"}',
    b'{"min_ttl":NaN}',
    b'{"min_ttl":1e999}',
    b'{"min_ttl":' + b"9" * 6000 + b"}",
    b"[" * 50_000,
    b'{"a":' * 10_000,
    b'{"scopes":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    '{"tenant":"a"}'.encode("utf-16"),
    b"tenant=acme&subject=u1",
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_what_is_no_request_at_all_is_a_400(raw: bytes, shared: World, asking: Backend) -> None:
    """Broken JSON of any kind is the sender's to mend, on every route that takes a body."""
    for path in (*TOKENS, "/v1/profiles/strip", "/v1/grants/g_x/revoke"):
        response = asking.open("POST", path, data=raw, content_type="application/json")
        assert_problem(response, 400, "invalid_request")
    assert_problem(signed(shared, asking, raw), 400, "invalid_request")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", "a/b/c"],
)
def test_another_content_type_is_a_415(content_type: str, asking: Backend) -> None:
    """Only JSON is read, so that no form of a page can be posted here."""
    for path in (*TOKENS, "/v1/profiles/strip", "/v1/grants/g_x/revoke"):
        response = asking.open("POST", path, data=b"{}", content_type=content_type)
        assert_problem(response, 415, "unsupported_media_type")


def test_ten_megabytes_are_a_413(asking: Backend) -> None:
    """A body that is too large is refused by its length, before it is read."""
    large = io.BytesIO(b" " * (10 * 2**20))
    for path in (*TOKENS, "/v1/profiles/strip", "/v1/grants/g_x/revoke", f"/hooks/{TENANT}"):
        large.seek(0)
        response = asking.open(
            "POST",
            path,
            input_stream=large,
            content_type="application/json",
            headers={"Content-Length": str(10 * 2**20)},
        )
        assert_problem(response, 413, "too_large")
        assert large.tell() == 0


def test_chunks_without_an_end_are_a_413(asking: Backend) -> None:
    """A body of unknown length is read up to its bound and no further."""
    for path, bound in (("/v1/token", 2**16), ("/v1/tokens", 2**20), (f"/hooks/{TENANT}", 2**20)):
        endless = io.BytesIO(b" " * (10 * 2**20))
        response = asking.open(
            "POST",
            path,
            input_stream=endless,
            content_type="application/json",
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert_problem(response, 413, "too_large")
        assert endless.tell() <= bound + 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "tenant"),
        ("tenant=", "tenant"),
        (f"tenant={'x' * 300}", "tenant"),
        ("tenant=a%00b", "tenant"),
        ("tenant=a%0a", "tenant"),
        ("tenant=1//0abcdefghijkl", "tenant"),
        ("tenant=acme&tenant=acme", None),
        ("tenant=%ff", None),
        ("tenant=acme&limit=0", "limit"),
        ("tenant=acme&limit=501", "limit"),
        ("tenant=acme&limit=", "limit"),
        ("tenant=acme&limit=ten", "limit"),
        ("tenant=acme&limit=" + "9" * 5000, "limit"),
        ("tenant=acme&limit=1e400", "limit"),
        ("tenant=acme&limit=nan", "limit"),
        ("tenant=acme&state=alive", "state"),
        ("tenant=acme&state=", "state"),
        ("tenant=acme&after=g_x", "after"),
        ("tenant=acme&after=g_" + "A" * 32 + "%0a", "after"),
        ("tenant=acme&subject=u1", "subject"),
        ("tenant=acme&" + "&".join(f"a{n}=1" for n in range(100)), None),
        ("&".join(["tenant=acme"] * 5000), None),
    ],
    ids=lambda part: str(part)[:40],
)
def test_a_wrong_query_is_told_with_its_parameter(
    query: str, field: str | None, asking: Backend
) -> None:
    """Parameters are as strict as bodies."""
    response = asking.get("/v1/grants", query_string=query)
    assert_problem(response, 400, "invalid_request", field=field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=6,
)
BOUNDED = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@BOUNDED
@given(place=st.sampled_from(API), value=JSON)
def test_any_json_in_place_of_a_value_is_no_5xx(
    place: tuple[str, Path], value: Any, asking: Backend
) -> None:
    """Whatever JSON stands in a field of a request, the answer is sound."""
    url, path = place
    raw = json.dumps(changed(TOKENS[url], path, value)).encode()
    response = asking.open("POST", url, data=raw, content_type="application/json")
    if response.status_code != 400 or "not JSON" not in response.text:  # lone surrogates
        check(response, path)


@BOUNDED
@given(place=st.sampled_from(HOOK), value=JSON)
def test_any_json_in_place_of_a_messages_value_is_no_5xx(
    place: tuple[str, Path], value: Any, shared: World, asking: Backend
) -> None:
    """Whatever JSON stands in a field of a signed message, the answer is sound."""
    kind, path = place
    whole = {"type": kind, "tenant": TENANT} | MESSAGES[kind]
    response = signed(shared, asking, changed(whole, path, value))
    if response.status_code != 400 or "not JSON" not in response.text:
        check(response, path)


@BOUNDED
@given(st.binary(max_size=200))
def test_any_bytes_are_no_5xx(shared: World, asking: Backend, raw: bytes) -> None:
    """Noise is refused by every route that takes a body."""
    for path in (*TOKENS, "/v1/profiles/strip"):
        response = asking.open("POST", path, data=raw, content_type="application/json")
        assert response.status_code == 400
    assert signed(shared, asking, raw).status_code == 400


@BOUNDED
@given(JSON)
def test_any_profile_is_stripped_or_refused(asking: Backend, profile: Any) -> None:
    """A profile is any JSON; what cannot be handled is a 400."""
    raw = json.dumps({"profile": profile}).encode()
    response = asking.open("POST", "/v1/profiles/strip", data=raw, content_type="application/json")
    assert response.status_code in (200, 400), response.text
