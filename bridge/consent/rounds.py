"""The rounds in which users were asked to consent: one record a subject and client.

Owns these records and the marks that an order leaves on the users it had asked. What a round came
to is `history`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.audit.act import Act, ActType
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.consent.history import asked_anew, ended
from bridge.model import BRIDGE, HOOK, USER, Asked, Cause, Order, Outcome, Round
from bridge.store.base import Op, Query, Ref, StoreConflictError
from bridge.vault.inbox import Inbox
from bridge.vault.records import Held, Index, Records

KIND: Final = "round"
ASKED: Final = "asked"

OPEN: Final = "asked"
"""The state of a mark while nothing has come of it."""

_KEPT_S: Final = 100 * 24 * 3600  # longer than any rest
_ACTS: Final = {
    Outcome.GIVEN: (ActType.CONSENT_GIVEN, HOOK),
    Outcome.DENIED: (ActType.CONSENT_DENIED, USER),
    Outcome.ABANDONED: (ActType.CONSENT_ABANDONED, BRIDGE),
}


@dataclass(frozen=True, slots=True)
class Rounds:
    """Reads rounds, and makes the writes about them."""

    records: Records
    inbox: Inbox
    audit: AuditLog
    clock: Clock

    def of(self, tenant: str, subject: str) -> dict[str, Held[Round]]:
        """Return a subject's last round for each client."""
        query = Query(KIND, partition=self.inbox.subject_partition(tenant, subject))
        return {held.record.client_id: held for held in self.records.every(query, Round)}

    def settle(self, tenant: str, subject: str, client_id: str, outcome: Outcome) -> None:
        """Write down what came of the round under way; nothing if none is.

        For whoever sees the end of it with own eyes. A denial or an abandonment gives way to a
        consent that came after all.
        """
        while (held := self.of(tenant, subject).get(client_id)) is not None:
            before = held.record.outcome
            if before in (outcome, Outcome.GIVEN) or (before and outcome is not Outcome.GIVEN):
                return
            after = ended(held.record, outcome, int(self.clock.now()))
            try:
                self.records.store.commit(self.settling(tenant, {client_id: held}, [after]))
            except StoreConflictError:
                continue
            return

    def settling(
        self, tenant: str, before: Mapping[str, Held[Round]], after: Iterable[Round]
    ) -> list[Op]:
        """Return the writes of rounds that have become others than they were."""
        ops: list[Op] = []
        for last in after:
            held = before[last.client_id]
            if held.record == last:
                continue
            ops.append(self.records.replace(held, last))
            if last.outcome is not None and held.record.outcome is not last.outcome:
                ops += self._told(tenant, last, last.outcome)
        return ops

    def asking(
        self,
        tenant: str,
        new: Round,
        orders: Iterable[Order],
        before: Held[Round] | None,
        last: Round | None,
    ) -> list[Op]:
        """Return the writes of a new round.

        Args:
            tenant: whose subject is asked.
            new: the round.
            orders: those behind it.
            before: the record that it takes the place of.
            last: that record as it has been settled since.
        """
        partition = self.inbox.subject_partition(tenant, new.subject)
        round_ = asked_anew(last, new)
        index = Index(tenant=tenant, expires_at=new.asked_at + _KEPT_S)
        ref = Ref(KIND, partition, self.records.keys.hasher.index("round", new.client_id))
        ops: list[Op] = []
        if before is None:
            ops.append(self.records.put(ref, round_, index))
        else:
            ops.append(self.records.replace(before, round_, index))
            if last is not None and last.outcome is not None and last != before.record:
                # It ends in the same commit in which the next one takes its place. A mark that the
                # new round writes is not written twice.
                reused = {order.id for order in orders}
                rest = replace(last, orders=tuple(o for o in last.orders if o not in reused))
                ops += self._told(tenant, rest, last.outcome)
        return [*ops, *(self._marked(order, partition, new.asked_at) for order in orders)]

    def is_fulfilled(self, order: Order, subject: str) -> bool:
        """Tell whether a user has consented because of an order."""
        partition = self.inbox.subject_partition(order.tenant, subject)
        row = self.records.store.get(self._mark_ref(order.id, partition))
        return row is not None and row.state == Outcome.GIVEN

    def _marked(self, order: Order, partition: str, now: int) -> Op:
        ref = self._mark_ref(order.id, partition)
        index = Index(
            tenant=order.tenant, subject=order.id, state=OPEN, expires_at=order.expires_at
        )
        mark = Asked(order=order.id, at=now)
        held = self.records.get(ref, Asked)
        if held is None:
            return self.records.put(ref, mark, index)
        return self.records.replace(held, mark, index)

    def _told(self, tenant: str, last: Round, outcome: Outcome) -> Iterable[Op]:
        """Yield what else is written when a round ends: on its orders' marks, and in the audit."""
        partition = self.inbox.subject_partition(tenant, last.subject)
        for order in last.orders:
            mark = self.records.get(self._mark_ref(order, partition), Asked)
            if mark is not None and mark.index.state != Outcome.GIVEN:
                index = replace(mark.index, state=outcome.value)
                yield self.records.replace(mark, mark.record, index)
        kind, actor = _ACTS[outcome]
        act = Act(
            type=kind,
            tenant=tenant,
            cause=Cause(actor),
            subject=last.subject,
            client=last.client_id,
            details=_details(last),
        )
        yield self.audit.op(partition, act)

    def _mark_ref(self, order_id: str, partition: str) -> Ref:
        return Ref(ASKED, partition, self.records.keys.hasher.index("asked", order_id))


def _details(last: Round) -> tuple[tuple[str, str], ...]:
    return tuple(("order", order) for order in last.orders)
