"""The messages of the login hook and their answers, as they travel.

Owns names, types and bounds; the vectors under `hooks/contract` show them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bridge import parsing
from bridge.secret import Secret

Name = parsing.Name
Sub = parsing.Word
Time = Annotated[int, Meta(ge=0, le=2**40)]
Seconds = Annotated[int, Meta(ge=0, le=2**40)]
Scope = parsing.Word


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what comes in: unknown fields are refused, so that a typing error shows."""


class AccountHint(Wire, frozen=True):
    """The Google account as the IdP tells it; `sub` is what counts."""

    sub: Sub
    email: Name | None = None
    hd: Name | None = None


class AccountName(Wire, frozen=True):
    """A Google account by its identity."""

    sub: Sub


class TokenResponse(Wire, frozen=True):
    """Google's answer to the IdP's code exchange, as far as the IdP has it."""

    refresh_token: Secret | None = None
    access_token: Secret | None = None
    id_token: Secret | None = None
    token_type: str | None = None
    expires_in: Seconds | None = None
    refresh_token_expires_in: Seconds | None = None
    scope: str | None = None


class SealedTokens(Wire, frozen=True):
    """What a `tokens_jwe` holds: tokens bound to whose they are, so that none can be swapped in."""

    tenant: Name
    sub: Name
    tokens: TokenResponse
    alias: Name | None = None
    time: Time | None = None


class LoginFacts(Wire, frozen=True):
    """What the IdP knows of the login under way."""

    id: Name
    app: Name | None = None
    can_redirect: bool = False
    returned: bool = False
    client_id: Name | None = None
    scopes: Annotated[tuple[Scope, ...], Meta(max_length=100)] = ()


class Capture(Wire, frozen=True, tag="capture"):
    """A login brought tokens; whose login it is may not be known yet."""

    tenant: Name
    login_id: Name
    account: AccountHint
    client_id: Name
    tokens: TokenResponse | None = None
    tokens_jwe: Annotated[str, Meta(max_length=65536)] | None = None
    obtained_at: Time | None = None


class Bind(Wire, frozen=True, tag="bind"):
    """Whose login it is."""

    tenant: Name
    login_id: Name
    account: AccountName
    subject: Name


class Decide(Wire, frozen=True, tag="decide"):
    """May this login go on, or should Google's consent be asked for?"""

    tenant: Name
    subject: Name
    login: LoginFacts
    account: AccountName | None = None


class Login(Wire, frozen=True, tag="login"):
    """Capture, bind and decide in one, for IdPs that know all at once."""

    tenant: Name
    subject: Name
    account: AccountHint
    client_id: Name
    login: LoginFacts
    tokens: TokenResponse | None = None
    tokens_jwe: Annotated[str, Meta(max_length=65536)] | None = None
    obtained_at: Time | None = None
    profile: Any = None

    def __repr__(self) -> str:
        # The profile is not stripped yet: it may hold the refresh token.
        return f"Login(tenant={self.tenant!r}, client_id={self.client_id!r}, …)"


class Unlinked(Wire, frozen=True, tag="unlinked"):
    """A user took a Google account off; without `account`, every one."""

    tenant: Name
    subject: Name
    account: AccountName | None = None
    occurred_at: Time | None = None


class UserDeleted(Wire, frozen=True, tag="user_deleted"):
    """The IdP's user is gone."""

    tenant: Name
    subject: Name
    occurred_at: Time | None = None


HookMessage = Capture | Bind | Decide | Login | Unlinked | UserDeleted

Result = Literal[
    "captured",
    "known",
    "no_refresh_token",
    "shut_out",
    "quarantined",
    "bound",
    "waiting",
    "forgotten",
]


class HookAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the IdP is told.

    Attributes:
        result: what became of the message: a new refresh token is on disk (`captured`), it was
            known, there was none, it is older than a revocation or forgetting (`shut_out`), it is
            kept apart because its ID token contradicts the message (`quarantined`); a login is
            `bound`, or still `waiting` for a capture that proves its account; or all was
            `forgotten`.
        decision: for `decide` and `login`.
        reason: why so; of a `capture`, what keeps a binding from claiming it.
        consent_url: where to send the browser for consent; without it the IdP asks Google itself.
        profile: the profile of a `login`, without tokens.
    """

    result: Result | None = None
    decision: Literal["continue", "consent"] | None = None
    reason: str | None = None
    consent_url: str | None = None
    profile: Any = None
