"""Google's answers into outcomes: the one place that knows what its errors mean.

Decides by HTTP status, `error` and `error_subtype` alone; descriptions change without notice and
are kept only as hints. One rule stands above the table: what is not recognised is transient. An
error that nobody has seen yet must neither end a grant nor open a client's circuit; it shows as
`unrecognised` with the word that Google used, is not retried within the call, and leaves
everything as it was.

Rows: https://developers.google.com/identity/protocols/oauth2/web-server and, for the transient
ones, the retry list of google-auth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from bridge.google.answer import Answer
from bridge.google.outcome import (
    AlreadyGone,
    Blocked,
    BlockReason,
    ClientFault,
    CodeRefusal,
    CodeRefused,
    Dead,
    DeadCause,
    Exchanged,
    ExchangeOutcome,
    Fault,
    Hint,
    InvalidScope,
    Refreshed,
    RefreshOutcome,
    Revoked,
    RevokeOutcome,
    TokenInfo,
    TokenInfoOutcome,
    TokenUnknown,
    Transient,
    TransientReason,
    WrongClient,
)
from bridge.google.scopes import parse
from bridge.google.wire import ErrorBody, TokenBody, TokenInfoBody, decode
from bridge.secret import Secret

_OK: Final = 200
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_TOO_MANY_REQUESTS: Final = 429
_REQUEST_TIMEOUT: Final = 408

# Workspace session control asks for a fresh login:
# https://support.google.com/a/answer/9368756
_SESSION_CONTROL: Final = frozenset({"invalid_rapt", "rapt_required"})
_TRANSIENT_ERRORS: Final[Mapping[str, TransientReason]] = {
    "rate_limit_exceeded": TransientReason.RATE_LIMITED,
    "internal_failure": TransientReason.SERVER_ERROR,
    "server_error": TransientReason.SERVER_ERROR,
    "temporarily_unavailable": TransientReason.SERVER_ERROR,
}
_BLOCKS: Final[Mapping[str, BlockReason]] = {reason.value: reason for reason in BlockReason}
_FAULTS: Final[Mapping[str, Fault]] = {fault.value: fault for fault in Fault}
_HINTS: Final[Mapping[str, Hint]] = {
    "Token has been expired or revoked.": Hint.EXPIRED_OR_REVOKED,
    "Bad Request": Hint.BAD_REQUEST,
    "The account has been deleted": Hint.ACCOUNT_DELETED,
    "The OAuth client was not found.": Hint.CLIENT_NOT_FOUND,
    "The provided client secret is invalid.": Hint.CLIENT_SECRET_INVALID,
}
# A word that cannot be an echoed token or a whole sentence: those have digits, dashes or spaces.
_ERROR_WORD: Final = re.compile(r"[a-z]+(?:_[a-z]+){0,5}")
_LONGEST_ERROR_WORD: Final = 40


class _Told(TypedDict):
    request_id: str | None
    date: int | None


class _Issued(_Told):
    access_token: Secret
    expires_in: int
    scopes: frozenset[str] | None
    id_token: Secret | None
    refresh_token: Secret | None
    refresh_token_expires_in: int | None


def classify_refresh(answer: Answer) -> RefreshOutcome:
    """Return what a refresh came to (RFC 6749 section 6)."""
    if answer.status == _OK:
        issued = _issued(answer)
        return Refreshed(**issued) if issued else _transient(answer, TransientReason.MALFORMED)
    refusal = _refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if refusal.error == "invalid_grant" and answer.status == _BAD_REQUEST:
        return Dead(cause=_cause(refusal), hint=_hint(refusal), **_told(answer))
    return _common(answer, refusal)


def classify_exchange(answer: Answer) -> ExchangeOutcome:
    """Return what a code exchange came to (RFC 6749 section 4.1.3)."""
    if answer.status == _OK:
        issued = _issued(answer)
        return Exchanged(**issued) if issued else _transient(answer, TransientReason.MALFORMED)
    refusal = _refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error in CodeRefusal:
        return CodeRefused(cause=CodeRefusal(refusal.error), **_told(answer))
    return _common(answer, refusal)


def classify_revoke(answer: Answer) -> RevokeOutcome:
    """Return what a revocation came to; Google answers a dead token with an error, unlike RFC 7009.

    Nothing but a 200 or that one error counts as done: a grant believed revoked but alive is worse
    than a second try.
    """
    if answer.status == _OK:
        return Revoked(**_told(answer))
    refusal = _refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error == "invalid_token":
        return AlreadyGone(**_told(answer))
    return _unrecognised(answer, refusal)


def classify_tokeninfo(answer: Answer) -> TokenInfoOutcome:
    """Return what tokeninfo tells of an access token."""
    if answer.status == _OK:
        body = decode(answer.body, TokenInfoBody, numbers_as_text=True)
        if body is None or not body.aud:
            return _transient(answer, TransientReason.MALFORMED)
        return TokenInfo(
            audience=body.aud,
            sub=body.sub or None,
            scopes=parse(body.scope),
            expires_at=body.exp,
            **_told(answer),
        )
    refusal = _refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error == "invalid_token":
        return TokenUnknown(**_told(answer))
    return _unrecognised(answer, refusal)


def _refusal(answer: Answer) -> ErrorBody | Transient:
    """Return the error that Google names, unless the answer says nothing about the request."""
    status = answer.status
    if status < _BAD_REQUEST:
        redirect = 300 <= status  # noqa: PLR2004 - RFC 9110 section 15.4: all of 3xx
        reason = TransientReason.REDIRECT if redirect else TransientReason.MALFORMED
        return _transient(answer, reason)
    refusal = decode(answer.body, ErrorBody)
    # A failing server's words about the token are not to be trusted: the status comes first.
    by_status = _transient_status(status)
    if by_status is not None:
        return _transient(answer, by_status, refusal)
    if refusal is None:
        # "User Rate Limit Exceeded" comes as an HTML page.
        limited = status == _FORBIDDEN
        reason = TransientReason.RATE_LIMITED if limited else TransientReason.MALFORMED
        return _transient(answer, reason)
    by_error = _TRANSIENT_ERRORS.get(refusal.error)
    return refusal if by_error is None else _transient(answer, by_error, refusal)


def _transient_status(status: int) -> TransientReason | None:
    if status == _TOO_MANY_REQUESTS:
        return TransientReason.RATE_LIMITED
    if status == _REQUEST_TIMEOUT or status >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6
        return TransientReason.SERVER_ERROR
    return None


def _common(
    answer: Answer, refusal: ErrorBody
) -> Blocked | WrongClient | ClientFault | InvalidScope | Transient:
    """Return what the token endpoint's errors mean for a refresh and an exchange alike."""
    error = refusal.error
    if error in _FAULTS:
        return ClientFault(fault=_FAULTS[error], hint=_hint(refusal), **_told(answer))
    if error in _BLOCKS:
        return Blocked(reason=_BLOCKS[error], **_told(answer))
    if error == "unauthorized_client":
        return WrongClient(**_told(answer))
    if error == "invalid_scope":
        return InvalidScope(**_told(answer))
    return _unrecognised(answer, refusal)


def _cause(refusal: ErrorBody) -> DeadCause:
    subtype = refusal.error_subtype
    controlled = isinstance(subtype, str) and subtype in _SESSION_CONTROL
    return DeadCause.SESSION_CONTROL if controlled else DeadCause.EXPIRED_OR_REVOKED


def _hint(refusal: ErrorBody) -> Hint | None:
    description = refusal.error_description
    return _HINTS.get(description) if isinstance(description, str) else None


def _issued(answer: Answer) -> _Issued | None:
    body = decode(answer.body, TokenBody)
    if body is None or not body.sound:
        return None
    return {
        **_told(answer),
        "access_token": body.access_token,
        "expires_in": body.expires_in,
        "scopes": parse(body.scope) if body.scope else None,
        # An empty token is none: it must never take the place of one that is held.
        "id_token": body.id_token or None,
        "refresh_token": body.refresh_token or None,
        "refresh_token_expires_in": body.refresh_lifetime,
    }


def _unrecognised(answer: Answer, refusal: ErrorBody) -> Transient:
    return _transient(answer, TransientReason.UNRECOGNISED, refusal)


def _transient(
    answer: Answer, reason: TransientReason, refusal: ErrorBody | None = None
) -> Transient:
    word = refusal.error if refusal else ""
    plain = len(word) <= _LONGEST_ERROR_WORD and _ERROR_WORD.fullmatch(word)
    return Transient(
        reason=reason,
        error=word if plain else None,
        retry_after=answer.retry_after,
        **_told(answer),
    )


def _told(answer: Answer) -> _Told:
    return {"request_id": answer.request_id, "date": answer.date}
