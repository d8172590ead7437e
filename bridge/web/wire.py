"""What the internal API takes and answers, beside tokens, grants and preflights.

Owns names, types and bounds; the OpenAPI document is generated from them.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bridge.admin.views import ShownState
from bridge.parsing import Name, Word
from bridge.tokens.wire import TokenAnswer, TokenRequest
from bridge.web.reply import Problem


class TokensRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several token requests at once."""

    requests: Annotated[tuple[TokenRequest, ...], Meta(min_length=1, max_length=500)]


class TokenResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one of them: a token, or why not."""

    token: TokenAnswer | None = None
    error: Problem | None = None


class TokensAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answers, in the order of the requests."""

    answers: tuple[TokenResult, ...]


class GrantsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which grants to list: those to whom all that is given applies.

    Attributes:
        domain: the account's Workspace domain, or its email's.
        idle_since: Unix seconds after which no refresh succeeded.
        missing_scope: a scope that is not granted.
        no_usable_grant: only of users none of whose grants can serve.
        after: the `next` of the page before.
    """

    tenant: Name
    state: ShownState | None = None
    reason: Word | None = None
    domain: Word | None = None
    idle_since: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    missing_scope: Word | None = None
    no_usable_grant: bool = False
    after: Annotated[str, Meta(max_length=34, pattern="^g_[A-Za-z0-9_-]{32}$")] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class ProfileRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profile on its way to a client."""

    profile: Any

    def __repr__(self) -> str:
        # It is here because it may hold tokens.
        return "ProfileRequest(…)"


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a token was, and how it was known; never the token."""

    path: str
    why: str


class ProfileAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The profile without tokens, and what was removed."""

    profile: Any
    removed: tuple[Removed, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """That the process answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """That the process can serve, and what of the store's set-up could lose grants all the same."""

    status: str
    risks: tuple[str, ...]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What runs."""

    name: str
    version: str


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of the hook's (RFC 7517, RFC 7518 section 6.2)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class PublicKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A JWK set, the key to encrypt to first."""

    keys: tuple[PublicKey, ...]
