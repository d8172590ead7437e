"""Which of Google's refusals say something, and which only say "not now".

The first half of reading an answer that is no success: what is left after it is an `error` that
speaks about the request. Knows nothing of what such an error means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypedDict

from bridge.google.answer import Answer
from bridge.google.outcome import Transient, TransientReason
from bridge.google.wire import ErrorBody, decode

_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_REQUEST_TIMEOUT: Final = 408
_TOO_MANY_REQUESTS: Final = 429
_TRANSIENT_ERRORS: Final[Mapping[str, TransientReason]] = {
    "rate_limit_exceeded": TransientReason.RATE_LIMITED,
    "internal_failure": TransientReason.SERVER_ERROR,
    "server_error": TransientReason.SERVER_ERROR,
    "temporarily_unavailable": TransientReason.SERVER_ERROR,
}
# A word that cannot be an echoed token or a whole sentence: those have digits, dashes or spaces.
_ERROR_WORD: Final = re.compile(r"[a-z]+(?:_[a-z]+){0,5}")
_LONGEST_ERROR_WORD: Final = 40


class Told(TypedDict):
    """What every outcome repeats of its answer."""

    request_id: str | None
    date: int | None


def read_refusal(answer: Answer) -> ErrorBody | Transient:
    """Return the error that Google names, unless the answer says nothing about the request."""
    status = answer.status
    if status < _BAD_REQUEST:
        redirect = status >= 300  # noqa: PLR2004 - RFC 9110 section 15.4: all of 3xx
        reason = TransientReason.REDIRECT if redirect else TransientReason.MALFORMED
        return transient(answer, reason)
    refusal = decode(answer.body, ErrorBody)
    # A failing server's words about the token are not to be trusted: the status comes first.
    by_status = _transient_status(status)
    if by_status is not None:
        return transient(answer, by_status, refusal)
    if refusal is None:
        # "User Rate Limit Exceeded" comes as an HTML page.
        limited = status == _FORBIDDEN
        reason = TransientReason.RATE_LIMITED if limited else TransientReason.MALFORMED
        return transient(answer, reason)
    by_error = _TRANSIENT_ERRORS.get(refusal.error)
    return refusal if by_error is None else transient(answer, by_error, refusal)


def _transient_status(status: int) -> TransientReason | None:
    if status == _TOO_MANY_REQUESTS:
        return TransientReason.RATE_LIMITED
    if status == _REQUEST_TIMEOUT or status >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6
        return TransientReason.SERVER_ERROR
    return None


def unrecognised(answer: Answer, refusal: ErrorBody) -> Transient:
    """Return the outcome for an error that nobody has a rule for."""
    return transient(answer, TransientReason.UNRECOGNISED, refusal)


def transient(
    answer: Answer, reason: TransientReason, refusal: ErrorBody | None = None
) -> Transient:
    """Return an outcome that changes nothing, with what is safe to tell of the answer."""
    word = refusal.error if refusal else ""
    plain = len(word) <= _LONGEST_ERROR_WORD and _ERROR_WORD.fullmatch(word)
    return Transient(
        reason=reason,
        error=word if plain else None,
        retry_after=answer.retry_after,
        **told(answer),
    )


def told(answer: Answer) -> Told:
    """Return what every outcome repeats of its answer."""
    return {"request_id": answer.request_id, "date": answer.date}
