"""What the policies that are not in force would have done: counted, never acted upon.

Owns the marks of `recovery = "observe"`: one a policy and user, kept for 30 days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bridge.clock import Clock
from bridge.config.tenants import Recovery
from bridge.consent.decision import decide
from bridge.consent.situation import Situation
from bridge.model import Foreseen
from bridge.store.base import Query, Ref
from bridge.vault.inbox import Inbox
from bridge.vault.records import Index, Records

KIND: Final = "foreseen"
KEPT_S: Final = 30 * 24 * 3600
SEEN: Final = "seen"
"""What every user is counted under."""

FORCING_POLICIES: Final = (Recovery.ORDERED, Recovery.NEEDED, Recovery.ALWAYS)
_REWRITTEN_AFTER_S: Final = 24 * 3600
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Foresight:
    """Notes and counts what would have been."""

    records: Records
    inbox: Inbox
    clock: Clock

    def note(self, tenant: str, subject: str, situation: Situation) -> None:
        """Note what each policy would have done at this login."""
        self._mark(tenant, subject, SEEN)
        for policy in FORCING_POLICIES:
            if decide(replace(situation, policy=policy)).forces:
                self._mark(tenant, subject, policy)

    def count(self, tenant: str, policy: str) -> int:
        """Return how many users of the last 30 days a policy would have asked."""
        query: Query | None = Query(KIND, tenant=tenant, state=policy, limit=_PAGE)
        now, total = self.clock.now(), 0
        while query is not None:
            rows = self.records.store.list(query)
            total += sum(row.expires_at is None or row.expires_at > now for row in rows)
            query = _next(query, rows[-1].ref) if len(rows) == _PAGE else None
        return total

    def _mark(self, tenant: str, subject: str, policy: str) -> None:
        partition = self.inbox.subject_partition(tenant, subject)
        ref = Ref(KIND, partition, self.records.keys.hasher.index("foreseen", policy))
        now = int(self.clock.now())

        def again(present: Foreseen | None) -> tuple[Foreseen, Index] | None:
            # A user who signs in all day must not turn into a write at every login.
            if present is not None and abs(now - present.at) < _REWRITTEN_AFTER_S:
                return None
            index = Index(tenant=tenant, state=policy, expires_at=now + KEPT_S)
            return Foreseen(policy=policy, at=now), index

        self.records.upsert(ref, Foreseen, again)


def _next(query: Query, after: Ref) -> Query:
    return Query(query.kind, tenant=query.tenant, state=query.state, after=after, limit=_PAGE)
