"""Needs: what backends asked for in vain, so that a login can mend just that.

Owns their records. A need is kept 30 days and goes when it is met.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
            noted = _times(present, now)
            old = [
                s for s in scopes if now - noted.get(s, -_REWRITTEN_AFTER_S) >= _REWRITTEN_AFTER_S
            ]
            if present is not None and not old:
                return None
            need = _need(subject, client_id, noted | dict.fromkeys(scopes, now))
            return need, Index(tenant=tenant, expires_at=now + KEPT_S)

        self._records.upsert(self._ref(tenant, subject, client_id), Need, wider)

    def of(self, tenant: str, subject: str) -> list[Need]:
        """Return a subject's needs, without what nobody has asked for in a long time."""
        query = Query(KIND, partition=self._partition(tenant, subject))
        now = int(self._clock.now())
        needs = [held.record for held in self._records.every(query, Need)]
        fresh = [(need, _times(need, now)) for need in needs]
        return [_need(need.subject, need.client_id, times) for need, times in fresh if times]

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


def _times(need: Need | None, now: int) -> dict[str, int]:
    """Return when each scope of a need was last asked for, those long ago left out."""
    if need is None:
        return {}
    times = zip(need.scopes, need.times or [need.at] * len(need.scopes), strict=True)
    return {scope: at for scope, at in times if now - at < KEPT_S}


def _need(subject: str, client_id: str, times: Mapping[str, int]) -> Need:
    scopes = tuple(sorted(times))
    at = max(times.values(), default=0)
    return Need(
        subject=subject,
        client_id=client_id,
        scopes=scopes,
        at=at,
        times=tuple(times[scope] for scope in scopes),
    )
