"""Answers to inject: every row of Google's error table by name, and whatever else breaks.

Owns the bodies. Knows nothing of when they are given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from bridge.sandbox.refusal import REAUTH_HELP

_JSON: Final = "application/json; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedAnswer:
    """An answer as it goes over the wire.

    Attributes:
        status: the HTTP status; 0 closes the connection without an answer.
        body: the body's text.
        content_type: its type.
        headers: more headers.
    """

    status: int
    body: str = ""
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_header(self, name: str, value: str) -> CannedAnswer:
        """Return the same with one header more."""
        return replace(self, headers={**self.headers, name: value})

    @property
    def outcome(self) -> str:
        """The `error` that the body names, for the counters."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return f"http_{self.status}"
        error = body.get("error") if isinstance(body, dict) else None
        return error if isinstance(error, str) else f"http_{self.status}"


CLOSED: Final = CannedAnswer(status=0)


def _error(
    status: int,
    error: str,
    description: str | None = None,
    *,
    subtype: str | None = None,
    uri: str | None = None,
) -> CannedAnswer:
    members = {
        "error": error,
        "error_description": description,
        "error_subtype": subtype,
        "error_uri": uri,
    }
    body = {name: text for name, text in members.items() if text is not None}
    return CannedAnswer(status=status, body=json.dumps(body))


def _reauth(subtype: str) -> CannedAnswer:
    description = f"reauth related error ({subtype})"
    return _error(400, "invalid_grant", description, subtype=subtype, uri=REAUTH_HELP)


def _html(status: int, text: str) -> CannedAnswer:
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body>{text}</body></html>"
    return CannedAnswer(status=status, body=page, content_type=_HTML)


USER_RATE_LIMIT: Final = _html(403, "User Rate Limit Exceeded")

ANSWERS: Final[Mapping[str, CannedAnswer]] = MappingProxyType(
    {
        "invalid_grant": _error(400, "invalid_grant", "Token has been expired or revoked."),
        "invalid_grant_bad_request": _error(400, "invalid_grant", "Bad Request"),
        "invalid_grant_account_deleted": _error(
            400, "invalid_grant", "The account has been deleted"
        ),
        "invalid_rapt": _reauth("invalid_rapt"),
        "rapt_required": _reauth("rapt_required"),
        "admin_policy_enforced": _error(400, "admin_policy_enforced"),
        "invalid_scope": _error(
            400, "invalid_scope", "Some requested scopes were invalid. {valid=[], invalid=[x]}"
        ),
        "invalid_client": _error(401, "invalid_client", "The OAuth client was not found."),
        "invalid_client_secret": _error(
            401, "invalid_client", "The provided client secret is invalid."
        ),
        "deleted_client": _error(401, "deleted_client", "The OAuth client was deleted."),
        "disabled_client": _error(401, "disabled_client", "The OAuth client was disabled."),
        "unauthorized_client": _error(401, "unauthorized_client", "Unauthorized"),
        "unauthorized_client_400": _error(400, "unauthorized_client", "Unauthorized"),
        "org_internal": _error(400, "org_internal"),
        "access_denied": _error(400, "access_denied", "Account restricted"),
        "user_rate_limit": USER_RATE_LIMIT,
        "request_timeout": _error(408, "temporarily_unavailable"),
        "rate_limit_exceeded": _error(429, "rate_limit_exceeded", "Rate Limit Exceeded"),
        "internal_failure": _error(500, "internal_failure", "Backend Error"),
        "server_error": _error(500, "server_error"),
        "temporarily_unavailable": _error(503, "temporarily_unavailable"),
        "gateway_timeout": _error(504, "server_error"),
        "html_200": _html(200, "Sign in - Google Accounts"),
        "html_500": _html(500, "Error 500 (Server Error)"),
        "html_502": _html(502, "Error 502 (Server Error)"),
        "html_503": _html(503, "Error 503 (Service Unavailable)"),
        "no_access_token": CannedAnswer(
            status=200, body=json.dumps({"expires_in": 3599, "token_type": "Bearer"})
        ),
        "truncated_json": CannedAnswer(status=200, body='{"access_token": "ya29.a0Ad52N3_'),
        "truncated_error": CannedAnswer(status=400, body='{"error": "invalid_gr'),
        "not_json": CannedAnswer(status=400, body="Bad Request", content_type="text/plain"),
        "empty": CannedAnswer(status=200),
        "connection_closed": CLOSED,
    }
)


def canned(answer: str | CannedAnswer, *, retry_after: str | int | None = None) -> CannedAnswer:
    """Return an answer by name, or as given.

    Args:
        answer: a name in `ANSWERS`, or an answer.
        retry_after: the `Retry-After` header: seconds, or an HTTP date.

    Raises:
        ValueError: the name is unknown.
    """
    if isinstance(answer, str):
        if answer not in ANSWERS:
            raise ValueError(f"no answer {answer!r}; there are {', '.join(ANSWERS)}")
        answer = ANSWERS[answer]
    return answer if retry_after is None else answer.with_header("Retry-After", str(retry_after))
