"""Leases in Redis: who may act alone, and until when.

Owns how a term is measured. Redis has no clock that never steps: a lease that expired by its
server's would end when somebody sets that. So a term runs on the monotonic clock of the host that
took it. Processes of the same host compare with it exactly. Others, whose clocks tell nothing of
it, watch: a lease that showed no sign of life for a whole term of their own clock is over. They
may thus come a term later, never too early.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import redis

from bridge.clock import Clock
from bridge.store.base import Lease
from bridge.store.redis_calls import Calls, Script
from bridge.store.redis_names import Names
from bridge.store.sqlite_leases import NO_BOOT_ID, boot_id

_LEASE: Final = Script("lease")
_HELD: Final = Script("held")
_FORGET: Final = Script("forget_lease")
_RANDOM_BITS: Final = 24
_MOST_WATCHED: Final = 10_000
# What a scan asks for at once; Redis returns about as many.
_SCANNED: Final = 500


class _Holder(msgspec.Struct, array_like=True, frozen=True):
    """A lease as the scripts write it; all of it text, since Lua's numbers would lose digits."""

    owner: str
    fence: str
    host: str
    till: str
    term: str
    beat: str

    @property
    def sign(self) -> str:
        """What changes with every sign of life."""
        return f"{self.fence}:{self.beat}"


_DECODER: Final = msgspec.msgpack.Decoder(_Holder)


class _Watched(NamedTuple):
    """The last sign of life of somebody's lease, since when it is the last, and its term."""

    sign: str
    since: float
    term: float


class Leases:
    """The leases of one store."""

    def __init__(self, calls: Calls, names: Names, clock: Clock, host: str) -> None:
        """Take the parts.

        Args:
            calls: runs the scripts.
            names: tell where the leases are.
            clock: its monotonic time is that of the host.
            host: names the host and its present boot.
        """
        self._calls = calls
        self._names = names
        self._clock = clock
        self._host = host
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs."""
        now = self._clock.monotonic()
        part = secrets.randbits(_RANDOM_BITS)
        given = (name, owner, repr(ttl), self._host, repr(now), repr(now + ttl), part)
        answer = self._calls.script(_LEASE, *given, self._dead(name, now))
        if isinstance(answer, list):
            sign, term = answer
            self._watch(name, sign.decode(), float(term), now)
            return None
        with self._lock:
            self._watched.pop(name, None)
        return Lease(name, owner, int(answer) << _RANDOM_BITS | part)

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease's term is over."""
        now = self._clock.monotonic()
        return self._held(lease, now, repr(ttl), repr(now + ttl))

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if its term is over."""
        return self._held(lease, self._clock.monotonic(), "", "")

    def sweep(self, limit: int) -> None:
        """Forget up to `limit` leases whose holders never gave them back."""
        now = self._clock.monotonic()
        for name, there in itertools.islice(self._every(), limit):
            holder = _DECODER.decode(there)
            if holder.host == self._host:
                is_over = float(holder.till) <= now
            else:
                self._watch(name, holder.sign, float(holder.term), now)
                is_over = self._dead(name, now) == holder.sign
            if is_over:
                self._calls.script(_FORGET, name, there)

    def _held(self, lease: Lease, now: float, term: str, till: str) -> bool:
        count, part = divmod(lease.fence, 1 << _RANDOM_BITS)
        given = (lease.name, lease.owner, f"{count}.{part}", self._host, repr(now), term, till)
        return bool(self._calls.script(_HELD, *given))

    def _dead(self, name: str, now: float) -> str:
        """Return the sign of the lease of that name if it has been the last for a whole term."""
        watched = self._watched.get(name)
        return watched.sign if watched and now - watched.since > watched.term else ""

    def _watch(self, name: str, sign: str, term: float, now: float) -> None:
        with self._lock:
            watched = self._watched.get(name)
            if watched is not None and watched.sign == sign:
                return
            if len(self._watched) >= _MOST_WATCHED:
                # The oldest: whoever still wants that lease begins to watch it again.
                del self._watched[next(iter(self._watched))]
            self._watched[name] = _Watched(sign, now, term)

    def _every(self) -> Iterator[tuple[str, bytes]]:
        cursor = 0
        while True:
            cursor, found = self._scanned(cursor)
            for name, lease in found.items():
                yield name.decode(), lease
            if not cursor:
                return

    def _scanned(self, cursor: int) -> tuple[int, dict[bytes, bytes]]:
        def scan(client: redis.Redis, _: int) -> tuple[int, dict[bytes, bytes]]:
            command = ("HSCAN", self._names.leases, cursor, "COUNT", _SCANNED)
            at, found = client.execute_command(*command)
            return int(at), found

        return self._calls.run(scan)


def host_id() -> str:
    """Return a text that names this host, its present boot, and the clock of this process's kind.

    A container can have a monotonic clock of its own (time_namespaces(7)). Where a host does not
    name its boot, each process is a host to the others: a term must not outlast a reboot.
    """
    boot = boot_id()
    if boot == NO_BOOT_ID:
        return secrets.token_hex(8)
    clock = Path("/proc/self/ns/time")
    return f"{boot}:{clock.readlink()}" if clock.is_symlink() else boot
