"""Every row of Google's error table, injected at the sandbox and read through WSGI."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

import pytest

from bridge.model import State
from bridge.sandbox.canned import CannedAnswer
from bridge.vault import endings
from tests.kit import CALENDAR, HOUR, TENANT, World
from tests.tokens.support import (
    BOTH,
    ONLY_CALENDAR,
    Backend,
    calls,
    capture,
    is_live,
    proven,
)

NEW_ERROR: Final = CannedAnswer(status=400, body=json.dumps({"error": "brand_new_error"}))
NO_EXPIRY: Final = CannedAnswer(status=200, body=json.dumps({"access_token": "ya29.x"}))
EMPTY_TOKEN: Final = CannedAnswer(
    status=200, body=json.dumps({"access_token": "", "expires_in": 3599})
)


@dataclass(frozen=True)
class Row:
    """An answer of Google's, and what a read that meets it must come to."""

    answer: str | CannedAnswer
    code: str
    status: int
    state: State
    reason: str
    tries: int = 1


def dead(answer: str, reason: str = "unknown") -> Row:
    return Row(answer, "reauth_required", 409, State.REAUTH_REQUIRED, reason)


def blocked(answer: str, reason: str) -> Row:
    return Row(answer, "blocked", 403, State.BLOCKED, reason)


def fault(answer: str, reason: str) -> Row:
    return Row(answer, "client_fault", 503, State.ACTIVE, reason)


def transient(answer: str | CannedAnswer, reason: str, tries: int = 3) -> Row:
    return Row(answer, "upstream_unavailable", 503, State.ACTIVE, reason, tries)


DEAD: Final = {
    "invalid_grant": dead("invalid_grant"),
    "bad_request": dead("invalid_grant_bad_request"),
    "account_deleted": dead("invalid_grant_account_deleted", "account_gone"),
    "invalid_rapt": dead("invalid_rapt", "session_control"),
    "rapt_required": dead("rapt_required", "session_control"),
}
BLOCKED: Final = {
    "admin_policy_enforced": blocked("admin_policy_enforced", "admin_policy_enforced"),
    "org_internal": blocked("org_internal", "org_internal"),
    "access_denied": blocked("access_denied", "access_denied"),
    "unauthorized_client_401": blocked("unauthorized_client", "wrong_client"),
    "unauthorized_client_400": blocked("unauthorized_client_400", "wrong_client"),
}
FAULTS: Final = {
    "client_not_found": fault("invalid_client", "invalid_client"),
    "client_secret_invalid": fault("invalid_client_secret", "invalid_client"),
    "deleted_client": fault("deleted_client", "deleted_client"),
    "disabled_client": fault("disabled_client", "disabled_client"),
}
TRANSIENT: Final = {
    "user_rate_limit_html": transient("user_rate_limit", "rate_limited"),
    "408": transient("request_timeout", "server_error"),
    "429": transient("rate_limit_exceeded", "rate_limited"),
    "500": transient("internal_failure", "server_error"),
    "500_server_error": transient("server_error", "server_error"),
    "503": transient("temporarily_unavailable", "server_error"),
    "504": transient("gateway_timeout", "server_error"),
    "html_200": transient("html_200", "malformed"),
    "html_500": transient("html_500", "server_error"),
    "html_502": transient("html_502", "server_error"),
    "no_access_token": transient("no_access_token", "malformed"),
    "truncated_json": transient("truncated_json", "malformed"),
    "truncated_error": transient("truncated_error", "malformed"),
    "not_json": transient("not_json", "malformed"),
    "empty_200": transient("empty", "malformed"),
    "no_expiry": transient(NO_EXPIRY, "malformed"),
    "empty_access_token": transient(EMPTY_TOKEN, "malformed"),
    "connection_closed": transient("connection_closed", "connection_lost"),
    "unknown_error": transient(NEW_ERROR, "unrecognised", tries=1),
}
INVALID_SCOPE: Final = {"invalid_scope": fault("invalid_scope", "invalid_scope")}
ROWS: Final = DEAD | BLOCKED | FAULTS | TRANSIENT | INVALID_SCOPE
LASTING: Final = TRANSIENT | FAULTS | INVALID_SCOPE

# Transient rows are told apart by the Google client alone; a few stand for all of them here.
FEW: Final = {name: TRANSIENT[name] for name in ("429", "html_200", "connection_closed")}
SOME: Final = DEAD | BLOCKED | FAULTS | INVALID_SCOPE | FEW

every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
some_rows = pytest.mark.parametrize("row", SOME.values(), ids=SOME)


@pytest.fixture
def subject() -> str:
    return f"u{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def backend(shared_world: World) -> Backend:
    return Backend(shared_world)


@every_row
def test_a_row_gives_its_state_and_answer(
    shared_world: World, backend: Backend, subject: str, row: Row
) -> None:
    """A reader without a valid token gets the row's code, status and reason; tries are counted."""
    proven(shared_world, subject)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", row.answer, times=None)
    before = calls(shared_world)

    answer = backend.post(subject, CALENDAR)

    assert answer.status_code == row.status
    problem = answer.get_json(force=True)
    assert (problem["code"], problem["reason"]) == (row.code, row.reason)
    assert calls(shared_world) - before == row.tries
    assert shared_world.grant_of(subject).state is row.state
    if row in DEAD.values():
        assert problem["action"] == {"type": "connect", "scopes": [CALENDAR]}
    else:
        assert "action" not in problem
    _lift(shared_world)


@every_row
def test_a_row_costs_a_stale_reader_nothing_unless_it_ends_the_grant(
    shared_world: World, backend: Backend, subject: str, row: Row
) -> None:
    """While the cached token is valid, only death and a policy keep it from being served."""
    proven(shared_world, subject)
    first = backend.post(subject, CALENDAR).get_json()
    shared_world.clock.advance(HOUR - 100)
    shared_world.google.inject("token", row.answer, times=None)

    answer = backend.post(subject, CALENDAR)

    if row in LASTING.values():
        assert answer.status_code == 200
        assert answer.get_json()["access_token"] == first["access_token"]
    else:
        assert answer.status_code == row.status
    assert shared_world.grant_of(subject).state is row.state
    _lift(shared_world)


@some_rows
def test_a_grant_serves_again_once_a_row_is_over(
    shared_world: World, backend: Backend, subject: str, row: Row
) -> None:
    """Faults that are lifted leave no trace; a block needs a recheck; death is for ever."""
    _, token = proven(shared_world, subject)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", row.answer, times=None)
    backend.post(subject, CALENDAR)
    _lift(shared_world)

    if row in BLOCKED.values():
        assert backend.post(subject, CALENDAR).status_code == 403
        [found] = shared_world.services.grants.find(TENANT, subject)
        now = int(shared_world.clock.now())
        shared_world.services.grants.update(found.ref, lambda g: endings.reconsider(g, now))

    assert backend.post(subject, CALENDAR).status_code == (409 if row in DEAD.values() else 200)
    grant = shared_world.grant_of(subject)
    assert is_live(shared_world, grant, token) == (row not in DEAD.values())


@some_rows
def test_a_spare_serves_where_the_live_one_is_refused(
    shared_world: World, backend: Backend, subject: str, row: Row
) -> None:
    """A row that is about the live token alone brings the spare in; any other changes nothing."""
    account, live = proven(shared_world, subject)
    spare = capture(shared_world, subject, account, ONLY_CALENDAR)
    shared_world.clock.advance(2 * HOUR)
    backend.post(subject, CALENDAR)
    assert is_live(shared_world, shared_world.grant_of(subject), live)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", row.answer, times=None, refresh_token=live)

    answer = backend.post(subject, CALENDAR)

    grant = shared_world.grant_of(subject)
    if row in LASTING.values():
        assert answer.status_code == row.status
        assert is_live(shared_world, grant, live)
    else:
        assert answer.status_code == 200
        assert is_live(shared_world, grant, spare)
    _lift(shared_world)


@some_rows
def test_a_candidate_that_is_refused_costs_the_live_grant_nothing(
    shared_world: World, backend: Backend, subject: str, row: Row
) -> None:
    """Whatever Google says of a candidate, the same read is served by the live token.

    A fault of the client is the exception: it is about no token.
    """
    account, live = proven(shared_world, subject)
    candidate = capture(shared_world, subject, account, BOTH)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", row.answer, times=None, refresh_token=candidate)

    answer = backend.post(subject, CALENDAR)

    assert answer.status_code == (503 if row in FAULTS.values() else 200)
    assert is_live(shared_world, shared_world.grant_of(subject), live)
    _lift(shared_world)


@some_rows
def test_a_narrow_reader_meets_a_row_as_every_other_does(
    shared_world: World, subject: str, row: Row
) -> None:
    """A refresh with `scope` comes to the same answer; `invalid_scope` is put down to narrowing."""
    proven(shared_world, subject)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", row.answer, times=None)

    answer = Backend(shared_world, name=subject, scopes=(CALENDAR,)).post(subject, CALENDAR)

    assert answer.status_code == row.status
    assert answer.get_json(force=True)["reason"] == row.reason
    assert shared_world.grant_of(subject).state is row.state
    _lift(shared_world)


def _lift(bridge: World) -> None:
    """End the fault, and let what is remembered of it run out."""
    bridge.google.clear_faults()
    bridge.clock.advance(400)
