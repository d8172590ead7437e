"""Seeing to one refresh over threads and processes.

Owns the order: flight (this process), lease (all processes), read again, decide again, refresh.
Knows nothing of what makes a token fresh: it is told by the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.clock import Clock
from bridge.errors import BridgeError
from bridge.model import Grant
from bridge.store.base import Lease, Ref
from bridge.tokens.clients import Client
from bridge.tokens.flights import Flights, out_of_patience
from bridge.tokens.leases import LeaseKeeper
from bridge.tokens.refresher import Attempt, Refresher
from bridge.vault.grants import Grants

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Want:
    """A refresh that a reader wants.

    Attributes:
        ref: the grant's place.
        version: as the reader saw it.
        client: its Google client.
        scopes: the scope set; None is all that is granted.
        is_wanted: looks at a grant again and tells whether the refresh is still wanted; raises
            what its reader would.
        run: the caller's label.
    """

    ref: Ref
    version: int
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

    def see_to(self, want: Want, *, patient: bool) -> None:
        """Refresh, or wait for whoever does; a reader that is not patient leaves it to them.

        Returns when the reader should look at the grant again.

        Raises:
            BridgeError: the refresh's failure, the same for all who waited for it.
        """
        key = (want.ref, want.scopes)
        flight, flies = self.flights.board(key)
        if not flies:
            if patient:
                self.flights.wait(flight, self.patience)
            return
        failed: BridgeError | None = out_of_patience()
        try:
            self._fly(want, patient=patient)
            failed = None
        except BridgeError as error:
            failed = error
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
            if not patient or self._has_changed(want):
                return
            if self.clock.monotonic() >= until:
                raise out_of_patience()
            self.clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _refresh(self, want: Want, lease: Lease, *, patient: bool) -> None:
        held = self.grants.at(want.ref)
        if held is None or not want.is_wanted(held.record):
            return
        self.refresher.run(
            Attempt(
                grant=held.record,
                client=want.client,
                scopes=want.scopes,
                fence=lease.fence,
                patience=self.patience if patient else 0.0,
                run=want.run,
                tried=set(),
            )
        )

    def _has_changed(self, want: Want) -> bool:
        held = self.grants.at(want.ref)
        return held is None or held.version != want.version
