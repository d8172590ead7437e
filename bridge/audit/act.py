"""What there is to tell: one act or change, as its author describes it.

Owns the words of the audit record. Where and in which order events are kept is `log`'s.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bridge.model import BRIDGE, HOOK, USER, Cause

__all__ = ["BRIDGE", "EVERYWHERE", "HOOK", "USER", "Act", "ActType", "Cause"]

EVERYWHERE: Final = ""
"""The tenant of what concerns them all; only those who see every tenant are told."""


class ActType(StrEnum):
    """What happened."""

    # To a grant; told by the vault's own writes, so that no change goes untold.
    LOGIN_SEEN = "login_seen"  # a login was seen, and never a refresh token
    CAPTURED = "captured"
    PROVEN = "proven"  # may serve for the first time, by a consent that Google has just answered
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
    DOUBTED = "doubted"  # after a restore: it must prove itself before it serves
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
    # By operators; of no tenant in particular.
    CALLER_CREATED = "caller_created"
    CALLER_ROTATED = "caller_rotated"
    CALLER_REVOKED = "caller_revoked"
    KEY_ADDED = "key_added"
    KEY_RETIRED = "key_retired"
    KEYS_ROTATED = "keys_rotated"
    STORE_RESTORED = "store_restored"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        type: what.
        tenant: whose record it goes into; EVERYWHERE where it concerns no tenant in particular.
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
