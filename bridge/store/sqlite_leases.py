"""Leases in SQLite: who may act alone, and until when.

Owns the `leases` table and the store's one fence counter. A released or forgotten lease leaves no
row behind: since all names draw their fences from one counter, a name's next fence is greater than
every earlier one without any memory of it.
"""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Final

from bridge.clock import Clock
from bridge.store.base import Lease
from bridge.store.sqlite_connections import Connections

_RANDOM_BITS: Final = 24
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
NO_BOOT_ID: Final = "unknown"
# A term that has more left than it was given began before the clock did: a reboot that the boot id
# does not show. So no lease outlasts its term, whatever the host.
_RUNS: Final = "boot = ? AND until > ? AND until - ? <= term"
_TAKEN: Final = f"SELECT 1 FROM leases WHERE name = ? AND owner <> ? AND {_RUNS}"  # noqa: S608 - a constant
_COUNT: Final = "SELECT value FROM numbers WHERE name = 'fence'"
_TAKE: Final = """
REPLACE INTO leases (name, owner, fence, boot, term, until) VALUES (?, ?, ?, ?, ?, ?)"""
_OWNED: Final = f"name = ? AND owner = ? AND fence = ? AND {_RUNS}"
_RENEW: Final = f"UPDATE leases SET term = ?, until = ? WHERE {_OWNED}"  # noqa: S608 - a constant
_RELEASE: Final = f"DELETE FROM leases WHERE {_OWNED}"  # noqa: S608 - a constant
_SWEEP: Final = (
    f"DELETE FROM leases WHERE name IN (SELECT name FROM leases WHERE NOT ({_RUNS}) LIMIT ?)"  # noqa: S608 - a constant
)


class Leases:
    """The leases of one database file.

    Terms run on the monotonic clock of the host's present boot: a step of the wall clock does not
    move them, and a reboot, which no holder survives, ends them.
    """

    def __init__(self, connections: Connections, clock: Clock, boot: str) -> None:
        self._connections = connections
        self._clock = clock
        self._boot = boot

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs."""
        # Those who come in vain are many, and must not queue for the write lock.
        if self._connections.fetch(_TAKEN, self._taken(name, owner)):
            return None

        def take(connection: sqlite3.Connection) -> Lease | None:
            if connection.execute(_TAKEN, self._taken(name, owner)).fetchone():
                return None
            connection.execute("UPDATE numbers SET value = value + 1 WHERE name = 'fence'")
            (count,) = connection.execute(_COUNT).fetchone()
            lease = Lease(name, owner, count << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))
            until = self._clock.monotonic() + ttl
            connection.execute(_TAKE, (*_mine(lease), self._boot, ttl, until))
            return lease

        return self._connections.write(take)

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease's term is over."""

        def prolong(connection: sqlite3.Connection) -> bool:
            until = self._clock.monotonic() + ttl
            values = (ttl, until, *_mine(lease), *self._present())
            return connection.execute(_RENEW, values).rowcount == 1

        return self._connections.write(prolong)

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if its term is over."""

        def give_back(connection: sqlite3.Connection) -> bool:
            values = (*_mine(lease), *self._present())
            return connection.execute(_RELEASE, values).rowcount == 1

        return self._connections.write(give_back)

    def sweep(self, limit: int) -> None:
        """Forget up to `limit` leases whose holders never gave them back."""
        self._connections.write(
            lambda connection: connection.execute(_SWEEP, (*self._present(), limit))
        )

    def _taken(self, name: str, owner: str) -> tuple[str, str, str, float, float]:
        return name, owner, *self._present()

    def _present(self) -> tuple[str, float, float]:
        now = self._clock.monotonic()
        return self._boot, now, now


def boot_id() -> str:
    """Return a text that names the host's present boot."""
    if _BOOT_ID.exists():
        return _BOOT_ID.read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    return NO_BOOT_ID


def _mine(lease: Lease) -> tuple[str, str, int]:
    return lease.name, lease.owner, lease.fence
