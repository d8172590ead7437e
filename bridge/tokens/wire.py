"""A token request and its answer, as they travel.

Owns names, types and bounds of both; the OpenAPI document is generated from them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.parsing import Label, Name, Word
from bridge.secret import Secret

Fingerprint = Annotated[str, Meta(max_length=19, pattern="^fp_[0-9a-f]{16}$")]

LONGEST_MIN_TTL_S = 1800


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backend asks for: `subject` in a tenant or a pinned `grant`, by scopes or actions.

    Attributes:
        tenant: the tenant; may be left out with `grant`.
        subject: the IdP's user id.
        grant: a grant's id, to pin it.
        account: the Google account's `sub`, where a subject has several.
        client: the Google client id, where a tenant has several.
        scopes: the token must carry all of these.
        actions: or it must allow all of these API methods, such as `calendar.events.list`.
        min_ttl: seconds the token should still live, if that can be had without haste.
        rejected: the fingerprint of a token that Google answered with 401: forces one refresh.
        run: a label of the caller's own for the log.
    """

    tenant: Name | None = None
    subject: Name | None = None
    grant: Word | None = None
    account: Word | None = None
    client: Word | None = None
    scopes: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()
    actions: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()
    min_ttl: Annotated[int, Meta(ge=0, le=LONGEST_MIN_TTL_S)] = 300
    rejected: Fingerprint | None = None
    run: Label | None = None


class AccountLabel(msgspec.Struct, frozen=True, kw_only=True):
    """The Google account that a token is for."""

    sub: str
    email: str | None


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token and what it is good for.

    Attributes:
        access_token: to be sent to Google as `Authorization: Bearer`.
        token_type: always `Bearer`.
        scope: what it covers, separated by blanks.
        grant: the grant's id, which can be pinned.
        account: whose it is.
        expires_at: Unix seconds.
        expires_in: seconds from now.
    """

    access_token: Secret
    token_type: str = "Bearer"  # noqa: S105 - RFC 6749's name of a type
    scope: str
    grant: str
    account: AccountLabel
    expires_at: int
    # The last: an answer that is given again is another in this alone.
    expires_in: int
