"""How many users an order means, and how far it has come: counting, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.consent.filter import is_usable, selects
from bridge.consent.orders import Orders
from bridge.consent.rounds import ASKED, OPEN
from bridge.consent.situation import UNDER_WAY_S
from bridge.model import Asked, Filter, Grant, Order, Outcome
from bridge.store.base import Query, Row
from bridge.vault.grants import Grants
from bridge.vault.records import Records

_PAGE: Final = 1000


@dataclass(slots=True)
class _User:
    """What an order makes of one user's grants, taken together."""

    has_usable: bool = False
    is_meant: bool = False
    is_meant_and_broken: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """Counts users."""

    records: Records
    grants: Grants
    orders: Orders
    clock: Clock

    def matched(self, order: Order, progress: Callable[[int], None]) -> int:
        """Return how many users an order means that were ever seen, or that it lists.

        Args:
            order: made already or not.
            progress: called with the number of grants read since the last call.
        """
        users: dict[str, _User] = {}
        wanted = replace(order.filter, no_usable_grant=False) if order.filter else None
        after: str | None = None
        while page := self.grants.page(order.tenant, state=None, after=after, limit=_PAGE):
            for held in page:
                user = users.setdefault(held.index.subject, _User())
                self._look(order, wanted, held.record, user)
            after = page[-1].record.id
            progress(len(page))
        met = sum(_is_met(order, user) for user in users.values())
        if order.filter is not None:
            return met
        # Whoever is listed and was never seen is asked when they come.
        return order.listed - sum(user.is_meant for user in users.values()) + met

    def progress(self, order: Order) -> dict[str, int]:
        """Return how many users were asked, and how many of them gave, denied or abandoned."""
        now = self.clock.now()
        states = Counter(self._state(row, now) for row in self._marks(order))
        return {"asked": states.total(), **{o.value: states[o.value] for o in Outcome}}

    def _look(self, order: Order, wanted: Filter | None, grant: Grant, user: _User) -> None:
        usable = is_usable(grant)
        user.has_usable |= usable
        if wanted is None:
            is_meant = self.orders.names(order, grant.subject)
        else:
            is_meant = selects(wanted, grant)
        user.is_meant |= is_meant
        user.is_meant_and_broken |= is_meant and not usable

    def _marks(self, order: Order) -> Iterable[Row]:
        query = Query(ASKED, tenant=order.tenant, subject=order.id, limit=_PAGE)
        while rows := self.records.store.list(query):
            yield from rows
            query = replace(query, after=rows[-1].ref)

    def _state(self, row: Row, now: float) -> str:
        if row.state != OPEN:
            return row.state
        # Whoever never came back has not been seen since: nobody has written it down.
        mark = self.records.open(row, Asked).record
        return Outcome.ABANDONED if now - mark.at >= UNDER_WAY_S else OPEN


def _is_met(order: Order, user: _User) -> bool:
    if order.filter is not None and order.filter.no_usable_grant and user.has_usable:
        return False
    return user.is_meant if order.include_active else user.is_meant_and_broken
