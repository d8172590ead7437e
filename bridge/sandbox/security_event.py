"""A security event's contents: types, subjects, and what can be wrong with them.

Events are security event tokens (RFC 8417). Source of types and subjects: Google's "Protect user
accounts with Cross-Account Protection".
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.sandbox import minting
from bridge.sandbox.identity import ISSUER

EventType = Literal[
    "sessions-revoked",
    "account-disabled",
    "account-enabled",
    "account-credential-change-required",
    "verification",
    "tokens-revoked",
    "token-revoked",
]
SubjectForm = Literal["iss-sub", "id_token_claims", "oauth_token"]
TokenAlgorithm = Literal["prefix", "hash_base64_sha512_sha512"]
Flaw = Literal[
    "unknown_key",
    "bad_signature",
    "hs256",
    "unsigned",
    "wrong_issuer",
    "wrong_audience",
    "not_a_jwt",
    "no_jti",
    "no_events",
    "unknown_event",
]

_RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
_OAUTH: Final = "https://schemas.openid.net/secevent/oauth/event-type/"
_PREFIX_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """An event to send.

    Attributes:
        type: the last part of the event type's URI.
        audience: client ids.
        sub: the account, for the subject forms that name one.
        email: for the subject form `id_token_claims`.
        subject_form: how the subject is named.
        refresh_token: for the subject form `oauth_token`.
        token_algorithm: how that token is named.
        reason: of `account-disabled`.
        state: of `verification`.
        issuer_slash: whether `iss` ends in a slash.
        jti: the event's id; give one again to send a duplicate.
        iat: Unix seconds; give an old one to send an event late.
        flaw: what is wrong with it.
    """

    type: EventType
    audience: tuple[str, ...]
    sub: str = ""
    email: str = ""
    subject_form: SubjectForm = "iss-sub"
    refresh_token: str = field(default="", repr=False)
    token_algorithm: TokenAlgorithm = "hash_base64_sha512_sha512"  # noqa: S105 - an algorithm
    reason: str | None = None
    state: str | None = None
    issuer_slash: bool = True
    jti: str | None = None
    iat: int | None = None
    flaw: Flaw | None = None


def claims_of(event: SecurityEvent, jti: str, now: float) -> dict[str, object]:
    """Return an event's claims, with the flaw that shows in them."""
    claims: dict[str, object] = {
        "iss": ISSUER + ("/" if event.issuer_slash else ""),
        "aud": event.audience[0] if len(event.audience) == 1 else list(event.audience),
        "iat": int(now) if event.iat is None else event.iat,
        "jti": jti,
        "events": {_type_uri(event): _payload(event)},
    }
    if event.flaw == "wrong_issuer":
        claims["iss"] = "https://accounts.example.com/"
    if event.flaw == "wrong_audience":
        claims["aud"] = minting.client_id(minting.project())
    if event.flaw in {"no_jti", "no_events"}:
        del claims[event.flaw.removeprefix("no_")]
    return claims


def token_identifier(refresh_token: str, algorithm: TokenAlgorithm) -> str:
    """Return how Google names a refresh token without telling it."""
    if algorithm == "prefix":
        return refresh_token[:_PREFIX_LENGTH]
    twice = hashlib.sha512(hashlib.sha512(refresh_token.encode()).digest()).digest()
    return base64.b64encode(twice).decode()


def _type_uri(event: SecurityEvent) -> str:
    if event.flaw == "unknown_event":
        return _RISC + "account-purged"
    return (_OAUTH if event.type in {"tokens-revoked", "token-revoked"} else _RISC) + event.type


def _payload(event: SecurityEvent) -> dict[str, object]:
    if event.type == "verification":
        return {"state": event.state or ""}
    payload: dict[str, object] = {"subject": _subject(event)}
    if event.reason is not None:
        payload["reason"] = event.reason
    return payload


def _subject(event: SecurityEvent) -> dict[str, object]:
    if event.subject_form == "oauth_token":
        return {
            "subject_type": "oauth_token",
            "token_type": "refresh_token",
            "token_identifier_alg": event.token_algorithm,
            "token": token_identifier(event.refresh_token, event.token_algorithm),
        }
    subject: dict[str, object] = {
        "subject_type": event.subject_form,
        "iss": ISSUER + ("/" if event.issuer_slash else ""),
        "sub": event.sub,
    }
    if event.subject_form == "id_token_claims":
        subject["email"] = event.email
    return subject
