"""A lease held for as long as its work takes, in short terms.

Owns the thread that renews. A process that dies renews no more, and its lease is free within a
term; a process that merely lost it goes on, and the write's own check refuses its result.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bridge import metrics
from bridge.errors import BridgeError
from bridge.store.base import Lease, Store

TERM_S: Final = 3.0


class LeaseKeeper:
    """Takes leases and renews all that this process holds, from one thread."""

    def __init__(self, store: Store, term: float = TERM_S) -> None:
        self._store = store
        self._term = term
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False

    @contextmanager
    def held(self, name: str) -> Iterator[Lease | None]:
        """Hold a lease within the block; None if somebody else holds it."""
        lease = self._store.lease(name, secrets.token_hex(8), self._term)
        metrics.count(metrics.LEASES, "busy" if lease is None else "taken")
        if lease is None:
            yield None
            return
        self._keep(lease)
        try:
            yield lease
        finally:
            with self._lock:
                self._held.discard(lease)
            self._release(lease)

    def close(self) -> None:
        """Stop renewing."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self, lease: Lease) -> None:
        with self._lock:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._renew_all, name="lease-keeper", daemon=True
                )
                self._thread.start()

    def _release(self, lease: Lease) -> None:
        try:
            self._store.release(lease)
        except BridgeError:
            # The store is away: the term ends by itself, and the work's result stands or not
            # whatever becomes of the lease.
            return

    def _renew_all(self) -> None:
        while not self._wake.wait(self._term / 3) and not self._closing:
            with self._lock:
                held = tuple(self._held)
            for lease in held:
                self._renew(lease)

    def _renew(self, lease: Lease) -> None:
        try:
            kept = self._store.renew(lease, self._term)
        except BridgeError:
            return  # the next round tries again within the term
        if not kept:
            with self._lock:
                self._held.discard(lease)
