"""One act on many grants: choose them first, then act on each as it is by then.

Owns what becomes of each. The acts themselves are `grants` and `rechecking`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bridge.admin.access import permit
from bridge.admin.grants import GrantAdmin
from bridge.admin.rechecking import Rechecking
from bridge.admin.selecting import EVERY, NOT_SELECTED
from bridge.errors import BridgeError, Code
from bridge.model import Caller, Filter, Grant


class Act(StrEnum):
    """What is done to a grant."""

    FORGET = "forget"
    REVOKE = "revoke"
    RECHECK = "recheck"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Grants to act on.

    Attributes:
        ids: theirs, in order.
        states: how many are in each state.
    """

    ids: tuple[str, ...]
    states: Counter[str]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one grant.

    Attributes:
        grant: its id.
        state: its state after a recheck or a revocation; None if it is gone.
        error: why nothing was done.
        also: how many grants of the same Google project ended with it.
    """

    grant: str
    state: str | None = None
    error: BridgeError | None = None
    also: int = 0

    @property
    def is_passed_over(self) -> bool:
        """Whether it changed after it was chosen, so that it was not meant any more."""
        return self.error is not None and self.error.reason == NOT_SELECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Acts on many grants for a caller."""

    admin: GrantAdmin
    rechecking: Rechecking

    def choose(self, caller: Caller, tenant: str, wanted: Filter) -> Chosen:
        """Return the grants that a filter selects; raises as `GrantAdmin.page`."""
        permit(caller, "grants:read")
        self.admin.see_tenant(caller, tenant)
        return _chosen(held.record for held in self.admin.selection.every(tenant, wanted))

    def name(self, caller: Caller, ids: Iterable[str]) -> Chosen:
        """Return grants by their ids, each once. Raises BridgeError `grant_missing`."""
        return _chosen(self.admin.show(caller, its).record for its in dict.fromkeys(ids))

    def run(self, act: Act, caller: Caller, chosen: Chosen, only: Filter = EVERY) -> Iterator[Done]:
        """Act on each grant that `only` still selects; safe to repeat.

        Raises:
            BridgeError: `store_unavailable`, `key_unavailable`; what follows would fail as well.
        """
        for grant_id in chosen.ids:
            try:
                yield self._act(act, caller, grant_id, only)
            except BridgeError as error:
                if error.code in (Code.STORE_UNAVAILABLE, Code.KEY_UNAVAILABLE):
                    raise
                yield Done(grant_id, error=error)

    def would_end(self, caller: Caller, chosen: Chosen) -> int:
        """Return how many grants beside the chosen ones would end if those were revoked.

        Raises:
            BridgeError: `forbidden`, as `GrantAdmin.revoke`.
        """
        also: set[str] = set()
        for grant_id in chosen.ids:
            also.update(self.admin.revoke(caller, grant_id, dry_run=True).also)
        return len(also.difference(chosen.ids))

    def _act(self, act: Act, caller: Caller, grant_id: str, only: Filter) -> Done:
        match act:
            case Act.FORGET:
                self.admin.forget(caller, grant_id, only=only)
                return Done(grant_id)
            case Act.REVOKE:
                answer = self.admin.revoke(caller, grant_id, dry_run=False, only=only)
                return Done(grant_id, answer.state.value, also=len(answer.also))
            case Act.RECHECK:
                grant = self.rechecking.recheck(caller, grant_id, only=only).grant
                return Done(grant_id, grant.state.value)


def _chosen(grants: Iterable[Grant]) -> Chosen:
    ids: list[str] = []
    states: Counter[str] = Counter()
    for grant in grants:
        ids.append(grant.id)
        states[grant.state.value] += 1
    return Chosen(tuple(ids), states)
