"""Orders: an admin's wishes to force consent, read anew at each decision.

Owns their records. An order is one record however many users it means, so that cancelling it is one
write, and the next decision knows.
"""

from __future__ import annotations

import base64
import re
import secrets
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.audit.act import Act, ActType
from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.model import SUBJECT_HASH, Cause, Order
from bridge.store.base import Query, Ref, StoreConflictError
from bridge.vault.records import Held, Index, Records

KIND: Final = "order"
LASTS_S: Final = 365 * 24 * 3600
_IN_FORCE: Final = "in_force"
_CANCELLED: Final = "cancelled"
_PART: Final = 16
_RANDOM: Final = 12
_ID: Final = re.compile(r"o_[A-Za-z0-9_-]{32}")


@dataclass(frozen=True, slots=True)
class Orders:
    """All orders of all tenants."""

    records: Records
    audit: AuditLog
    clock: Clock

    def in_force(self, tenant: str) -> list[Order]:
        """Return a tenant's orders that are neither cancelled nor over."""
        query = Query(KIND, partition=self._partition(tenant), state=_IN_FORCE)
        now = self.clock.now()
        return [h.record for h in self.records.every(query, Order) if h.record.expires_at > now]

    def names(self, order: Order, subject: str) -> bool:
        """Tell whether an order lists a subject, or leaves that to its filter."""
        if order.filter is not None:
            return True
        return is_listed(order.subjects, self._hash(order.tenant, subject))

    def listing(self, tenant: str, subjects: Collection[str]) -> bytes:
        """Return a list of subjects as an order keeps it."""
        return b"".join(sorted({self._hash(tenant, subject) for subject in subjects}))

    def create(self, order: Order) -> Order:
        """Write an order; it gets its id and times here."""
        now = int(self.clock.now())
        partition = self._partition(order.tenant)
        ref = Ref(KIND, partition, secrets.token_urlsafe(_RANDOM))
        made = replace(
            order,
            id=f"o_{ref.partition}{ref.id}",
            created_at=now,
            expires_at=now + LASTS_S,
        )
        act = _act(ActType.ORDER_CREATED, made, made.created_by)
        index = Index(tenant=made.tenant, state=_IN_FORCE, expires_at=made.expires_at)
        put = self.records.put(ref, made, index)
        self.records.store.commit([put, self.audit.op(partition, act)])
        return made

    def find(self, order_id: str) -> Held[Order] | None:
        """Return an order by its id."""
        if not _ID.fullmatch(order_id):
            return None
        ref = Ref(KIND, order_id[2 : 2 + _PART], order_id[2 + _PART :])
        return self.records.get(ref, Order)

    def of(self, tenant: str) -> Iterator[Order]:
        """Yield a tenant's orders, cancelled ones too, in the order of their ids."""
        query = Query(KIND, partition=self._partition(tenant), limit=10)
        return (held.record for held in self.records.every(query, Order))

    def cancel(self, held: Held[Order], name: str) -> Order:
        """End an order at once, in the name of a caller; one that has ended stays as it is."""
        while held.record.cancelled_at is None:
            now = int(self.clock.now())
            ended = replace(held.record, cancelled_at=now, cancelled_by=name)
            index = replace(held.index, state=_CANCELLED)
            act = _act(ActType.ORDER_CANCELLED, ended, name)
            ops = [
                self.records.replace(held, ended, index),
                self.audit.op(held.ref.partition, act),
            ]
            try:
                self.records.store.commit(ops)
            except StoreConflictError:
                held = self.find(held.record.id) or held
                continue
            return ended
        return held.record

    def _partition(self, tenant: str) -> str:
        return self.records.keys.hasher.index("orders", tenant)

    def _hash(self, tenant: str, subject: str) -> bytes:
        name = self.records.keys.hasher.index("ordered", tenant, subject)
        return base64.urlsafe_b64decode(name)


def is_listed(listing: bytes, subject: bytes) -> bool:
    """Tell whether a sorted listing holds a subject's hash."""

    def hash_at(place: int) -> bytes:
        return listing[place * SUBJECT_HASH : (place + 1) * SUBJECT_HASH]

    places = range(len(listing) // SUBJECT_HASH)
    place = bisect_left(places, subject, key=hash_at)
    return hash_at(place) == subject


def _act(kind: ActType, order: Order, name: str) -> Act:
    details = (("order", order.id), ("matched", str(order.matched)), ("text", order.text))
    return Act(type=kind, tenant=order.tenant, cause=Cause(name), details=details)
