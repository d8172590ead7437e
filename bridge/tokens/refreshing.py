"""Seeing to one refresh over threads and processes.

Owns the order: flight (this process), lease (all processes), read again, decide again, refresh.
Knows nothing of what makes a token fresh: it is told by the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.clock import Clock
from bridge.errors import BridgeError
from bridge.model import Grant
from bridge.store.base import Lease, Ref
from bridge.tokens.attempt import Attempt
from bridge.tokens.clients import Client
from bridge.tokens.flights import Flight, Flights, out_of_patience
from bridge.tokens.leases import LeaseKeeper
from bridge.tokens.refresher import Refresher
from bridge.vault.grants import Grants

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
    def seen_to(self, want: Want, *, patient: bool) -> Iterator[None]:
        """Refresh, or wait for whoever does; a reader that is not patient leaves it to them.

        Within the block the reader should look at the grant again: it is its turn.

        Raises:
            BridgeError: the refresh's failure, the same for all who waited for it.
        """
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

    def _flown(self, want: Want, key: Hashable, flight: Flight, *, patient: bool) -> None:
        failed: BridgeError | None = out_of_patience()
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
