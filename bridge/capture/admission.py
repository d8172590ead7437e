"""The one door through which refresh tokens enter grants.

Owns finding or making the grant, keeping out what a farewell shut out, and joining captures with
their bindings. Hook and import both go through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.capture.evidence import Examiner, Standing
from bridge.capture.wire import AccountHint
from bridge.clock import Clock
from bridge.model import Account, Binding, Grant, RefreshToken, State, Unbound
from bridge.store.base import Op, StoreConflictError
from bridge.tokens.clients import Clients
from bridge.vault import endings, lifecycle
from bridge.vault.grants import Grants, Identity
from bridge.vault.inbox import Inbox
from bridge.vault.records import Held, Records
from bridge.vault.refresh_tokens import NO_MARK, Owner, RefreshTokens

log = structlog.get_logger(__name__)

_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """What would become of a refresh token.

    Attributes:
        op: the write, None if there is nothing to write.
        is_new: whether the grant gains a refresh token.
    """

    op: Op | None
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Lets refresh tokens into grants."""

    records: Records
    grants: Grants
    tokens: RefreshTokens
    inbox: Inbox
    clients: Clients
    examiner: Examiner
    clock: Clock

    def enter(self, identity: Identity, account: Account, token: RefreshToken | None) -> Entry:
        """Return the write that lets a token in; a login without one leaves a `missing` grant."""
        held = self.grants.at(self.grants.ref(identity))
        before = self._present(held, identity, account)
        after = before if token is None else self._admitted(before, identity, token)
        if held is not None and after == held.record:
            return Entry(None, is_new=False)
        if after.state is State.FORGOTTEN:
            return self._still_forgotten(held, after)
        op = self.grants.write(held, after)
        return Entry(op, is_new=len(after.tokens) > len(before.tokens))

    def recheck_farewell(self, identity: Identity) -> None:
        """Forget again what came in while its subject was leaving.

        A farewell is written before grants are forgotten, and looked for once more after they were
        written: whichever came second sees the other.
        """
        left = self.inbox.left_at(identity.tenant, identity.subject, identity.account_sub)
        if left is None:
            return
        held = self.grants.at(self.grants.ref(identity))
        if held is not None and any(token.time <= left for token in held.record.tokens):
            now = int(self.clock.now())
            self.grants.update(held.ref, lambda g: endings.forget(g, left, now))

    def join(self, tenant: str, partition: str) -> int:
        """Give every capture that a binding claims to its subject; returns how many.

        Only a login with an ID token that Google signed for that account is claimed.
        """
        joined = 0
        bindings = self.inbox.bindings(partition)
        for unbound in self.inbox.unbound(partition) if bindings else ():
            binding = _claims(unbound.record, bindings)
            if binding is not None and self._is_verified(tenant, partition, unbound.record):
                joined += self._claim(tenant, partition, unbound, binding)
        return joined

    def _present(self, held: Held[Grant] | None, identity: Identity, account: Account) -> Grant:
        if held is None:
            return self.grants.new(identity, account)
        if held.record.state is State.FORGOTTEN:
            return self.grants.returned(held, identity, account)
        return _labelled(held.record, account)

    def _admitted(self, grant: Grant, identity: Identity, token: RefreshToken) -> Grant:
        left = self.inbox.left_at(identity.tenant, identity.subject, identity.account_sub)
        if left is not None and left > (grant.forgotten_at or 0):
            grant = replace(grant, forgotten_at=left)
        now = int(self.clock.now())
        admitted = lifecycle.admit(grant, token, now)
        is_in = any(token.mark == own.mark for own in admitted.candidates)
        if is_in and self.clients.find(identity.tenant, identity.client_id) is None:
            log.warning("client_not_configured", tenant=identity.tenant, client=identity.client_id)
            return lifecycle.refuse(admitted, token.mark, "wrong_client", now)
        return admitted

    def _still_forgotten(self, held: Held[Grant] | None, after: Grant) -> Entry:
        blank = replace(after, subject="", account=Account(sub=""))
        if held is not None and blank == held.record:
            return Entry(None, is_new=False)
        return Entry(self.grants.write(held, blank), is_new=False)

    def _is_verified(self, tenant: str, partition: str, unbound: Unbound) -> bool:
        if unbound.verified or unbound.id_token is None:
            return unbound.verified
        id_token = self.tokens.open_text(Owner(tenant, partition), NO_MARK, unbound.id_token)
        hint = AccountHint(sub=unbound.account.sub)
        _, _, standing = self.examiner.verify(hint, unbound.client_id, id_token)
        return standing is Standing.VERIFIED

    def _claim(self, tenant: str, partition: str, unbound: Held[Unbound], binding: Binding) -> int:
        capture = unbound.record
        identity = Identity(tenant, binding.subject, capture.account.sub, capture.client_id)
        for _ in range(_TRIES):
            entry = self.enter(identity, capture.account, capture.token)
            ops = [self.records.delete(unbound)] + ([entry.op] if entry.op else [])
            try:
                self.records.store.commit(ops)
            except StoreConflictError as conflict:
                if conflict.ref == unbound.ref:
                    return 0  # another process joined it
                continue
            self.recheck_farewell(identity)
            return 1
        log.warning("join_postponed", tenant=tenant, partition=partition)
        return 0


def _claims(unbound: Unbound, bindings: Sequence[Held[Binding]]) -> Binding | None:
    return next(
        (
            held.record
            for held in bindings
            if held.record.login == unbound.login and held.record.account_sub == unbound.account.sub
        ),
        None,
    )


def _labelled(grant: Grant, account: Account) -> Grant:
    """Take newer labels over; the account's identity is the grant's and never changes."""
    if (account.email, account.hosted_domain) == (None, None) or account == grant.account:
        return grant
    return replace(grant, account=account)
