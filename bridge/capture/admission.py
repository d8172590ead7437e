"""The one door through which refresh tokens enter grants.

Owns finding or making the grant, and keeping out what a farewell shut out. Hook, joining and import
all go through it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.clock import Clock
from bridge.model import HOOK, Account, Cause, Grant, RefreshToken, State
from bridge.store.base import Op
from bridge.tokens.clients import Clients
from bridge.vault import endings, lifecycle
from bridge.vault.grants import Grants, Identity
from bridge.vault.inbox import Inbox
from bridge.vault.records import Held

log = structlog.get_logger(__name__)

HOOK_TOLD: Final = Cause(HOOK)


class Fate(Enum):
    """What becomes of a refresh token at the door."""

    TAKEN = auto()
    KNOWN = auto()
    SHUT_OUT = auto()  # from before a revocation or a forgetting
    ABSENT = auto()  # none came


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A login's refresh token on its way into a grant.

    Attributes:
        identity: whose grant it is.
        account: with its labels.
        token: the refresh token, if one came.
        time: when the login was; UNKNOWN_TIME is before everything.
        cause: who brings it.
    """

    identity: Identity
    account: Account
    token: RefreshToken | None
    time: int
    cause: Cause = HOOK_TOLD


@dataclass(frozen=True, slots=True)
class Entry:
    """What would become of an arrival.

    Attributes:
        ops: the writes, none if there is nothing to write.
        fate: of the refresh token.
        grant: as it is then; None if none is left, or none was written down.
    """

    ops: tuple[Op, ...]
    fate: Fate
    grant: Grant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Lets refresh tokens into grants."""

    grants: Grants
    inbox: Inbox
    clients: Clients
    clock: Clock

    def enter(self, arrival: Arrival) -> Entry:
        """Return the write that lets an arrival in; one without a token leaves a `missing` grant.

        Of whoever left, nothing is written down anew by a message from before.
        """
        identity, token = arrival.identity, arrival.token
        held = self.grants.at(self.grants.ref(identity))
        left = self.inbox.left_at(identity.tenant, identity.subject, identity.account_sub)
        if held is None and left is not None and arrival.time <= left:
            return Entry((), Fate.SHUT_OUT if token else Fate.ABSENT, None)
        before = self._present(held, identity, arrival.account)
        after = self._admitted(before, identity, token, left) if token else _bare(before)
        fate = _fate(before, after, token)
        if after.state is State.FORGOTTEN:
            return Entry(self._still_forgotten(held, after, arrival.cause), fate, None)
        if held is not None and after == held.record:
            return Entry((), fate, after)
        return Entry(self.grants.write(held, after, arrival.cause), fate, after)

    def recheck_farewell(self, identity: Identity, time: int) -> None:
        """Forget again what came in while its subject was leaving.

        A farewell is written before grants are forgotten, and looked for once more after they were
        written: whichever came second sees the other.

        Args:
            identity: whose grant was written.
            time: of the login that it was written for.
        """
        left = self.inbox.left_at(identity.tenant, identity.subject, identity.account_sub)
        held = self.grants.at(self.grants.ref(identity)) if left is not None else None
        if left is None or held is None:
            return
        grant = held.record
        is_bare = grant.state is State.MISSING and time <= left
        if is_bare or any(token.time <= left for token in grant.tokens):
            now = int(self.clock.now())
            self.grants.update(held.ref, lambda g: endings.forget(g, left, now), HOOK_TOLD)

    def _present(self, held: Held[Grant] | None, identity: Identity, account: Account) -> Grant:
        if held is None:
            return self.grants.new(identity, account)
        if held.record.state is State.FORGOTTEN:
            return self.grants.returned(held, identity, account)
        return _labelled(held.record, account)

    def _admitted(
        self, grant: Grant, identity: Identity, token: RefreshToken, left: int | None
    ) -> Grant:
        if left is not None and left > (grant.forgotten_at or 0):
            grant = replace(grant, forgotten_at=left)
        now = int(self.clock.now())
        admitted = lifecycle.admit(grant, token, now)
        is_in = any(token.mark == own.mark for own in admitted.candidates)
        if is_in and self.clients.find(identity.tenant, identity.client_id) is None:
            log.warning("client_not_configured", tenant=identity.tenant, client=identity.client_id)
            return lifecycle.refuse(admitted, token.mark, "wrong_client", now)
        return admitted

    def _still_forgotten(
        self, held: Held[Grant] | None, after: Grant, cause: Cause
    ) -> tuple[Op, ...]:
        blank = replace(after, subject="", account=Account(sub=""))
        if held is not None and blank == held.record:
            return ()
        return self.grants.write(held, blank, cause)


def _bare(grant: Grant) -> Grant:
    """Note of a grant that never had a refresh token that its user was seen without one."""
    return replace(grant, began_missing=True) if grant.state is State.MISSING else grant


def _fate(before: Grant, after: Grant, token: RefreshToken | None) -> Fate:
    if token is None:
        return Fate.ABSENT
    if _holds(before, token) or token.mark in before.seen:
        return Fate.KNOWN
    return Fate.TAKEN if _holds(after, token) else Fate.SHUT_OUT


def _holds(grant: Grant, token: RefreshToken) -> bool:
    return any(token.mark == own.mark for own in grant.tokens)


def _labelled(grant: Grant, account: Account) -> Grant:
    """Take the labels that were told over; the account's identity is the grant's for ever."""
    email = account.email or grant.account.email
    hosted_domain = account.hosted_domain or grant.account.hosted_domain
    labelled = replace(grant.account, email=email, hosted_domain=hosted_domain)
    return grant if labelled == grant.account else replace(grant, account=labelled)
