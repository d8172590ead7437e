"""The rounds in which users were asked to consent: one record a subject, one round a client.

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
from bridge.model import BRIDGE, HOOK, USER, Asked, Cause, Order, Outcome, Round, SubjectRounds
from bridge.store.base import Op, Ref, StoreConflictError
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
class Begun:
    """A round that begins, and the orders behind it."""

    round: Round
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Rounds:
    """Reads rounds, and makes the writes about them."""

    records: Records
    inbox: Inbox
    audit: AuditLog
    clock: Clock

    def held(self, tenant: str, subject: str) -> Held[SubjectRounds] | None:
        """Return the record of a subject's rounds."""
        return self.records.get(self._ref(tenant, subject), SubjectRounds)

    def last(self, tenant: str, subject: str) -> dict[str, Round]:
        """Return a subject's last round for each client."""
        return by_client(self.held(tenant, subject))

    def settle(self, tenant: str, subject: str, client_id: str, outcome: Outcome) -> None:
        """Write down what came of the round under way; nothing if none is.

        For whoever sees the end of it with own eyes. A denial or an abandonment gives way to a
        consent that came after all.
        """
        while True:
            held = self.held(tenant, subject)
            rounds = by_client(held)
            last = rounds.get(client_id)
            if last is None or last.outcome in (outcome, Outcome.GIVEN):
                return
            if last.outcome is not None and outcome is not Outcome.GIVEN:
                return
            rounds[client_id] = ended(last, outcome, int(self.clock.now()))
            try:
                self.records.store.commit(self.writes(tenant, subject, held, rounds))
            except StoreConflictError:
                continue
            return

    def writes(
        self,
        tenant: str,
        subject: str,
        before: Held[SubjectRounds] | None,
        settled: Mapping[str, Round],
        begun: Begun | None = None,
    ) -> list[Op]:
        """Return the writes of rounds that ended, and of one that begins.

        Args:
            tenant: whose IdP it is.
            subject: who is asked.
            before: the record that is written over.
            settled: its rounds as they have been settled since.
            begun: the new round; it takes the place of the last one for its client.
        """
        was, after = by_client(before), dict(settled)
        orders: tuple[Order, ...] = ()
        if begun is not None:
            new, orders = begun.round, begun.orders
            after[new.client_id] = asked_anew(settled.get(new.client_id), new)
        if after == was:
            return []
        ops = [self._record(tenant, subject, before, after)]
        partition = self.inbox.subject_partition(tenant, subject)
        ops += (self._marked(order, partition) for order in orders)
        over = [
            (last, last.outcome)
            for client, last in settled.items()
            if last.outcome is not None and last.outcome is not was[client].outcome
        ]
        ops += (self._told(tenant, last, outcome) for last, outcome in over)
        # A mark is written once in a commit, also if several rounds were about its order.
        for order, outcome in _by_order(over).items():
            if order not in {other.id for other in orders}:
                ops += self._settled_mark(order, partition, outcome)
        return ops

    def is_fulfilled(self, order: Order, subject: str) -> bool:
        """Tell whether a user has consented because of an order."""
        partition = self.inbox.subject_partition(order.tenant, subject)
        row = self.records.store.get(self._mark_ref(order.id, partition))
        return row is not None and row.state == Outcome.GIVEN

    def _record(
        self,
        tenant: str,
        subject: str,
        before: Held[SubjectRounds] | None,
        after: Mapping[str, Round],
    ) -> Op:
        rounds = tuple(after[client] for client in sorted(after))
        record = SubjectRounds(rounds=rounds)
        expires_at = max(last.asked_at for last in rounds) + _KEPT_S
        index = Index(tenant=tenant, expires_at=expires_at)
        if before is None:
            return self.records.put(self._ref(tenant, subject), record, index)
        return self.records.replace(before, record, index)

    def _marked(self, order: Order, partition: str) -> Op:
        ref = self._mark_ref(order.id, partition)
        index = Index(
            tenant=order.tenant, subject=order.id, state=OPEN, expires_at=order.expires_at
        )
        mark = Asked(order=order.id, at=int(self.clock.now()))
        held = self.records.get(ref, Asked)
        if held is None:
            return self.records.put(ref, mark, index)
        return self.records.replace(held, mark, index)

    def _settled_mark(self, order: str, partition: str, outcome: Outcome) -> Iterable[Op]:
        mark = self.records.get(self._mark_ref(order, partition), Asked)
        if mark is not None and mark.index.state != Outcome.GIVEN:
            index = replace(mark.index, state=outcome.value)
            yield self.records.replace(mark, mark.record, index)

    def _told(self, tenant: str, last: Round, outcome: Outcome) -> Op:
        """Return what the audit is told of a round that ended."""
        partition = self.inbox.subject_partition(tenant, last.subject)
        kind, actor = _ACTS[outcome]
        act = Act(
            type=kind,
            tenant=tenant,
            cause=Cause(actor),
            subject=last.subject,
            client=last.client_id,
            details=tuple(("order", order) for order in last.orders),
        )
        return self.audit.op(partition, act)

    def _mark_ref(self, order_id: str, partition: str) -> Ref:
        return Ref(ASKED, partition, self.records.keys.hasher.index("asked", order_id))

    def _ref(self, tenant: str, subject: str) -> Ref:
        partition = self.inbox.subject_partition(tenant, subject)
        return Ref(KIND, partition, self.records.keys.hasher.index("rounds"))


def _by_order(over: Iterable[tuple[Round, Outcome]]) -> dict[str, Outcome]:
    """Return what came of each order in rounds that ended; a consent outweighs the rest."""
    found: dict[str, Outcome] = {}
    for last, outcome in over:
        for order in last.orders:
            if found.get(order) is not Outcome.GIVEN:
                found[order] = outcome
    return found


def by_client(held: Held[SubjectRounds] | None) -> dict[str, Round]:
    """Return a record's rounds by their clients."""
    return {last.client_id: last for last in held.record.rounds} if held else {}
