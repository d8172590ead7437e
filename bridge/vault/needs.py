"""Needs: what backends asked for in vain, so that a login can mend just that.

Owns their records. A need is kept 30 days and goes when it is met.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from bridge.clock import Clock
from bridge.model import Need
from bridge.store.base import Query, Ref
from bridge.vault.records import Index, Records

KIND: Final = "need"
KEPT_S: Final = 30 * 24 * 3600
_REWRITTEN_AFTER_S: Final = 3600


class Needs:
    """Notes, lists and clears the needs of subjects, seen or never seen."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def note(self, tenant: str, subject: str, client_id: str, scopes: Collection[str]) -> None:
        """Note that a backend wanted these scopes; the same again within the hour is not written.

        A backend that asks in a loop must not turn into a write at every read.
        """
        now = int(self._clock.now())

        def wider(present: Need | None) -> tuple[Need, Index] | None:
            wanted = set(scopes) | set(present.scopes if present else ())
            is_known = present is not None and wanted == set(present.scopes)
            if is_known and present is not None and now - present.at < _REWRITTEN_AFTER_S:
                return None
            need = Need(subject=subject, client_id=client_id, scopes=tuple(sorted(wanted)), at=now)
            return need, Index(tenant=tenant, expires_at=now + KEPT_S)

        self._records.upsert(self._ref(tenant, subject, client_id), Need, wider)

    def of(self, tenant: str, subject: str) -> list[Need]:
        """Return a subject's needs that are not over."""
        query = Query(KIND, partition=self._partition(tenant, subject))
        now = self._clock.now()
        return [
            held.record
            for held in self._records.every(query, Need)
            if held.index.expires_at is None or held.index.expires_at > now
        ]

    def clear(
        self, tenant: str, subject: str, client_id: str, granted: Collection[str] | None
    ) -> None:
        """Drop a need that `granted` meets; None drops it in any case."""
        ref = self._ref(tenant, subject, client_id)
        held = self._records.get(ref, Need)
        if held is not None and (granted is None or set(held.record.scopes) <= set(granted)):
            self._records.remove(ref, Need)

    def _partition(self, tenant: str, subject: str) -> str:
        return self._records.keys.hasher.index("subject-partition", tenant, subject)

    def _ref(self, tenant: str, subject: str, client_id: str) -> Ref:
        name = self._records.keys.hasher.index("need", client_id)
        return Ref(KIND, self._partition(tenant, subject), name)
