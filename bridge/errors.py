"""The one tree of errors, and the one table that says how each is answered.

An error is data: a kind (code, HTTP status, OAuth twin, whether trying again can help), a public
text that is safe to show to anyone, and private context for the log alone. Neither ever holds a
token or a remote body. Delivery turns kinds into problem+json or RFC 6749 JSON; nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """How a kind of error is answered.

    Attributes:
        status: the HTTP status.
        title: RFC 9457's title, the same for every error of the kind.
        oauth: the `error` of RFC 6749 and RFC 8693 for the same thing.
        retryable: whether the same request may succeed later with nothing changed by hand.
    """

    status: int
    title: str
    oauth: str
    retryable: bool = False


class Code(Enum):
    """Every `code` an answer of the bridge can carry."""

    GRANT_MISSING = "grant_missing"
    REAUTH_REQUIRED = "reauth_required"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    BLOCKED = "blocked"
    ACCOUNT_AMBIGUOUS = "account_ambiguous"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    CLIENT_FAULT = "client_fault"
    UPSTREAM_UNAVAILABLE = "upstream_unavailable"
    KEY_UNAVAILABLE = "key_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    RECORD_CORRUPT = "record_corrupt"
    INVALID_REQUEST = "invalid_request"
    MESSAGE_CONFLICT = "message_conflict"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INTERNAL_ERROR = "internal_error"


ANSWERS: dict[Code, Answer] = {
    Code.GRANT_MISSING: Answer(404, "No grant", "invalid_grant"),
    Code.REAUTH_REQUIRED: Answer(409, "The user must consent again", "invalid_grant"),
    Code.INSUFFICIENT_SCOPE: Answer(403, "The grant lacks a scope", "invalid_scope"),
    Code.BLOCKED: Answer(403, "The grant is blocked", "access_denied"),
    Code.ACCOUNT_AMBIGUOUS: Answer(409, "More than one account", "invalid_request"),
    Code.UNAUTHENTICATED: Answer(401, "Unknown caller", "invalid_client"),
    Code.FORBIDDEN: Answer(403, "Not allowed", "unauthorized_client"),
    Code.CLIENT_FAULT: Answer(503, "The Google client is at fault", "server_error"),
    Code.UPSTREAM_UNAVAILABLE: Answer(
        503, "Google cannot be reached", "temporarily_unavailable", retryable=True
    ),
    Code.KEY_UNAVAILABLE: Answer(503, "A key is missing", "server_error"),
    Code.STORE_UNAVAILABLE: Answer(
        503, "The store cannot be reached", "temporarily_unavailable", retryable=True
    ),
    Code.RECORD_CORRUPT: Answer(500, "A record is corrupt", "server_error"),
    Code.INVALID_REQUEST: Answer(400, "Invalid request", "invalid_request"),
    Code.MESSAGE_CONFLICT: Answer(409, "Message id used twice", "invalid_request"),
    Code.CONFLICT: Answer(409, "Changed meanwhile", "invalid_request", retryable=True),
    Code.NOT_FOUND: Answer(404, "Not found", "invalid_request"),
    Code.METHOD_NOT_ALLOWED: Answer(405, "Method not allowed", "invalid_request"),
    Code.TOO_LARGE: Answer(413, "Too large", "invalid_request"),
    Code.UNSUPPORTED_MEDIA_TYPE: Answer(415, "Unsupported media type", "invalid_request"),
    Code.INTERNAL_ERROR: Answer(500, "Internal error", "server_error"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """What a user can do about an error: `connect` with these scopes. Never a live link."""

    type: str
    scopes: tuple[str, ...] = ()


class BridgeError(Exception):
    """Anything the bridge refuses or cannot do.

    Attributes:
        code: which kind it is.
        public: a safe text for whoever asked; says how to mend it where that is known.
        reason: a machine-readable refinement of `code`, such as why consent is needed.
        field: the request's field at fault, as a path (`scopes[0]`).
        action: what the user can do.
        retry_after: whole seconds after which to try again.
        context: private pairs for the log; fingerprints, never tokens.
    """

    def __init__(  # noqa: PLR0913 - an error's parts, all optional but two
        self,
        code: Code,
        public: str,
        *,
        reason: str | None = None,
        field: str | None = None,
        action: Action | None = None,
        retry_after: int | None = None,
        context: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(f"{code.value}: {public}")
        self.code = code
        self.public = public
        self.reason = reason
        self.field = field
        self.action = action
        self.retry_after = retry_after
        self.context = dict(context or {})

    @property
    def answer(self) -> Answer:
        """How this error is answered."""
        return ANSWERS[self.code]

    def again(self) -> BridgeError:
        """Return an error of the same content: one raised by many threads would mix tracebacks."""
        return BridgeError(
            self.code,
            self.public,
            reason=self.reason,
            field=self.field,
            action=self.action,
            retry_after=self.retry_after,
            context=self.context,
        )


def place_of(error: BaseException) -> str:
    """Return where an exception was raised: all that a log is to say of one that nobody foresaw.

    Its text could quote a value, and a value could be a token.
    """
    place = "unknown"
    trace = error.__traceback__
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class Log(Protocol):
    """A log that faults are told to."""

    def error(self, event: str, **context: object) -> object:
        """Tell of a fault."""


class Contained:
    """A block that ends with a fault that nobody foresaw or waits for; a log is told.

    Attributes:
        log: where the fault's kind and place are told.
        event: the name that it has there.
    """

    def __init__(self, log: Log, event: str = "broken") -> None:
        self.log = log
        self.event = event

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        """Go on after the block."""
        if not isinstance(error, Exception):
            return False
        self.log.error(self.event, error=type(error).__name__, place=place_of(error))
        return True


def invalid(public: str, *, field: str | None = None) -> BridgeError:
    """Return the error for a request that the sender must mend."""
    return BridgeError(Code.INVALID_REQUEST, public, field=field)
