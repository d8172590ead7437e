"""Google's error table, row by row, through the real client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
import responses

from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.outcome import (
    Blocked,
    BlockReason,
    ClientFault,
    CodeRefusal,
    CodeRefused,
    Dead,
    DeadCause,
    Fault,
    Hint,
    InvalidScope,
    Outcome,
    Transient,
    TransientReason,
    WrongClient,
)
from bridge.secret import Secret
from tests.google.conftest import DATE, NOW

HTML = "<html><title>Sign in</title><body>User Rate Limit Exceeded</body></html>"
RATE = TransientReason.RATE_LIMITED
SERVER = TransientReason.SERVER_ERROR
MALFORMED = TransientReason.MALFORMED
UNRECOGNISED = TransientReason.UNRECOGNISED

Body = str | Mapping[str, object]
Table = Mapping[str, tuple[int, Body, Outcome]]


def error(code: object, **more: object) -> dict[str, object]:
    return {"error": code, **more}


def tokens(**changes: object) -> dict[str, object]:
    return {"access_token": "ya29.a", "expires_in": 3599, "token_type": "Bearer"} | changes


DEAD: Table = {
    "revoked": (
        400,
        error("invalid_grant", error_description="Token has been expired or revoked."),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED, hint=Hint.EXPIRED_OR_REVOKED),
    ),
    "bad-request": (
        400,
        error("invalid_grant", error_description="Bad Request"),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED, hint=Hint.BAD_REQUEST),
    ),
    "account-deleted": (
        400,
        error("invalid_grant", error_description="The account has been deleted"),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED, hint=Hint.ACCOUNT_DELETED),
    ),
    "without-description": (
        400,
        error("invalid_grant"),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED),
    ),
    "unknown-description-and-subtype": (
        400,
        error("invalid_grant", error_description="Something new", error_subtype="new_thing"),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED),
    ),
    "description-of-the-wrong-type": (
        400,
        error("invalid_grant", error_description=["x"], error_subtype={"a": 1}),
        Dead(cause=DeadCause.EXPIRED_OR_REVOKED),
    ),
    "invalid-rapt": (
        400,
        error(
            "invalid_grant",
            error_subtype="invalid_rapt",
            error_description="reauth related error (invalid_rapt)",
            error_uri="https://support.google.com/a/answer/9368756",
        ),
        Dead(cause=DeadCause.SESSION_CONTROL),
    ),
    "rapt-required": (
        400,
        error("invalid_grant", error_subtype="rapt_required"),
        Dead(cause=DeadCause.SESSION_CONTROL),
    ),
}

REFUSED: Table = {
    "admin-policy": (
        400,
        error("admin_policy_enforced"),
        Blocked(reason=BlockReason.ADMIN_POLICY),
    ),
    "org-internal": (400, error("org_internal"), Blocked(reason=BlockReason.ORG_INTERNAL)),
    "access-denied": (
        400,
        error("access_denied", error_description="Account restricted"),
        Blocked(reason=BlockReason.ACCESS_DENIED),
    ),
    "invalid-scope": (
        400,
        error("invalid_scope", error_description="Some requested scopes were invalid."),
        InvalidScope(),
    ),
    "client-not-found": (
        401,
        error("invalid_client", error_description="The OAuth client was not found."),
        ClientFault(fault=Fault.INVALID_CLIENT, hint=Hint.CLIENT_NOT_FOUND),
    ),
    "client-secret-wrong": (
        401,
        error("invalid_client", error_description="The provided client secret is invalid."),
        ClientFault(fault=Fault.INVALID_CLIENT, hint=Hint.CLIENT_SECRET_INVALID),
    ),
    "client-deleted": (401, error("deleted_client"), ClientFault(fault=Fault.DELETED_CLIENT)),
    "client-disabled": (401, error("disabled_client"), ClientFault(fault=Fault.DISABLED_CLIENT)),
    "wrong-client-400": (400, error("unauthorized_client"), WrongClient()),
    "wrong-client-401": (
        401,
        error("unauthorized_client", error_description="Unauthorized"),
        WrongClient(),
    ),
}

TRANSIENT: Table = {
    "403-html": (403, HTML, Transient(reason=RATE)),
    "403-api-error": (403, error({"code": 403, "status": "X"}), Transient(reason=RATE)),
    "408": (408, "", Transient(reason=SERVER)),
    "429": (429, "", Transient(reason=RATE)),
    "429-named": (
        429,
        error("rate_limit_exceeded"),
        Transient(reason=RATE, error="rate_limit_exceeded"),
    ),
    "500": (500, HTML, Transient(reason=SERVER)),
    "500-named": (
        500,
        error("internal_failure"),
        Transient(reason=SERVER, error="internal_failure"),
    ),
    "503": (503, "", Transient(reason=SERVER)),
    "503-named": (
        503,
        error("temporarily_unavailable"),
        Transient(reason=SERVER, error="temporarily_unavailable"),
    ),
    "504": (504, HTML, Transient(reason=SERVER)),
    "502-outside-the-table": (502, HTML, Transient(reason=SERVER)),
    "400-rate-limit": (
        400,
        error("rate_limit_exceeded"),
        Transient(reason=RATE, error="rate_limit_exceeded"),
    ),
    "400-internal-failure": (
        400,
        error("internal_failure"),
        Transient(reason=SERVER, error="internal_failure"),
    ),
    "400-server-error": (
        400,
        error("server_error"),
        Transient(reason=SERVER, error="server_error"),
    ),
    "400-temporarily-unavailable": (
        400,
        error("temporarily_unavailable"),
        Transient(reason=SERVER, error="temporarily_unavailable"),
    ),
    "500-that-says-invalid-grant": (
        500,
        error("invalid_grant"),
        Transient(reason=SERVER, error="invalid_grant"),
    ),
    "503-that-says-invalid-client": (
        503,
        error("invalid_client"),
        Transient(reason=SERVER, error="invalid_client"),
    ),
    "401-that-says-invalid-grant": (
        401,
        error("invalid_grant"),
        Transient(reason=UNRECOGNISED, error="invalid_grant"),
    ),
    "unknown-error": (
        400,
        error("brand_new_thing"),
        Transient(reason=UNRECOGNISED, error="brand_new_thing"),
    ),
    "invalid-request": (
        400,
        error("invalid_request"),
        Transient(reason=UNRECOGNISED, error="invalid_request"),
    ),
    "error-that-is-no-word": (
        400,
        error("1//0echoed-Token"),
        Transient(reason=UNRECOGNISED),
    ),
    "redirect": (302, "", Transient(reason=TransientReason.REDIRECT)),
    "400-html": (400, HTML, Transient(reason=MALFORMED)),
    "400-empty": (400, "", Transient(reason=MALFORMED)),
    "400-truncated": (400, '{"error": "invalid_gr', Transient(reason=MALFORMED)),
    "400-list": (400, '["invalid_grant"]', Transient(reason=MALFORMED)),
    "400-string": (400, '"invalid_grant"', Transient(reason=MALFORMED)),
    "400-null-error": (400, error(None), Transient(reason=MALFORMED)),
    "400-number-error": (400, error(400), Transient(reason=MALFORMED)),
    "204": (204, "", Transient(reason=MALFORMED)),
    "201-with-tokens": (201, tokens(), Transient(reason=MALFORMED)),
    "200-html": (200, HTML, Transient(reason=MALFORMED)),
    "200-empty": (200, "", Transient(reason=MALFORMED)),
    "200-truncated": (200, '{"access_token": "ya29', Transient(reason=MALFORMED)),
    "200-list": (200, "[]", Transient(reason=MALFORMED)),
    "200-null": (200, "null", Transient(reason=MALFORMED)),
    "200-nested-deep": (200, "[" * 20_000, Transient(reason=MALFORMED)),
    "200-with-an-error": (200, error("invalid_grant"), Transient(reason=MALFORMED)),
    "200-without-access-token": (
        200,
        {"expires_in": 3599, "token_type": "Bearer"},
        Transient(reason=MALFORMED),
    ),
    "200-empty-access-token": (200, tokens(access_token=""), Transient(reason=MALFORMED)),
    "200-null-access-token": (200, tokens(access_token=None), Transient(reason=MALFORMED)),
    "200-access-token-list": (200, tokens(access_token=["a"]), Transient(reason=MALFORMED)),
    "200-access-token-with-line-end": (
        200,
        tokens(access_token="ya29.a\r\nX-Evil: 1"),
        Transient(reason=MALFORMED),
    ),
    "200-access-token-too-long": (
        200,
        tokens(access_token="a" * 8193),
        Transient(reason=MALFORMED),
    ),
    "200-without-expiry": (
        200,
        {"access_token": "ya29.a", "token_type": "Bearer"},
        Transient(reason=MALFORMED),
    ),
    "200-expiry-zero": (200, tokens(expires_in=0), Transient(reason=MALFORMED)),
    "200-expiry-negative": (200, tokens(expires_in=-1), Transient(reason=MALFORMED)),
    "200-expiry-a-year": (200, tokens(expires_in=31_536_000), Transient(reason=MALFORMED)),
    "200-expiry-text": (200, tokens(expires_in="3599"), Transient(reason=MALFORMED)),
    "200-expiry-true": (200, tokens(expires_in=True), Transient(reason=MALFORMED)),
    "200-expiry-huge": (200, tokens(expires_in=10**40), Transient(reason=MALFORMED)),
    "200-other-token-type": (200, tokens(token_type="DPoP"), Transient(reason=MALFORMED)),
    "200-scope-list": (200, tokens(scope=["openid"]), Transient(reason=MALFORMED)),
    "200-scope-with-a-tab": (200, tokens(scope="openid\temail"), Transient(reason=MALFORMED)),
    "200-refresh-token-number": (200, tokens(refresh_token=7), Transient(reason=MALFORMED)),
    "200-bad-utf8": (200, "\udcff", Transient(reason=MALFORMED)),
    "200-oversized": (200, '{"a": "' + "x" * 65_536 + '"}', Transient(reason=MALFORMED)),
}

CODE: Table = {
    "code-used-up": (
        400,
        error("invalid_grant", error_description="Malformed auth code."),
        CodeRefused(cause=CodeRefusal.INVALID_GRANT),
    ),
    "redirect-uri-mismatch": (
        400,
        error("redirect_uri_mismatch"),
        CodeRefused(cause=CodeRefusal.REDIRECT_URI_MISMATCH),
    ),
}


def cases(*tables: Table) -> list[object]:
    return [pytest.param(*row, id=name) for table in tables for name, row in table.items()]


def encoded(body: Body) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    return text.encode(errors="surrogateescape")


@pytest.mark.parametrize(("status", "body", "expected"), cases(DEAD, REFUSED, TRANSIENT))
def test_each_answer_to_a_refresh_has_the_outcome_of_its_row(
    status: int,
    body: Body,
    expected: Outcome,
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
) -> None:
    """Every row of the table, and every broken answer, comes out as exactly one typed outcome."""
    headers = {"Date": DATE, "X-Request-Id": "req-1", "Location": "https://portal.test/"}
    with responses.RequestsMock() as google:
        google.post(endpoints.token, status=status, body=encoded(body), headers=headers)
        outcome = client.refresh(credentials, Secret("1//rt"))

    oversized = len(encoded(body)) > 65_536

    assert outcome == (expected if oversized else replace(expected, request_id="req-1", date=NOW))


@pytest.mark.parametrize(("status", "body", "expected"), cases(CODE, REFUSED, TRANSIENT))
def test_each_answer_to_a_code_exchange_has_the_outcome_of_its_row(
    status: int,
    body: Body,
    expected: Outcome,
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
) -> None:
    """An exchange shares the table, except that `invalid_grant` is about the code."""
    with responses.RequestsMock() as google:
        google.post(endpoints.token, status=status, body=encoded(body))
        outcome = client.exchange_code(
            credentials, Secret("4/code"), "https://app.test/cb", Secret("verifier")
        )
        calls = len(google.calls)
    assert outcome == expected
    assert calls == 1


@pytest.mark.parametrize(
    "status", [302, 401, 403, 404, 408, 409, 410, 418, 422, 429, 500, 502, 503, 504]
)
def test_only_status_400_can_end_a_grant(
    status: int,
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
) -> None:
    """`invalid_grant` under any other status leaves the grant alone."""
    with responses.RequestsMock() as google:
        google.post(endpoints.token, status=status, json=error("invalid_grant"))
        outcome = client.refresh(credentials, Secret("1//rt"))
    assert isinstance(outcome, Transient)
