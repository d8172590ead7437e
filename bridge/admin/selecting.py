"""Grants of a tenant by a filter, page after page.

Owns how much of a store one page may read, and what a filter over all of a user's grants means for
one of them. The filter itself is read in `consent.filter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bridge.admin.views import ShownState
from bridge.consent.filter import is_usable, selects
from bridge.errors import BridgeError, Code, invalid
from bridge.google.scopes import parse
from bridge.model import Filter, Grant, State
from bridge.vault.grants import Grants
from bridge.vault.records import CorruptRecordError, Held

EVERY: Final = Filter()
"""Selects every grant."""

NOT_SELECTED: Final = "not_selected"
"""The reason of the `conflict` about a grant that is not meant any more."""

_BATCH: Final = 500
_MOST_LOOKED_AT: Final = 5000


def filter_of(
    *,
    state: ShownState | None = None,
    reason: str | None = None,
    domain: str | None = None,
    idle_since: int | None = None,
    missing_scope: str | None = None,
    no_usable_grant: bool = False,
) -> Filter:
    """Return a filter from what an admin gave.

    Raises:
        BridgeError: `invalid_request`; `missing_scope` is no scope.
    """
    scopes = () if missing_scope is None else tuple(parse(missing_scope, field="missing_scope"))
    if missing_scope is not None and len(scopes) != 1:
        raise invalid("Give one scope.", field="missing_scope")
    return Filter(
        state=State(state.value) if state else None,
        reason=reason,
        domain=domain.lower() if domain else None,
        idle_since=idle_since,
        missing_scope=scopes[0] if scopes else None,
        no_usable_grant=no_usable_grant,
    )


class Page(NamedTuple):
    """Some grants, and the id after which the next page begins; None on the last."""

    found: Sequence[Held[Grant]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Finds grants by filters."""

    grants: Grants

    def page(self, tenant: str, wanted: Filter, after: str | None, limit: int) -> Page:
        """Return grants that a filter selects, in the order of their ids.

        A page may hold fewer than `limit`, even none, and not be the last: one request reads so
        many grants and no more, however rare it is what it looks for.
        """
        is_by_index = wanted == Filter(state=wanted.state)
        batch = limit if is_by_index else _BATCH
        found: list[Held[Grant]] = []
        for _ in range(max(1, _MOST_LOOKED_AT // batch)):
            looked_at = self.grants.page(tenant, state=wanted.state, after=after, limit=batch)
            for held in looked_at:
                after = held.record.id
                if self.fits(wanted, held.record):
                    found.append(held)
                if len(found) == limit:
                    return Page(found, after)
            if len(looked_at) < batch:
                return Page(found, None)
        return Page(found, after)

    def every(self, tenant: str, wanted: Filter, after: str | None = None) -> Iterator[Held[Grant]]:
        """Yield all grants that a filter selects, those after an id if one is given."""
        while True:
            page = self.page(tenant, wanted, after, _BATCH)
            yield from page.found
            if page.next is None:
                return
            after = page.next

    def fits(self, wanted: Filter, grant: Grant) -> bool:
        """Tell whether a filter selects a grant, with a look at its user's others where needed."""
        if not selects(wanted, grant):
            return False
        return not wanted.no_usable_grant or self._has_none_usable(grant)

    def require(self, wanted: Filter, grant: Grant) -> None:
        """Refuse, by `conflict`, a grant that a filter does not select."""
        if not self.fits(wanted, grant):
            raise _no_longer()

    def _has_none_usable(self, grant: Grant) -> bool:
        try:
            found = self.grants.find(grant.tenant, grant.subject)
        except CorruptRecordError:
            return (
                False  # the damaged one may be the one that serves: nobody is selected by a guess
            )
        return not any(is_usable(held.record) for held in found)


def guarded(wanted: Filter, change: Callable[[Grant], Grant]) -> Callable[[Grant], Grant]:
    """Return a change that is made only to a grant that `wanted` still selects as it is written.

    Between choosing many grants and acting on the last of them a user may have consented again:
    that grant is no longer meant. The change raises `conflict` then.
    """

    def changed(grant: Grant) -> Grant:
        if not selects(wanted, grant):
            raise _no_longer()
        return change(grant)

    return changed


def _no_longer() -> BridgeError:
    public = "The grant is not, or no longer, what the filter selects."
    return BridgeError(Code.CONFLICT, public, reason=NOT_SELECTED)
