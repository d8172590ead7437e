"""The store of many hosts: one Redis, alone or with Sentinels, or a Cluster.

Composes the parts into the contract of `base`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.clock import Clock
from bridge.config.redis_url import RedisAddress
from bridge.config.store import RedisSettings
from bridge.store import redis_safety
from bridge.store.base import (
    Counted,
    Delete,
    Follower,
    Lease,
    Op,
    Probe,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    StoreUnavailableError,
    versions,
)
from bridge.store.redis_calls import Calls, Script
from bridge.store.redis_changes import Changes
from bridge.store.redis_counters import Counters
from bridge.store.redis_leases import Leases, host_id
from bridge.store.redis_names import Names
from bridge.store.redis_primary import Primary
from bridge.store.redis_records import Records

_CHECK: Final = Script("check")


class RedisStore:
    """The contract of `bridge.store.base.Store` on Redis, whose methods it documents."""

    def __init__(
        self,
        address: RedisAddress,
        settings: RedisSettings,
        clock: Clock,
        *,
        host: str | None = None,
    ) -> None:
        """Take where the store is; the first call connects.

        Args:
            address: where the Redis is.
            settings: how to use it.
            clock: tells leases the time, and windows too unless it is the system's.
            host: names this host and its present boot; None asks the host.
        """
        self._accepted = settings.accept
        self._names = Names(settings.prefix)
        primary = Primary(address, settings)
        self._calls = Calls(primary, settings, self._names.base)
        self._changes = Changes(primary, self._names, clock, settings.timeout_s)
        self._records = Records(self._calls, self._names)
        self._leases = Leases(self._calls, self._names, clock, host or host_id())
        self._counters = Counters(self._calls, clock)

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        return self._records.get(ref)

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows."""
        return self._records.list(query)

    def probe(self, query: Query) -> Probe:
        """Return what tells the versions of the rows that `list` would return, at each call."""
        return lambda: versions(self.list(query))

    def put(self, row: Row) -> None:
        """Insert a row. Raises StoreConflictError if it exists."""
        self._records.commit((Put(row),))

    def replace(self, row: Row, expect_version: int) -> None:
        """Write over a version. Raises StoreConflictError if that is not the present one."""
        self._records.commit((Replace(row, expect_version),))

    def delete(self, ref: Ref, expect_version: int) -> None:
        """Remove a version. Raises StoreConflictError if that is not the present one."""
        self._records.commit((Delete(ref, expect_version),))

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        return self._records.claim_once(row)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none; raises StoreConflictError or GuardConflictError."""
        self._records.commit(ops, guard)

    def confirm(self) -> None:
        """Return once what was read before is as durable as a write of one's own."""
        if self._calls.waits:
            self.check()

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs."""
        return self._leases.lease(name, owner, ttl)

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease is no longer its owner's."""
        return self._leases.renew(lease, ttl)

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if it is no longer its owner's."""
        return self._leases.release(lease)

    def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
        """Add `member` and count distinct members of the last `window` seconds."""
        return self._counters.count(key, member, window, limit)

    def close_key(self, key_id: str) -> None:
        """Let no row be written under a key any more, by any process."""
        self._records.close_key(key_id)

    def open_key(self, key_id: str) -> None:
        """Let rows be written under a key again."""
        self._records.open_key(key_id)

    def closed_keys(self) -> Sequence[str]:
        """Return the keys that are closed, in order."""
        return self._records.closed_keys()

    def kinds(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        return self._records.kinds()

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are."""
        self._records.load(rows)

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions."""
        self._records.unload(refs)

    def sweep(self, kind: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`; returns how many.

        Windows' members go by themselves.
        """
        self._leases.sweep(limit)
        return self._records.sweep(kind, before, limit)

    def check(self) -> None:
        """Prove that the primary, and the replicas that must, take writes."""
        if not self._calls.write(_CHECK):
            raise StoreUnavailableError("a write cannot be read")

    def risks(self) -> Sequence[str]:
        """Return what the server is set up to do that can lose acknowledged writes."""
        return [danger.sentence for danger in redis_safety.dangers(self._calls)]

    def refuse_risks(self) -> None:
        """Check the server's set-up. Raises BridgeError for a risk that is not accepted."""
        redis_safety.refuse(redis_safety.dangers(self._calls), self._accepted)

    def follow(self, follower: Follower) -> None:
        """Begin to tell of rows with a subject that any process writes."""
        self._changes.follow(follower)

    def close(self) -> None:
        """Close this process's connections; later calls raise StoreUnavailableError."""
        self._changes.stop()
        self._calls.close()
