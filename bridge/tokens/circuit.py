"""The circuit of a Google client that refuses its own credentials.

Owns when it is open, and that one refresh at a time tries whether it was mended. It is kept in the
store, so that all processes see it; a changed client secret is another circuit.
"""

from __future__ import annotations

from typing import Final

from bridge import metrics
from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.model import Circuit
from bridge.store.base import Query, Ref
from bridge.tokens.clients import Client
from bridge.vault.records import Index, Records

_KIND: Final = "circuit"
_MOST_TOLD: Final = 1000
_FIRST_WAIT_S: Final = 10
_LONGEST_WAIT_S: Final = 300
_KEPT_S: Final = 24 * 3600


class Circuits:
    """Opens, probes and closes the circuits of clients."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def pass_or_raise(self, client: Client) -> bool:
        """Let a refresh through: always while closed, one probe at a time while open.

        Returns:
            Whether this refresh is a probe.

        Raises:
            BridgeError: `client_fault`, with the seconds until the next probe.
        """
        held = self._records.get(self._ref(client), Circuit)
        if held is None:
            return False
        now = int(self._clock.now())
        won: list[bool] = []

        # A probe further off than any was set by a clock that has been set back since: it is due.
        def take_the_probe(present: Circuit | None) -> tuple[Circuit, Index] | None:
            won.clear()
            if present is None or now < present.probe_at <= now + _LONGEST_WAIT_S:
                return None
            won.append(True)
            return self._waiting(present.error, present.opened_at, present.failures + 1, now)

        present = self._records.upsert(self._ref(client), Circuit, take_the_probe)
        if present is None or won:
            return True
        raise client_fault(present.error, max(1, present.probe_at - now))

    def is_open(self, client: Client) -> bool:
        """Tell whether Google refused the client when it was last asked; takes no probe."""
        held = self._records.get(self._ref(client), Circuit)
        return held is not None and (held.index.expires_at or 0) > self._clock.now()

    def open(self, client: Client, error: str) -> BridgeError:
        """Open the circuit; returns the error for whoever found out."""
        now = int(self._clock.now())

        def opened(present: Circuit | None) -> tuple[Circuit, Index] | None:
            # A probe has set the next wait already.
            return None if present else self._waiting(error, now, 0, now)

        circuit = self._records.upsert(self._ref(client), Circuit, opened)
        if circuit is not None and circuit.opened_at == now:
            metrics.count(metrics.CIRCUITS, "opened")
        wait = circuit.probe_at - now if circuit else _FIRST_WAIT_S
        return client_fault(error, max(1, wait))

    def close(self, client: Client) -> None:
        """Let everything through again: Google took the client's credentials."""
        self._records.remove(self._ref(client), Circuit)
        metrics.count(metrics.CIRCUITS, "closed")

    def number_open(self) -> int:
        """Return how many clients Google refuses now."""
        rows = self._records.store.list(Query(_KIND, limit=_MOST_TOLD))
        return sum((row.expires_at or 0) > self._clock.now() for row in rows)

    def _waiting(
        self, error: str, opened_at: int, failures: int, now: int
    ) -> tuple[Circuit, Index]:
        wait = min(_FIRST_WAIT_S * 2**failures, _LONGEST_WAIT_S)
        circuit = Circuit(error=error, opened_at=opened_at, probe_at=now + wait, failures=failures)
        return circuit, Index(expires_at=now + _KEPT_S)

    def _ref(self, client: Client) -> Ref:
        credentials = client.credentials
        name = self._records.keys.hasher.index(
            "circuit", client.tenant, client.id, credentials.client_secret.reveal()
        )
        return Ref(_KIND, name, "circuit")


def client_fault(error: str, retry_after: int) -> BridgeError:
    """Return the error for a client that Google refuses; no grant is touched by it."""
    return BridgeError(
        Code.CLIENT_FAULT,
        f"Google refuses the OAuth client itself ({error}). An operator must mend its id or "
        "secret in the configuration; no grant is touched.",
        reason=error,
        retry_after=retry_after,
    )
