"""What the login hook brings before it is a grant: captures, bindings, farewells, answers.

Owns where these live and for how long. All of an account's records share a partition, so that a
capture, its message's answer and the grant are committed together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bridge.clock import Clock
from bridge.model import Binding, Farewell, Recorded, Unbound
from bridge.store.base import Op, Query, Ref, Row
from bridge.vault.records import Held, Index, Records
from bridge.vault.refresh_tokens import key_id_of

UNBOUND_KEPT_S: Final = 90 * 24 * 3600
MESSAGE_KEPT_S: Final = 14 * 24 * 3600
CLAIMED_KEPT_S: Final = 24 * 3600

_WAITING: Final = "waiting"

MESSAGE: Final = "message"
GUARD: Final = "guard"
UNBOUND: Final = "unbound"
BINDING: Final = "binding"
FAREWELL: Final = "farewell"


class Message(NamedTuple):
    """A hook message by its id, with the keyed hash of its body."""

    tenant: str
    id: str
    digest: bytes


class Inbox:
    """Reads these records, and makes the writes of a message's one commit."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._hasher = records.keys.hasher
        self._clock = clock

    def guard(self, message: Message) -> Row:
        """Return the row that ties a message id to one body, whatever account it is about."""
        name = self._hasher.index("message", message.tenant, message.id)
        return Row(
            ref=Ref(GUARD, name, GUARD),
            version=1,
            body=message.digest,
            tenant=message.tenant,
            expires_at=self._in(MESSAGE_KEPT_S),
        )

    def is_reused(self, message: Message) -> bool:
        """Tell whether the id came before with another body."""
        row = self._records.store.get(self.guard(message).ref)
        return row is not None and row.body != message.digest

    def answer(self, partition: str, message: Message) -> bytes | None:
        """Return the recorded answer to a message, or None."""
        held = self._records.get(self._message_ref(partition, message), Recorded)
        return None if held is None else held.record.answer

    def record_answer(self, partition: str, message: Message, answer: bytes) -> Op:
        """Return the write of a message's answer."""
        index = Index(tenant=message.tenant, expires_at=self._in(MESSAGE_KEPT_S))
        return self._records.put(
            self._message_ref(partition, message), Recorded(answer=answer), index
        )

    def keep_unbound(self, partition: str, tenant: str, unbound: Unbound) -> Op | None:
        """Return the write of a capture that nobody has claimed; None if it is kept already."""
        mark = unbound.token.mark.hex() if unbound.token else ""
        # Its standing is a part of its name: a proven capture is not lost to an unproven one of the
        # same login that came before.
        standing = "verified" if unbound.verified else "pending" if unbound.id_token else "claimed"
        name = self._hasher.index("unbound", unbound.login, unbound.client_id, mark, standing)
        ref = Ref(UNBOUND, partition, name)
        if self._records.store.get(ref) is not None:
            return None
        index = Index(tenant=tenant, expires_at=self._in(UNBOUND_KEPT_S))
        sealed = unbound.token.sealed if unbound.token else unbound.id_token
        return self._records.put(ref, unbound, index, key_id=key_id_of(sealed) if sealed else None)

    def unbound(self, partition: str) -> Sequence[Held[Unbound]]:
        """Return the unclaimed captures of an account."""
        return list(self._records.every(Query(UNBOUND, partition=partition), Unbound))

    def binding(self, partition: str, login: str) -> Held[Binding] | None:
        """Return whose a login is, if that was said."""
        return self._records.get(self._binding_ref(partition, login), Binding)

    def keep_binding(self, partition: str, tenant: str, binding: Binding) -> Op:
        """Return the write of a login's one binding."""
        index = Index(tenant=tenant, state=_WAITING, expires_at=self._in(UNBOUND_KEPT_S))
        return self._records.put(self._binding_ref(partition, binding.login), binding, index)

    def has_claimed(self, binding: Held[Binding]) -> bool:
        """Tell whether a binding has claimed a capture."""
        return binding.index.state != _WAITING

    def retire_binding(self, binding: Held[Binding]) -> Op | None:
        """Return the write that notes a binding's first claim; None if it is noted.

        It stays for a day, for more captures of the same login, and is no longer looked after: an
        account's bindings would otherwise grow by one a login.
        """
        if self.has_claimed(binding):
            return None
        index = Index(tenant=binding.index.tenant, expires_at=self._in(CLAIMED_KEPT_S))
        return self._records.replace(binding, binding.record, index)

    def bindings(self, partition: str) -> Sequence[Held[Binding]]:
        """Return the bindings of an account's logins."""
        return list(self._records.every(Query(BINDING, partition=partition), Binding))

    def waiting_partitions(self) -> Iterator[tuple[str, str]]:
        """Yield (tenant, partition) wherever a binding has not claimed anything yet."""
        start: Ref | None = None
        last = ""
        while rows := self._records.store.list(Query(BINDING, state=_WAITING, after=start)):
            for row in rows:
                if row.ref.partition != last:
                    last = row.ref.partition
                    yield row.tenant, last
            start = rows[-1].ref

    def login(self, tenant: str, login_id: str) -> str:
        """Return the keyed hash of a login."""
        return self._hasher.index("login", tenant, login_id)

    def subject_partition(self, tenant: str, subject: str) -> str:
        """Return the partition of what is kept about a subject and no account."""
        return self._hasher.index("subject-partition", tenant, subject)

    def bid_farewell(self, tenant: str, subject: str, account_sub: str | None, at: int) -> None:
        """Note, durably, that nothing of a subject from up to `at` may come back."""
        ref = self._farewell_ref(tenant, subject, account_sub)

        def later(present: Farewell | None) -> tuple[Farewell, Index] | None:
            if present is not None and present.at >= at:
                return None
            index = Index(tenant=tenant, expires_at=self._in(UNBOUND_KEPT_S))
            return Farewell(subject=subject, at=at), index

        self._records.upsert(ref, Farewell, later)

    def left_at(self, tenant: str, subject: str, account_sub: str) -> int | None:
        """Return up to when nothing of this subject and account may come back, or None."""
        times = [
            held.record.at
            for sub in (account_sub, None)
            if (held := self._records.get(self._farewell_ref(tenant, subject, sub), Farewell))
        ]
        return max(times, default=None)

    def _farewell_ref(self, tenant: str, subject: str, account_sub: str | None) -> Ref:
        partition = self.subject_partition(tenant, subject)
        return Ref(FAREWELL, partition, self._hasher.index("farewell", account_sub or ""))

    def _binding_ref(self, partition: str, login: str) -> Ref:
        return Ref(BINDING, partition, self._hasher.index("binding", login))

    def _message_ref(self, partition: str, message: Message) -> Ref:
        return Ref(MESSAGE, partition, self._hasher.index("message", message.tenant, message.id))

    def _in(self, seconds: int) -> int:
        return int(self._clock.now()) + seconds
