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

from collections.abc import Mapping
from typing import Final

from bridge.errors import BridgeError
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
from bridge.google.refusal import Told, read_refusal, told, transient, unrecognised
from bridge.google.scopes import parse
from bridge.google.wire import ErrorBody, TokenBody, TokenInfoBody, decode
from bridge.secret import Secret

_OK: Final = 200
_BAD_REQUEST: Final = 400

# Workspace session control asks for a fresh login:
# https://support.google.com/a/answer/9368756
_SESSION_CONTROL: Final = frozenset({"invalid_rapt", "rapt_required"})
_BLOCKS: Final[Mapping[str, BlockReason]] = {reason.value: reason for reason in BlockReason}
_CODE_REFUSALS: Final[Mapping[str, CodeRefusal]] = {cause.value: cause for cause in CodeRefusal}
_FAULTS: Final[Mapping[str, Fault]] = {fault.value: fault for fault in Fault}
_HINTS: Final[Mapping[str, Hint]] = {
    "Token has been expired or revoked.": Hint.EXPIRED_OR_REVOKED,
    "Bad Request": Hint.BAD_REQUEST,
    "The account has been deleted": Hint.ACCOUNT_DELETED,
    "The OAuth client was not found.": Hint.CLIENT_NOT_FOUND,
    "The provided client secret is invalid.": Hint.CLIENT_SECRET_INVALID,
}


class _Issued(Told):
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
        return Refreshed(**issued) if issued else transient(answer, TransientReason.MALFORMED)
    refusal = read_refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if refusal.error == "invalid_grant" and answer.status == _BAD_REQUEST:
        return Dead(cause=_cause(refusal), hint=_hint(refusal), **told(answer))
    return _common(answer, refusal)


def classify_exchange(answer: Answer) -> ExchangeOutcome:
    """Return what a code exchange came to (RFC 6749 section 4.1.3)."""
    if answer.status == _OK:
        issued = _issued(answer)
        return Exchanged(**issued) if issued else transient(answer, TransientReason.MALFORMED)
    refusal = read_refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error in _CODE_REFUSALS:
        return CodeRefused(cause=_CODE_REFUSALS[refusal.error], **told(answer))
    return _common(answer, refusal)


def classify_revoke(answer: Answer) -> RevokeOutcome:
    """Return what a revocation came to; Google answers a dead token with an error, unlike RFC 7009.

    Nothing but a 200 or that one error counts as done, and a 200 with a page in it is not Google's:
    a grant believed revoked but alive is worse than a second try.
    """
    if answer.status == _OK:
        if answer.body.strip() and decode(answer.body, dict) is None:
            return transient(answer, TransientReason.MALFORMED)
        return Revoked(**told(answer))
    refusal = read_refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error == "invalid_token":
        return AlreadyGone(**told(answer))
    return unrecognised(answer, refusal)


def classify_tokeninfo(answer: Answer) -> TokenInfoOutcome:
    """Return what tokeninfo tells of an access token."""
    if answer.status == _OK:
        body = decode(answer.body, TokenInfoBody, numbers_as_text=True)
        scopes = _scopes(body.scope) if body else None
        if body is None or scopes is None or not body.aud:
            return transient(answer, TransientReason.MALFORMED)
        return TokenInfo(
            audience=body.aud,
            sub=body.sub or None,
            scopes=scopes,
            expires_at=body.exp,
            **told(answer),
        )
    refusal = read_refusal(answer)
    if isinstance(refusal, Transient):
        return refusal
    if answer.status == _BAD_REQUEST and refusal.error == "invalid_token":
        return TokenUnknown(**told(answer))
    return unrecognised(answer, refusal)


def _common(
    answer: Answer, refusal: ErrorBody
) -> Blocked | WrongClient | ClientFault | InvalidScope | Transient:
    """Return what the token endpoint's errors mean for a refresh and an exchange alike.

    The `error` alone decides here: unlike a death, all of these can be undone.
    """
    error = refusal.error
    if error in _FAULTS:
        return ClientFault(fault=_FAULTS[error], hint=_hint(refusal), **told(answer))
    if error in _BLOCKS:
        return Blocked(reason=_BLOCKS[error], **told(answer))
    if error == "unauthorized_client":
        return WrongClient(**told(answer))
    if error == "invalid_scope":
        return InvalidScope(**told(answer))
    return unrecognised(answer, refusal)


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
    scopes = _scopes(body.scope or "")
    if scopes is None:
        return None
    return {
        **told(answer),
        "access_token": body.access_token,
        "expires_in": body.expires_in,
        "scopes": scopes or None,
        # An empty token is none: it must never take the place of one that is held.
        "id_token": body.id_token or None,
        "refresh_token": body.refresh_token or None,
        "refresh_token_expires_in": body.refresh_lifetime,
    }


def _scopes(text: str) -> frozenset[str] | None:
    """Return the normalised scopes, none for empty text; None if one of them is no scope."""
    try:
        return parse(text, field=None)
    except BridgeError:
        return None
