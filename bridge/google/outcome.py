"""Everything a call to Google can come to, as types.

A caller matches on the class; no outcome carries text that Google wrote freely, and none prints a
token. What an outcome means for a grant is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.secret import Secret


class DeadCause(StrEnum):
    """Why Google says that a grant is dead."""

    EXPIRED_OR_REVOKED = "expired_or_revoked"
    SESSION_CONTROL = "session_control"


class BlockReason(StrEnum):
    """Which policy stands between the account and the client."""

    ADMIN_POLICY = "admin_policy_enforced"
    ORG_INTERNAL = "org_internal"
    ACCESS_DENIED = "access_denied"


class Fault(StrEnum):
    """What is wrong with the OAuth client itself."""

    INVALID_CLIENT = "invalid_client"
    DELETED_CLIENT = "deleted_client"
    DISABLED_CLIENT = "disabled_client"


class CodeRefusal(StrEnum):
    """Why a code was not exchanged."""

    INVALID_GRANT = "invalid_grant"
    REDIRECT_URI_MISMATCH = "redirect_uri_mismatch"


class Hint(StrEnum):
    """A description that was recognised word for word: evidence for a diagnosis, never a verdict.

    Google words its descriptions as it likes, so that nothing may be decided by them.
    """

    EXPIRED_OR_REVOKED = "expired_or_revoked"
    BAD_REQUEST = "bad_request"
    ACCOUNT_DELETED = "account_deleted"
    CLIENT_NOT_FOUND = "client_not_found"
    CLIENT_SECRET_INVALID = "client_secret_invalid"  # noqa: S105 - a name, not a password


class TransientReason(StrEnum):
    """Why a call came to nothing that says anything about the grant."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CONNECTION_LOST = "connection_lost"
    TLS = "tls"
    REDIRECT = "redirect"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    MALFORMED = "malformed"
    UNRECOGNISED = "unrecognised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What every outcome may tell.

    Attributes:
        request_id: Google's own name for the request, for a support case.
        date: Google's time of the answer, Unix seconds.
    """

    request_id: str | None = None
    date: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens(Outcome):
    """Tokens that Google issued.

    Attributes:
        access_token: what the Google APIs take.
        expires_in: seconds that `access_token` lives from now, at least 1.
        scopes: what it covers, normalised; None if the answer did not say.
        id_token: unverified; comes where `openid` was granted.
        refresh_token: a new RT; None means that the RT held so far stays the one to use.
        refresh_token_expires_in: seconds that the RT lives, where Google tells. Advisory.
    """

    access_token: Secret
    expires_in: int
    scopes: frozenset[str] | None
    id_token: Secret | None
    refresh_token: Secret | None
    refresh_token_expires_in: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed(Tokens):
    """A refresh worked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged(Tokens):
    """A code became tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead(Outcome):
    """The RT will never work again."""

    cause: DeadCause
    hint: Hint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Outcome):
    """A policy forbids the client to this account; the RT may work again once it is lifted."""

    reason: BlockReason


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClient(Outcome):
    """The RT was issued to another OAuth client; nothing is wrong with this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFault(Outcome):
    """The OAuth client is at fault, so that no grant of it can be judged."""

    fault: Fault
    hint: Hint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidScope(Outcome):
    """Scopes were asked that the grant does not hold or that do not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRefused(Outcome):
    """The code is used up, expired, or does not fit its verifier or redirect URI."""

    cause: CodeRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Outcome):
    """The token and the grants that hang on it are revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyGone(Outcome):
    """There was nothing left to revoke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo(Outcome):
    """What an access token is for.

    Attributes:
        audience: the client id that it was issued to.
        sub: the account; None if no sign-in scope was granted.
        scopes: what it covers, normalised.
        expires_at: Unix seconds.
    """

    audience: str
    sub: str | None
    scopes: frozenset[str]
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUnknown(Outcome):
    """The access token is expired, revoked, or was never one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached(Outcome):
    """Google answered a probe.

    Attributes:
        skew: seconds by which the host's clock is ahead of Google's, to about one second; negative
            when it is behind, None if the answer carried no date.
    """

    skew: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient(Outcome):
    """Nothing was learnt about the token or the client.

    Attributes:
        reason: what went wrong.
        error: the `error` that Google named, where it is a plain snake-case word.
        retry_after: whole seconds that Google asks to wait.
        sent: whether the request may have reached Google; False only where it cannot have.
    """

    reason: TransientReason
    error: str | None = None
    retry_after: int | None = None
    sent: bool = True


RefreshOutcome = Refreshed | Dead | Blocked | WrongClient | ClientFault | InvalidScope | Transient
ExchangeOutcome = (
    Exchanged | CodeRefused | Blocked | WrongClient | ClientFault | InvalidScope | Transient
)
RevokeOutcome = Revoked | AlreadyGone | Transient
TokenInfoOutcome = TokenInfo | TokenUnknown | Transient
ProbeOutcome = Reached | Transient
