"""What there is to tell: one act or change, as its author describes it.

Owns the words of the audit record. Where and in which order events are kept is `log`'s.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class ActType(StrEnum):
    """What happened."""

    # To a grant; told by the vault's own writes, so that no change goes untold.
    LOGIN_SEEN = "login_seen"  # a login was seen, and never a refresh token
    CAPTURED = "captured"
    REFRESH_SUCCEEDED = "refresh_succeeded"
    REFRESH_FAILED = "refresh_failed"
    REVOKED_DETECTED = "revoked_detected"  # Google no longer takes a refresh token
    REAUTH_REQUIRED_SET = "reauth_required_set"
    BLOCKED_SET = "blocked_set"
    RECOVERED = "recovered"  # serves again, after it did not
    REVOKING = "revoking"
    REVOKED = "revoked"
    FORGOTTEN = "forgotten"
    RECHECKED = "rechecked"
    # To a caller's tokens.
    TOKEN_ISSUED = "token_issued"  # noqa: S105 - an event's name
    # To a user's consent.
    CONSENT_FORCED = "consent_forced"
    CONSENT_GIVEN = "consent_given"
    CONSENT_DENIED = "consent_denied"
    CONSENT_ABANDONED = "consent_abandoned"
    CAP_NEAR = "cap_near"  # Google's 100 refresh tokens per account and client
    # In the connect flow.
    LINK_CREATED = "link_created"
    CONNECT_STARTED = "connect_started"
    CONNECTED = "connected"  # redeemed by the app's backend
    CONNECTION_DESTROYED = "connection_destroyed"  # redeemed for another subject
    # By admins.
    ORDER_CREATED = "order_created"
    ORDER_CANCELLED = "order_cancelled"


BRIDGE: Final = "bridge"
"""The actor of what the bridge does by itself."""

HOOK: Final = "hook"
"""The actor of what a tenant's IdP tells."""

USER: Final = "user"
"""The actor of what a user does in a browser."""


class Cause(msgspec.Struct, frozen=True):
    """Who is behind a change, and why.

    Attributes:
        actor: a caller's name, or BRIDGE, HOOK, USER.
        reason: a word for machines.
    """

    actor: str = BRIDGE
    reason: str | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        type: what.
        tenant: whose record it goes into.
        cause: who is behind it, and why.
        subject, account, client, grant: what it is about, as far as it is about that; `account` is
            Google's `sub`.
        before, after: states of the grant.
        tokens: fingerprints or keyed marks of the tokens concerned; never a token.
        details: further pairs for the reader, none of them secret.
    """

    type: ActType
    tenant: str
    cause: Cause = Cause()
    subject: str | None = None
    account: str | None = None
    client: str | None = None
    grant: str | None = None
    before: str | None = None
    after: str | None = None
    tokens: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
