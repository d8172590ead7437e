"""Answers as bytes: JSON for what went well, problem+json (RFC 9457) for what did not.

Owns the encoding of both. The one place where an error becomes HTTP.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bridge.errors import BridgeError, Code
from bridge.secret import Secret

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


class ProblemAction(msgspec.Struct, frozen=True, kw_only=True):
    """What the user can do: `connect`, with these scopes. Never a live link."""

    type: str
    scopes: tuple[str, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 tells it.

    Attributes:
        type: a URN with the code.
        title: the same for every error of the code.
        status: the HTTP status.
        code: what to act on.
        detail: what is wrong, and how to mend it.
        reason: a refinement of the code.
        field: the request's field at fault.
        action: what the user can do.
        retry_after: seconds after which to try again.
        request_id: by which the log knows this request.
    """

    type: str
    title: str
    status: int
    code: Code
    detail: str
    reason: str | None = None
    field: str | None = None
    action: ProblemAction | None = None
    retry_after: int | None = None
    request_id: str | None = None


class Reply(msgspec.Struct, frozen=True):
    """An answer ready to be sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    def header_list(self, request_id: str) -> list[tuple[str, str]]:
        """Return all headers but `Content-Length`, which whoever sends the body writes."""
        return [
            ("Content-Type", self.content_type),
            # Tokens and grants' states are nobody's to keep on the way.
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", request_id),
            *self.headers,
        ]


def encode(value: object) -> bytes:
    """Write a value of the wire as JSON."""
    return _ENCODER.encode(value)


def encoded(value: object, status: int = 200) -> Reply:
    """Return a value of the wire as an answer."""
    return Reply(status, encode(value))


def problem(error: BridgeError, request_id: str | None) -> Problem:
    """Return an error as it is told."""
    action = error.action
    return Problem(
        type=f"urn:grantbridge:error:{error.code.value}",
        title=error.answer.title,
        status=error.answer.status,
        code=error.code,
        detail=error.public,
        reason=error.reason,
        field=error.field,
        action=ProblemAction(type=action.type, scopes=action.scopes) if action else None,
        retry_after=error.retry_after,
        request_id=request_id,
    )


def refused(error: BridgeError, request_id: str) -> Reply:
    """Return an error as an answer."""
    headers: list[tuple[str, str]] = []
    if error.code is Code.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", "Bearer"))
    if error.retry_after is not None:
        headers.append(("Retry-After", str(error.retry_after)))
    body = _ENCODER.encode(problem(error, request_id))
    return Reply(error.answer.status, body, PROBLEM, tuple(headers))


def _plain(value: Any) -> object:  # noqa: ANN401 - msgspec hands over whatever it does not know
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"an answer holds no {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)
