"""Seeing to one refresh over threads and processes.

Owns the order: flight (this process), lease (all processes), read again, decide again, refresh.
Knows nothing of what makes a token fresh: it is told by the reader.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from bridge.clock import Clock
from bridge.errors import BridgeError, Code, Contained
from bridge.model import Grant
from bridge.store.base import Lease, Ref
from bridge.tokens.attempt import Attempt
from bridge.tokens.clients import Client
from bridge.tokens.flights import Flight, Flights, out_of_patience, too_many_waiting
from bridge.tokens.leases import LeaseKeeper
from bridge.tokens.refresher import Refresher
from bridge.tokens.visits import STAYS, Awaited, Left, Visit
from bridge.vault.grants import Grants

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Want:
    """A refresh that a reader wants.

    Attributes:
        ref: the grant's place.
        client: its Google client.
        scopes: the scope set; None is all that is granted.
        is_wanted: looks at a grant again and tells whether the refresh is still wanted; raises
            nothing, because an error of one reader is not that of those who wait for it.
        run: the caller's label.
    """

    ref: Ref
    client: Client
    scopes: tuple[str, ...] | None
    is_wanted: Callable[[Grant], bool]
    run: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshing:
    """Sees to refreshes.

    Attributes:
        patience: seconds that a reader waits for somebody else's refresh.
    """

    grants: Grants
    refresher: Refresher
    flights: Flights
    leases: LeaseKeeper
    clock: Clock
    patience: float

    @contextmanager
    def seen_to(self, want: Want, *, patient: bool, visit: Visit = STAYS) -> Iterator[None]:
        """Refresh, or wait for whoever does; a reader that is not patient leaves it to them.

        Within the block the reader should look at the grant again: it is its turn.

        Raises:
            BridgeError: the refresh's failure, the same for all who waited for it.
            Left: a refresh is under way, and the visit is of a kind that leaves.
        """
        if visit.leaves:
            self.leave(want, patient=patient)
            yield
            return
        key = (want.ref, want.scopes)
        with self.flights.place():
            flight, flies = self.flights.board(key)
            if flies:
                self._flown(want, key, flight, patient=patient)
            if flies or not patient:
                yield
                return
            with self.flights.waited_for(flight, self.patience):
                yield

    def leave(self, want: Want, *, patient: bool) -> None:
        """Have somebody see to a refresh; return if others do, and the reader is not patient.

        Raises:
            BridgeError: `upstream_unavailable`; there is no place for it.
            Left: it is under way.
        """
        key = (want.ref, want.scopes)
        flight, flies = self.flights.under_way(key), False
        if flight is None:
            flight, flies = self._sent(want, key, patient=patient)
        if flies or patient:
            raise Left(Awaited(flight, patient))

    def _sent(self, want: Want, key: Hashable, *, patient: bool) -> tuple[Flight, bool]:
        """Return the flight for a key, and whether a thread of its own was started to fly it."""
        with ExitStack() as stack:
            stack.enter_context(self.flights.place())
            flight, flies = self.flights.board(key)
            if flies:
                held = stack.pop_all()
                work = partial(self._flown, want, key, flight, patient=patient)
                try:
                    threading.Thread(target=_alone, args=(work, held), name="refresh").start()
                except RuntimeError:
                    # The system has no thread left. Nobody is to wait for what nobody flies.
                    held.close()
                    self.flights.land(key, flight, too_many_waiting())
        return flight, flies

    def _flown(self, want: Want, key: Hashable, flight: Flight, *, patient: bool) -> None:
        failed: BridgeError | None = BridgeError(
            Code.INTERNAL_ERROR,
            "The bridge failed in the refresh that this request waited for; its log says where.",
        )
        try:
            self._fly(want, patient=patient)
            failed = None
        except BridgeError as error:
            # Whoever gave up for want of patience has found out nothing for the patient.
            failed = error if patient else None
            raise
        finally:
            self.flights.land(key, flight, failed)

    def _fly(self, want: Want, *, patient: bool) -> None:
        until = self.clock.monotonic() + self.patience
        pause = _FIRST_PAUSE_S
        while True:
            with self.leases.held(f"refresh:{want.ref.partition}{want.ref.id}") as lease:
                if lease is not None:
                    self._refresh(want, lease, patient=patient)
                    return
            if not patient or self._wanted(want) is None:
                return
            if self.clock.monotonic() >= until:
                raise out_of_patience()
            self.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _refresh(self, want: Want, lease: Lease, *, patient: bool) -> None:
        grant = self._wanted(want)
        if grant is None:
            return
        self.refresher.run(
            Attempt(
                grant=grant,
                client=want.client,
                scopes=want.scopes,
                fence=lease.fence,
                until=self.clock.monotonic() + self.patience,
                patient=patient,
                run=want.run,
            )
        )

    def _wanted(self, want: Want) -> Grant | None:
        """Return the grant as it is now, or None if there is nothing to refresh any more."""
        held = self.grants.at(want.ref)
        return None if held is None or not want.is_wanted(held.record) else held.record


def _alone(work: Callable[[], None], place: AbstractContextManager[object]) -> None:
    # Those who left are told of an error when they come back.
    with Contained(log), suppress(BridgeError), place:
        work()
