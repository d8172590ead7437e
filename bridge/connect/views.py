"""What the app's backend is told of a link, and how it asks for one.

Owns names, types and bounds on the wire; the OpenAPI document is generated from them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from bridge.model import Link, LinkStatus
from bridge.parsing import Name, Word
from bridge.secret import Secret

# Google shows some refusals on a page of its own that leads nowhere.
ABANDONED_AFTER_S: Final = 15 * 60
_LONGEST_URL: Final = 2048

Url = Annotated[str, Meta(min_length=1, max_length=_LONGEST_URL, pattern=r"^[!-~]+$(?!\n)")]
OneTimeCode = Annotated[str, Meta(max_length=60, pattern=r"^[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{43}$")]


class ShownStatus(StrEnum):
    """How far a link has come, as its backend sees it."""

    CREATED = "created"
    STARTED = "started"
    ABANDONED = "abandoned"
    DENIED = "denied"
    WRONG_ACCOUNT = "wrong_account"
    FAILED = "failed"
    CONNECTED = "connected"
    PARTIAL = "partial"
    EXPIRED = "expired"


class LinkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link that is wanted.

    Attributes:
        tenant, subject: whose account is to be connected.
        client: the Google client; without it the tenant's one for data, else its first.
        scopes: what the app needs; the sign-in scopes are always asked for.
        return_to: where the user goes afterwards, one of the tenant's `return_to`.
        account: it must be this Google account: its `sub` or its address.
        choose_account: let the user choose, as for a second account.
    """

    tenant: Name
    subject: Name
    scopes: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=100)]
    return_to: Url
    client: Word | None = None
    account: Word | None = None
    choose_account: bool = False


class LinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new link.

    Attributes:
        id: by which to ask how far it has come; it does not open the link.
        url: for the user's browser, once.
        expires_at: Unix seconds.
    """

    id: str
    url: Secret
    expires_at: int


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a link has come.

    Attributes:
        status: see docs/connect.md.
        reason: why it failed.
        missing: scopes that the user left out.
        grant: the grant that it became, once its code was redeemed.
        created_at, started_at, expires_at: Unix seconds.
    """

    id: str
    tenant: str
    subject: str
    client: str
    scopes: tuple[str, ...]
    status: ShownStatus
    reason: str | None
    missing: tuple[str, ...]
    grant: str | None
    created_at: int
    started_at: int | None
    expires_at: int


class ConnectionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user's browser brought home.

    Attributes:
        code: the one-time code.
        subject: of the session that this browser has at the app: never of a request's parameter.
        tenant: if it is given, the link must be of it.
    """

    code: OneTimeCode
    subject: Name
    tenant: Name | None = None

    def __repr__(self) -> str:
        return "ConnectionRequest(…)"


def view(link: Link, now: float) -> LinkView:
    """Return what is told of a link."""
    return LinkView(
        id=link.id,
        tenant=link.tenant,
        subject=link.subject,
        client=link.client_id,
        scopes=link.scopes,
        status=_shown(link, now),
        reason=link.reason,
        missing=link.missing,
        grant=link.grant,
        created_at=link.created_at,
        started_at=last_started(link),
        expires_at=link.expires_at,
    )


def is_abandoned(link: Link, now: float) -> bool:
    """Tell whether a user went to Google and never came back."""
    at = last_started(link)
    is_out = link.status is LinkStatus.STARTED and at is not None
    return is_out and at is not None and now >= at + ABANDONED_AFTER_S


def last_started(link: Link) -> int | None:
    """Return when a link's last trip began."""
    return max((attempt.started_at for attempt in link.attempts), default=None)


def _shown(link: Link, now: float) -> ShownStatus:
    if is_abandoned(link, now):
        return ShownStatus.ABANDONED
    if link.status is LinkStatus.CREATED and now >= link.expires_at:
        return ShownStatus.EXPIRED
    return ShownStatus(link.status.value)
