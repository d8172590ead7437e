"""What the bridge does by itself: noticing keys, settling counts, sweeping, joining, and more.

Owns the rounds and their thread. Any number of processes may run it: the rare work is done by the
one that holds a lease.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from bridge import metrics
from bridge.admin.grants import GrantAdmin
from bridge.audit.log import KIND as EVENT
from bridge.capture.joining import Joining
from bridge.clock import Clock
from bridge.consent.foresight import KIND as FORESEEN
from bridge.consent.orders import KIND as ORDER
from bridge.consent.rounds import ASKED
from bridge.consent.rounds import KIND as ROUND
from bridge.errors import BridgeError, Contained
from bridge.model import State
from bridge.store.base import Store
from bridge.vault.grants import KIND as GRANT
from bridge.vault.grants import Grants
from bridge.vault.inbox import BINDING, FAREWELL, GUARD, MESSAGE, UNBOUND, Inbox
from bridge.vault.links import LINK, PENDING
from bridge.vault.needs import KIND as NEED
from bridge.vault.opening import Opening
from bridge.vault.user_sessions import LINK as SESSION_LINK
from bridge.vault.user_sessions import SESSION

log = structlog.get_logger(__name__)

_ROUND_S: Final = 0.5
_ANNOUNCE_EVERY_S: Final = 10
_RARE_EVERY_S: Final = 60
_SWEPT_AT_ONCE: Final = 1000
_SWEPT: Final = (
    GRANT,
    UNBOUND,
    BINDING,
    MESSAGE,
    GUARD,
    FAREWELL,
    NEED,
    "caller",
    "circuit",
    EVENT,
    LINK,
    PENDING,
    ROUND,
    ORDER,
    ASKED,
    FORESEEN,
    SESSION_LINK,
    SESSION,
    "server",
)


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """The rounds of one process."""

    store: Store
    opening: Opening
    grants: Grants
    inbox: Inbox
    joining: Joining
    admin: GrantAdmin
    clock: Clock
    witness: Path
    reload_keys: Callable[[], bool]
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Announce this process, and begin the rounds in a thread of their own."""
        self.opening.announce(self.instance, self.clock.now())
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the rounds, and take the announcement back."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._quietly(lambda: self.opening.retreat(self.instance))
        metrics.settle()

    def rare(self) -> None:
        """Sweep, join, finish revocations and move the witness on, once now."""
        now = int(self.clock.now())
        for kind in _SWEPT:
            while self.store.sweep(kind, now, _SWEPT_AT_ONCE) == _SWEPT_AT_ONCE:
                pass
        for tenant, partition in list(self.inbox.waiting_partitions()):
            self._quietly(partial(self.joining.join, tenant, partition))
        for held in list(self.grants.everywhere(State.REVOKING)):
            self._quietly(partial(self.admin.carry_on, held))
        self.opening.advance(self.witness)

    def _run(self) -> None:
        announced = swept = self.clock.monotonic()
        while not self._stopping.wait(_ROUND_S):
            metrics.settle()
            now = self.clock.monotonic()
            changed = self.reload_keys()
            if changed or now - announced >= _ANNOUNCE_EVERY_S:
                self._quietly(lambda: self.opening.announce(self.instance, self.clock.now()))
                announced = now
            if now - swept >= _RARE_EVERY_S:
                self._quietly(self._rare_if_first)
                swept = now

    def _rare_if_first(self) -> None:
        lease = self.store.lease("upkeep", self.instance, _RARE_EVERY_S)
        if lease is not None:
            self.rare()
            self.store.release(lease)

    def _quietly(self, work: Callable[[], object]) -> None:
        """Do some upkeep; what fails is told in the log and comes round again."""
        with Contained(log, "upkeep_broken"):
            try:
                work()
            except BridgeError as error:
                log.warning("upkeep_failed", code=error.code.value, **error.context)
