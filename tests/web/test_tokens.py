"""The token routes over HTTP: one token, and up to 500 at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bridge.errors import BridgeError, Code
from bridge.secret import fingerprint
from bridge.services import build
from tests.kit import CALENDAR, DRIVE, HOUR, World
from tests.web.conftest import Backend, assert_problem, both_clients, http_of, token_request


def test_a_token_comes_with_what_it_is_good_for(bridge_world: World, backend: Backend) -> None:
    """The answer has the members that the API promises, and no other."""
    account = bridge_world.account("ada@example.com")
    grant = bridge_world.grant("u1", account=account)

    response = backend.token("u1")

    assert response.status_code == 200
    token = response.get_json()
    assert bridge_world.google.stats().refreshes == 1
    assert set(token) == {
        "access_token",
        "token_type",
        "expires_in",
        "expires_at",
        "scope",
        "grant",
        "account",
    }
    assert token["token_type"] == "Bearer"
    assert token["grant"] == grant.id
    assert token["account"] == {"sub": account.sub, "email": "ada@example.com"}
    assert 3500 < token["expires_in"] <= 3600
    assert abs(token["expires_at"] - token["expires_in"] - bridge_world.clock.now()) < 3
    assert CALENDAR in token["scope"].split()


def test_a_rejected_token_is_replaced_once(bridge_world: World, backend: Backend) -> None:
    """`rejected` forces one refresh; who reports the old token again gets the new one."""
    bridge_world.grant("u1")
    old = backend.token("u1").get_json()["access_token"]
    new = backend.token("u1", rejected=fingerprint(old)).get_json()["access_token"]
    assert new != old
    again = backend.token("u1", rejected=fingerprint(old)).get_json()["access_token"]
    assert again == new
    assert bridge_world.google.stats().refreshes == 2


@pytest.mark.parametrize(
    ("change", "status", "code", "members"),
    [
        ({"subject": "nobody"}, 404, "grant_missing", {}),
        ({"tenant": "nobody"}, 404, "grant_missing", {}),
        ({"client": "1-x.apps.googleusercontent.com"}, 404, "grant_missing", {}),
        ({"account": "999"}, 404, "grant_missing", {}),
        (
            {"scopes": [DRIVE]},
            403,
            "insufficient_scope",
            {"action": {"type": "connect", "scopes": [DRIVE]}},
        ),
        ({"scopes": []}, 400, "invalid_request", {"field": "scopes"}),
        ({"subject": None}, 400, "invalid_request", {"field": "subject"}),
        ({"tenant": None}, 400, "invalid_request", {"field": "tenant"}),
        ({"grant": "g_x"}, 400, "invalid_request", {"field": "subject"}),
        ({"actions": ["calendar.events.list"]}, 400, "invalid_request", {"field": "scopes"}),
        (
            {"scopes": [], "actions": ["calendar.events.lisst"]},
            400,
            "invalid_request",
            {"field": "actions[0]"},
        ),
        ({"min_ttl": 1801}, 400, "invalid_request", {"field": "min_ttl"}),
    ],
)
def test_a_request_that_cannot_be_met_is_told_why(
    *,
    change: dict[str, Any],
    status: int,
    code: str,
    members: dict[str, object],
    bridge_world: World,
    backend: Backend,
) -> None:
    """Each has its status, code and field or action."""
    bridge_world.grant("u1")
    assert_problem(backend.token("u1", **change), status, code, **members)


def test_an_ambiguous_subject_is_asked_which_account(bridge_world: World, backend: Backend) -> None:
    """The bridge never picks between two accounts of a subject."""
    one, two = bridge_world.account(), bridge_world.account()
    for account in (one, two):
        bridge_world.login("u1", account, bridge_world.sign_in(account))
    assert_problem(backend.token("u1"), 409, "account_ambiguous", field="account")
    assert backend.token("u1", account=two.sub).get_json()["account"]["sub"] == two.sub


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ("invalid_grant", 409, "reauth_required"),
        ("admin_policy_enforced", 403, "blocked"),
        ("invalid_client", 503, "client_fault"),
        ("html_503", 503, "upstream_unavailable"),
        ("connection_closed", 503, "upstream_unavailable"),
    ],
)
def test_what_google_answers_is_an_answer_of_ours(
    answer: str, status: int, code: str, bridge_world: World, backend: Backend
) -> None:
    """Google's errors have their code, and those that pass say when to try again."""
    bridge_world.grant("u1")
    bridge_world.google.inject("token", answer, times=None)
    response = backend.token("u1")
    assert_problem(response, status, code)
    assert (status == 503) == ("Retry-After" in response.headers)
    if status == 503:
        assert int(response.headers["Retry-After"]) == response.get_json()["retry_after"] > 0


def test_a_store_that_is_gone_is_a_503(bridge_world: World, backend: Backend) -> None:
    """An outage of the store is retryable, and never a 500."""
    bridge_world.services.store.close()
    for response in (backend.token("u1"), backend.get("/ready")):
        assert_problem(response, 503, "store_unavailable", retry_after=1)
    assert backend.get("/live").status_code == 200
    assert backend.get("/version").status_code == 200


def test_five_hundred_requests_are_answered_in_their_order(
    bridge_world: World, backend: Backend
) -> None:
    """Good, bad and repeated ones are mixed: each gets its own answer, in its own place."""
    for number in range(5):
        bridge_world.grant(f"u{number}")
    kinds: list[dict[str, Any]] = [
        *(token_request(f"u{number}") for number in range(5)),
        token_request("nobody"),
        token_request("u1", scopes=[DRIVE]),
        token_request("u2", subject=None),
        {"grant": "g_" + "A" * 32, "scopes": [CALENDAR]},
        token_request("u3", scopes=[], actions=["no.such.action"]),
    ]
    requests = [kinds[(7 * place) % 10] for place in range(500)]

    response = backend.post("/v1/tokens", {"requests": requests})

    assert response.status_code == 200
    answers = response.get_json()["answers"]
    assert len(answers) == 500
    alone = [backend.post("/v1/token", kind) for kind in kinds]
    for place, answer in enumerate(answers):
        single = alone[(7 * place) % 10]
        told = single.get_json()
        if single.status_code == 200:
            assert set(answer) == {"token"}
            assert answer["token"]["access_token"] == told["access_token"]
            assert answer["token"]["grant"] == told["grant"]
        else:
            assert set(answer) == {"error"}
            assert answer["error"] == {k: v for k, v in told.items() if k != "request_id"}
    assert bridge_world.google.stats().refreshes == 5


def test_repeated_requests_refresh_once_and_none_is_turned_away(bridge_world: World) -> None:
    """500 requests for one stale grant are one slow refresh, though but one thread may wait."""
    bridge_world.services.close()
    bridge_world.config.write_text(f"{bridge_world.toml()}\n[internal]\nthreads = 2\n")
    bridge_world.services = build(bridge_world.settings, bridge_world.clock)
    backend = Backend(http_of(bridge_world), bridge_world.key())
    bridge_world.grant("u1")
    backend.token("u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.hold("token", seconds=0.3)
    requests = [token_request("u1", run=f"job {place}") for place in range(500)]

    answers = backend.post("/v1/tokens", {"requests": requests}).get_json()["answers"]

    assert [set(answer) for answer in answers] == [{"token"}] * 500
    assert len({answer["token"]["access_token"] for answer in answers}) == 1
    assert bridge_world.google.stats().refreshes == 2


def test_batches_at_once_do_not_lock_each_other_out(bridge_world: World, backend: Backend) -> None:
    """More batches than there are threads, all of slow refreshes, come to an end."""
    subjects = [f"u{number}" for number in range(40)]
    for subject in subjects:
        bridge_world.grant(subject)
    requests = [token_request(subject) for subject in subjects]
    bridge_world.google.hold("token", seconds=0.02)

    def ask(turn: int) -> list[str]:
        body = {"requests": requests[turn:] + requests[:turn]}
        answers = backend.post("/v1/tokens", body).get_json()["answers"]
        return sorted(answer["token"]["access_token"] for answer in answers)

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(ask, range(6)))

    assert all(result == results[0] for result in results)
    assert bridge_world.google.stats().refreshes == 40


def test_a_slow_grant_holds_up_its_own_answers_alone(bridge_world: World, backend: Backend) -> None:
    """While one account's refresh hangs, the same batch's other grants are served."""
    slow = bridge_world.account()
    bridge_world.grant("slow", account=slow)
    bridge_world.grant("quick")
    hold = bridge_world.google.hold("token", account=slow)
    requests = [token_request("slow"), token_request("quick")]

    with ThreadPoolExecutor(1) as threads:
        batch = threads.submit(backend.post, "/v1/tokens", {"requests": requests})
        assert hold.wait_for(1)
        # The quick one's refresh goes on by itself; only its answer waits for the whole batch.
        assert backend.token("quick").status_code == 200
        assert not batch.done()
        bridge_world.google.release_holds()
        answers = batch.result(10).get_json()["answers"]

    assert [set(answer) for answer in answers] == [{"token"}, {"token"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}] * 501}, "requests"),
        ({"requests": [token_request("u1"), {"tenant": 5}]}, "requests[1].tenant"),
        (
            {"requests": [token_request("u1"), token_request("u1", scopes=[1])]},
            "requests[1].scopes[0]",
        ),
        ({}, "requests"),
        ([], None),
    ],
)
def test_a_malformed_batch_is_refused_whole(
    body: object, field: str | None, backend: Backend
) -> None:
    """What has the wrong form is told with the place of the request in it."""
    assert_problem(backend.post("/v1/tokens", body), 400, "invalid_request", field=field)


def test_pinned_grants_of_one_project_are_told_apart(bridge_world: World, backend: Backend) -> None:
    """Each grant of a subject's two clients serves its own token."""
    ids = both_clients(bridge_world, "u1")
    served = [backend.post("/v1/token", {"grant": i, "scopes": [CALENDAR]}) for i in ids]
    assert [response.get_json()["grant"] for response in served] == list(ids)
    elsewhere = {"tenant": "globex", "grant": ids[0], "scopes": [CALENDAR]}
    assert_problem(backend.post("/v1/token", elsewhere), 404, "grant_missing")


def test_a_fault_of_our_own_is_told_without_its_text(
    bridge_world: World, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception is a 500 problem with the request's id; its text stays inside."""

    def fail(*_args: object) -> None:
        raise RuntimeError("1//0this-could-be-a-token")

    monkeypatch.setattr(type(bridge_world.services.grants), "find", fail)
    for response in (backend.token("u1"), backend.post("/v1/preflight", token_request("u1"))):
        assert_problem(response, 500, "internal_error")
        assert "could-be" not in response.text


def test_an_error_of_each_retryable_code_can_say_when(bridge_world: World) -> None:
    """Codes that pass by themselves are those that a caller may repeat unchanged."""
    retryable = {code for code in Code if BridgeError(code, "x").answer.retryable}
    assert retryable == {Code.UPSTREAM_UNAVAILABLE, Code.STORE_UNAVAILABLE, Code.CONFLICT}
