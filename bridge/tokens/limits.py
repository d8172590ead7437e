"""What all processes together may do to Google, and when so much dies that something is wrong.

Owns the pace of refreshes and the freeze on mass death, both per client and both counted in the
store.
"""

from __future__ import annotations

import math
import random
import secrets
from typing import Final

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.store.base import Store
from bridge.tokens.clients import Client

_WINDOW_S: Final = 300
_FEWEST_DEATHS: Final = 20
_SLICES: Final = 10
# From a place taken to the call's arrival at Google: a new connection, or a busy host.
_ON_THE_WAY_S: Final = 0.15
# Places given up because they came late. Where all do, all calls are late alike; and at a low rate
# a place is too rare.
_LATE_TO_SPARE: Final = 3
_SHORTEST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 1.0
_random: Final = random.SystemRandom()


def slices_of(rate: float) -> tuple[int, float]:
    """Return how many calls a slice of time lets through, and how many seconds it lasts.

    Google may begin its second at any moment, and a call comes up to so long after its place was
    taken. All slices that fall into a second and that long let no more than `rate` calls through;
    below one call a second, one into a whole interval and that long.
    """
    limit = max(1, math.floor(rate / _SLICES))
    if rate < 1:
        return 1, 1 / rate + _ON_THE_WAY_S
    return limit, (1 + _ON_THE_WAY_S) / math.floor(rate / limit)


class Pace:
    """Lets refreshes of a client through at its rate."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take(self, client: Client, patience: float) -> None:
        """Take a place among the client's refreshes.

        A rate is kept in slices of about a tenth of a second: whatever second Google counts, the
        calls that arrive in it stay within the rate, though some were longer on their way.

        Args:
            client: whose rate.
            patience: seconds to wait for a place; 0 takes one now or gives up.

        Raises:
            BridgeError: `upstream_unavailable`; there was no place in time.
        """
        limit, window = slices_of(client.refreshes_per_second)
        until = self._clock.monotonic() + patience
        to_spare = _LATE_TO_SPARE if client.refreshes_per_second >= _SLICES else 0
        while True:
            age = self._placed(client, window, limit)
            if age is not None:
                if age <= _ON_THE_WAY_S / 2 or not to_spare:
                    return
                # The store was slow to answer, and this place is of a time that is over.
                to_spare -= 1
                continue
            if self._clock.monotonic() >= until:
                raise BridgeError(
                    Code.UPSTREAM_UNAVAILABLE,
                    "More tokens need a refresh than the client's rate allows; try again shortly.",
                    reason="rate_limited_here",
                    retry_after=1,
                )
            # Spread out, so that hundreds who wait do not all ask the store at the same moment.
            pause = window * _random.uniform(0.5, 1.5)
            self._clock.sleep(min(max(pause, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S))

    def _placed(self, client: Client, window: float, limit: int) -> float | None:
        """Take a place; return how many seconds old it may be by now, None if there is none."""
        key = f"pace:{client.tenant}:{client.id}"
        # Looking costs no write; of the many who wait, few find a place.
        if not self._store.count(key, "", window, limit).admitted:
            return None
        asked = self._clock.monotonic()
        if not self._store.count(key, secrets.token_hex(8), window, limit).admitted:
            return None
        return self._clock.monotonic() - asked


class Mortality:
    """Counts refreshes and deaths of a client's grants over five minutes."""

    def __init__(self, store: Store, share: float) -> None:
        self._store = store
        self._share = share

    def attempted(self, client: Client, grant_id: str) -> None:
        """Count a grant whose refresh Google judged."""
        self._store.count(f"refreshes:{client.tenant}:{client.id}", grant_id, _WINDOW_S)

    def is_frozen(self, client: Client, grant_id: str) -> bool:
        """Count a grant that Google calls dead; tell whether so many do that none is believed."""
        name = f"{client.tenant}:{client.id}"
        deaths = self._store.count(f"deaths:{name}", grant_id, _WINDOW_S).total
        if deaths < _FEWEST_DEATHS:
            return False
        refreshes = self._store.count(f"refreshes:{name}", "", _WINDOW_S).total
        return deaths > self._share * refreshes
