"""What every request and answer has in common: who is let near, headers, and the form of errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client as HttpClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from bridge.config import HookListener
from bridge.web.apps import internal_routes
from bridge.web.route import request_id_of
from tests.kit import TENANT, World, world
from tests.web.conftest import Backend, assert_problem, http_of, token_request

OPERATIONS = [
    ("POST", "/v1/token"),
    ("POST", "/v1/tokens"),
    ("GET", "/v1/grants"),
    ("GET", "/v1/grants/g_x"),
    ("DELETE", "/v1/grants/g_x"),
    ("POST", "/v1/grants/g_x/revoke"),
    ("POST", "/v1/preflight"),
    ("POST", "/v1/profiles/strip"),
    ("GET", "/live"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/version"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/openapi.json"),
    ("POST", f"/hooks/{TENANT}"),
    ("POST", "/v1/grants/g_x/recheck"),
    ("POST", "/v1/login-hints"),
    ("GET", "/v1/events"),
    ("POST", "/v1/connect-links"),
    ("GET", "/v1/connect-links/l_x"),
    ("POST", "/v1/connections"),
    ("POST", "/v1/connections-links"),
    ("POST", "/v1/admin/orders"),
    ("GET", "/v1/admin/orders"),
    ("GET", "/v1/admin/orders/o_x"),
    ("DELETE", "/v1/admin/orders/o_x"),
    ("GET", "/v1/admin/recovery"),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bridge that no test of this module changes."""
    with world(tmp_path_factory.mktemp("bridge")) as made:
        yield made


@pytest.fixture(scope="module")
def asking(shared: World) -> Backend:
    return Backend(http_of(shared), shared.key())


@pytest.fixture(scope="module")
def public(shared: World) -> HttpClient:
    return shared.public_http


def assert_headers(response: TestResponse) -> None:
    """Check what every answer carries."""
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["X-Request-Id"])
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Set-Cookie" not in response.headers
    assert "Location" not in response.headers
    if response.status_code == 204:
        assert "Content-Length" not in response.headers
    elif response.request.environ["REQUEST_METHOD"] != "HEAD":
        assert int(response.headers["Content-Length"]) == len(response.data)


def test_the_list_of_operations_here_is_whole(shared: World) -> None:
    """No operation escapes this module's tests."""
    routes = internal_routes(shared.services)
    examples = {"tenant": TENANT, "grant": "g_x", "link": "l_x", "order": "o_x"}
    paths = [(route.method, route.path.format(**examples)) for route in routes]
    assert sorted(paths) == sorted(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "https://app.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Cookie": "a=b"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_a_browser_gets_nothing(
    header: dict[str, str], method: str, path: str, asking: Backend
) -> None:
    """A request that carries what only browsers send is refused, its good key notwithstanding."""
    response = asking.open(method, path, headers=header)
    assert_problem(response, 403, "forbidden", reason="browser")
    assert_headers(response)


def test_nodes_fetch_is_no_browser(asking: Backend) -> None:
    """`Sec-Fetch-Mode` alone is what a server's `fetch` sends."""
    response = asking.get(f"/v1/grants?tenant={TENANT}", headers={"Sec-Fetch-Mode": "cors"})
    assert response.status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_nobodys_to_keep(method: str, path: str, asking: Backend) -> None:
    """`no-store`, `nosniff` and a request id are on every answer, good or bad."""
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = asking.open(method, path, headers=headers)
        assert_headers(response)
        if response.status_code >= 400:
            told = response.get_json(force=True)
            assert_problem(response, told["status"], told["code"])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_wrong_method_is_told_the_right_one(method: str, path: str, asking: Backend) -> None:
    """405 names in `Allow` what the path takes; nobody is told about CORS."""
    allowed = {m for m, p in OPERATIONS if p == path}
    if "GET" in allowed:
        allowed.add("HEAD")
    for wrong in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
        response = asking.open(wrong, path, json={})
        assert_problem(response, 405, "method_not_allowed")
        assert set(response.headers["Allow"].split(", ")) == allowed
        assert_headers(response)
    assert method in allowed


def test_head_is_get_without_a_body(asking: Backend) -> None:
    """HEAD has the headers of GET and no content; of a problem, too."""
    for path, status in (("/live", 200), (f"/v1/grants?tenant={TENANT}", 200), ("/none", 404)):
        head, get = asking.open("HEAD", path), asking.get(path)
        assert (head.status_code, head.data) == (status, b"")
        assert_headers(head)
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/token/",
        "//v1/token",
        "/v1//token",
        "/V1/TOKEN",
        "/v1/token%2f",
        "/v1/%74oken%00",
        "/v1/grants/",
        "/v1/grants/a/b",
        "/admin",
        "/static/x",
        "/%ff%fe",
        "/%",
        "/%zz",
        "/v1/../live",
        "/hooks/",
        "/hooks/a/b",
    ],
)
def test_an_unknown_path_is_not_found(path: str, asking: Backend, public: HttpClient) -> None:
    """Nothing is redirected, guessed or repeated: a 404, on both listeners."""
    for method in ("GET", "POST"):
        response = asking.open(method, path)
        assert_problem(response, 404, "not_found")
        assert_headers(response)
        assert_nothing_here(public.open(path, method=method, headers={"Authorization": asking.key}))


def assert_nothing_here(response: TestResponse) -> None:
    """Check that the public listener has nothing at a path, as it tells a program or a person."""
    if response.content_type == "text/html; charset=utf-8":
        assert response.status_code == 404
        assert "<h1" in response.text
    else:
        assert_problem(response, 404, "not_found")
    assert_headers(response)


@pytest.mark.parametrize(
    ("given", "echoed"),
    [
        ("req-1.2_3", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("a b", False),
        ("a\tb", False),
        ("é", False),
        ("<script>", False),
        ("1//0abc", False),
    ],
)
def test_a_request_keeps_a_sound_id(*, given: str, echoed: bool, asking: Backend) -> None:
    """A caller's own id is used where it can do no harm; else the bridge makes one."""
    for method, path in (("GET", "/live"), ("POST", "/v1/token"), ("GET", "/none")):
        response = asking.open(method, path, headers={"X-Request-Id": given})
        assert (response.headers["X-Request-Id"] == given) == echoed
        assert_headers(response)


def test_two_requests_have_two_ids(asking: Backend) -> None:
    """Ids that the bridge makes are its own each."""
    assert len({asking.get("/live").headers["X-Request-Id"] for _ in range(20)}) == 20


def test_a_forked_process_gives_other_ids() -> None:
    """What a process and its child call their requests is never the same."""
    ours = {request_id_of({}) for _ in range(3)}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(request_id_of({}) for _ in range(3)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    theirs = set(os.read(reading, 4096).decode().split())
    os.close(reading)
    assert len(theirs) == 3
    assert not theirs & (ours | {request_id_of({}) for _ in range(3)})


def test_the_public_listener_has_nothing_internal(shared: World, public: HttpClient) -> None:
    """On the public socket there is no token route, nor any other of the internal ones."""
    key = {"Authorization": shared.key("public")}
    for method, path in OPERATIONS:
        response = public.open(path, method=method, headers=key, json=token_request("u1"))
        assert_nothing_here(response)
        assert "openapi" not in response.text


def test_a_tenants_hook_is_on_its_listener_alone(shared: World) -> None:
    """An internal tenant's hook does not exist on the public socket, signed or not."""
    assert shared.settings.tenants[TENANT].hook_listener is HookListener.INTERNAL
    body = {"type": "decide", "tenant": TENANT, "subject": "u1", "login": {"id": "l"}}
    assert shared.post_hook(body).status_code == 200
    internal = shared.http
    unknown = internal.post("/hooks/nobody", json=body)
    assert_problem(unknown, 404, "not_found")
    theirs = shared.public_http.post(f"/hooks/{TENANT}", json=body)
    assert theirs.get_json() | {"request_id": ""} == unknown.get_json() | {"request_id": ""}


def test_a_bare_environ_will_do(shared: World) -> None:
    """PEP 3333 lets a server leave out what is empty."""
    environ = EnvironBuilder("/v1/token", method="POST").get_environ()
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH", "QUERY_STRING", "HTTP_HOST"):
        environ.pop(name, None)
    answer: Any = run_wsgi_app(shared.http.application, environ)
    assert answer[1].startswith("401 ")
    environ.pop("PATH_INFO")
    answer = run_wsgi_app(shared.http.application, environ)
    assert answer[1].startswith("404 ")
