"""What is shown of a grant: its state, and nothing that could be used.

Owns the wire form of grants and revocations; the OpenAPI document is generated from it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from bridge.model import Grant, State


class ShownState(StrEnum):
    """The states that somebody is shown: all of `State` but that of a forgotten grant."""

    MISSING = State.MISSING.value
    UNVERIFIED = State.UNVERIFIED.value
    ACTIVE = State.ACTIVE.value
    REAUTH_REQUIRED = State.REAUTH_REQUIRED.value
    BLOCKED = State.BLOCKED.value
    REVOKING = State.REVOKING.value
    REVOKED = State.REVOKED.value


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """A Google account."""

    sub: str
    email: str | None
    hd: str | None


class GrantView(msgspec.Struct, frozen=True, kw_only=True):
    """A grant without its secrets.

    Attributes:
        id: by which it can be pinned.
        scopes: proven ones.
        candidates: how many captured refresh tokens no refresh has proven yet.
        has_spare: whether another proven refresh token would take over.
        captured: how many refresh tokens were ever captured; Google keeps 100 alive.
        created_at, changed_at, refreshed_at: Unix seconds.
    """

    id: str
    tenant: str
    subject: str
    account: AccountView
    client: str
    state: ShownState
    reason: str | None
    scopes: tuple[str, ...]
    candidates: int
    has_spare: bool
    captured: int
    created_at: int
    changed_at: int
    refreshed_at: int | None


class GrantPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some grants, and where the next page begins; `next` is null on the last."""

    grants: tuple[GrantView, ...]
    next: str | None


class RevokeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to revoke: `dry_run` only tells what would end."""

    dry_run: bool = False


class RevokeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What ends, or ended.

    Attributes:
        grant: the revoked grant's id.
        state: its state now.
        also: ids of the grants that end with it, of the same account and Google project.
    """

    grant: str
    state: ShownState
    also: tuple[str, ...]


class RecheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a recheck found.

    Attributes:
        tried: whether Google was asked; not where no refresh token is left to ask with.
        grant: as it is now.
    """

    tried: bool
    grant: GrantView


def view(grant: Grant) -> GrantView:
    """Return what is shown of a grant."""
    account = grant.account
    return GrantView(
        id=grant.id,
        tenant=grant.tenant,
        subject=grant.subject,
        account=AccountView(sub=account.sub, email=account.email, hd=account.hosted_domain),
        client=grant.client_id,
        state=ShownState(grant.state.value),
        reason=grant.reason,
        scopes=grant.granted,
        candidates=len(grant.candidates),
        has_spare=grant.spare is not None,
        captured=grant.consents,
        created_at=grant.created_at,
        changed_at=grant.changed_at,
        refreshed_at=grant.refreshed_at,
    )
