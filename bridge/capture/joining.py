"""Joining the captures of logins with what was said of whose logins they are.

Owns which capture a binding may claim: one whose account Google proved, and no other. With it the
subject gets what earlier logins of that account left behind unbound. Captures and bindings come in
any order, and from many processes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.capture.admission import Admission, Arrival
from bridge.capture.evidence import Examiner, Standing
from bridge.capture.wire import AccountHint
from bridge.errors import BridgeError, Code
from bridge.model import Binding, Unbound
from bridge.store.base import StoreConflictError
from bridge.vault.grants import Identity
from bridge.vault.inbox import Inbox
from bridge.vault.records import Held, Records
from bridge.vault.refresh_tokens import NO_MARK, Owner, RefreshTokens

log = structlog.get_logger(__name__)

_TRIES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Joins captures with bindings."""

    records: Records
    tokens: RefreshTokens
    inbox: Inbox
    examiner: Examiner
    admission: Admission

    def join(self, tenant: str, partition: str) -> int:
        """Give every capture that a binding claims to its subject; returns how many.

        Only a login with an ID token that Google signed for that account is claimed.
        """
        bindings = self.inbox.bindings(partition)
        captures = self.inbox.unbound(partition) if bindings else ()
        return sum(self._joined(tenant, partition, capture, bindings) for capture in captures)

    def is_claimable(self, tenant: str, partition: str, login: str) -> bool:
        """Tell whether a capture of a login is there whose account Google proved."""
        return any(
            held.record.login == login and self._proven(tenant, partition, held.record) is not None
            for held in self.inbox.unbound(partition)
        )

    def _joined(
        self,
        tenant: str,
        partition: str,
        unbound: Held[Unbound],
        bindings: Sequence[Held[Binding]],
    ) -> bool:
        """Join one capture; one that cannot be read or written leaves the others alone."""
        binding = _claims(unbound.record, bindings)
        if binding is None:
            return False
        try:
            proven = self._proven(tenant, partition, unbound.record)
            return proven is not None and self._claim(tenant, unbound, binding, proven)
        except BridgeError as error:
            if error.code is Code.STORE_UNAVAILABLE:
                raise
            log.error("join_failed", code=error.code.value, **error.context)
            return False

    def _proven(self, tenant: str, partition: str, unbound: Unbound) -> Unbound | None:
        """Return a capture whose account Google proved, with what its ID token says; else None."""
        if unbound.verified or unbound.id_token is None:
            return unbound if unbound.verified else None
        try:
            id_token = self.tokens.open_text(Owner(tenant, partition), NO_MARK, unbound.id_token)
        except BridgeError as error:
            log.error("capture_unreadable", code=error.code.value, **error.context)
            return None
        told = unbound.account
        hint = AccountHint(sub=told.sub, email=told.email, hd=told.hosted_domain)
        account, iat, standing = self.examiner.verify(hint, unbound.client_id, id_token)
        if standing is not Standing.VERIFIED or iat is None:
            return None
        token = unbound.token and replace(unbound.token, time=iat, account_proven=True)
        return replace(unbound, account=account, token=token, time=iat, verified=True)

    def _claim(
        self, tenant: str, unbound: Held[Unbound], binding: Held[Binding], proven: Unbound
    ) -> bool:
        subject, account = binding.record.subject, proven.account
        arrival = Arrival(
            identity=Identity(tenant, subject, account.sub, proven.client_id),
            account=account,
            token=proven.token,
            time=proven.time,
        )
        retirement = self.inbox.retire_binding(binding)
        for _ in range(_TRIES):
            entry = self.admission.enter(arrival)
            ops = [self.records.delete(unbound), *entry.ops]
            if retirement is not None:
                ops.append(retirement)
            try:
                self.records.store.commit(ops)
            except StoreConflictError as conflict:
                if conflict.ref == unbound.ref:
                    return False  # another process joined it
                if conflict.ref == binding.ref:
                    retirement = None  # it has claimed another capture meanwhile
                continue
            self.admission.recheck_farewell(arrival.identity, arrival.time)
            self._take_along(arrival.identity, unbound.ref.partition)
            return True
        log.warning("join_postponed", tenant=tenant, partition=unbound.ref.partition)
        return False

    def _take_along(self, heir: Identity, partition: str) -> None:
        """Give a subject what the same account's earlier logins captured and nobody claimed.

        A user who gives up on the IdP's own pages leaves a refresh token behind, and Google gives
        none at the next login. It stays where it is too: its own binding may only be late.
        """
        bindings = self.inbox.bindings(partition)
        for held in self.inbox.unbound(partition):
            left = held.record
            is_other = left.client_id != heir.client_id or left.token is None
            if is_other or _claims(left, bindings) is not None:
                continue
            proven = self._proven(heir.tenant, partition, left)
            if proven is not None:
                self._copy(heir, proven)

    def _copy(self, heir: Identity, proven: Unbound) -> None:
        arrival = Arrival(
            identity=heir, account=proven.account, token=proven.token, time=proven.time
        )
        for _ in range(_TRIES):
            entry = self.admission.enter(arrival)
            try:
                self.records.store.commit(entry.ops)
            except StoreConflictError:
                continue
            self.admission.recheck_farewell(heir, arrival.time)
            return


def _claims(unbound: Unbound, bindings: Sequence[Held[Binding]]) -> Held[Binding] | None:
    return next(
        (
            held
            for held in bindings
            if held.record.login == unbound.login and held.record.account_sub == unbound.account.sub
        ),
        None,
    )
