"""A store that is timed, and whose writes make this process forget what it had read before.

Composes a store and `Recent`; every call is the store's own.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from bridge import metrics
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
    Store,
    StoreUnavailableError,
    Version,
    versions,
)
from bridge.store.findings import Finding, Probed
from bridge.store.recent import Found, Key, Recent

_T = TypeVar("_T")
_What = TypeVar("_What")

# Timing a read takes a quarter of the time of the read; how long they take shows in these as well.
_READS_TO_A_TIMED_ONE: Final = 16


class WatchedStore:
    """The contract of `bridge.store.base.Store`, whose methods it documents.

    Attributes:
        inner: the store.
        recent: what is to forget.
    """

    def __init__(self, inner: Store, recent: Recent) -> None:
        self.inner = inner
        self.recent = recent
        self._reads = itertools.count()

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        return self._read("get", self.inner.get, ref)

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows."""
        return self._read("list", self.inner.list, query)

    def probe(self, query: Query) -> Probe:
        """Return what tells the versions of the rows that `list` would return, at each call."""
        look, reads = self.inner.probe(query), self._reads

        def looked() -> Sequence[Version]:
            if next(reads) % _READS_TO_A_TIMED_ONE == 0:
                return _timed("probe", look)
            try:
                return look()
            except StoreUnavailableError:
                metrics.count(metrics.STORE_FAILURES, "probe")
                raise

        return looked

    def put(self, row: Row) -> None:
        """Insert a row. Raises StoreConflictError if it exists."""
        self.commit((Put(row),))

    def replace(self, row: Row, expect_version: int) -> None:
        """Write over a version. Raises StoreConflictError if that is not the present one."""
        self.commit((Replace(row, expect_version),))

    def delete(self, ref: Ref, expect_version: int) -> None:
        """Remove a version. Raises StoreConflictError if that is not the present one."""
        self.commit((Delete(ref, expect_version),))

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        try:
            return _timed("claim_once", lambda: self.inner.claim_once(row))
        finally:
            self.recent.forget_written((Put(row),))

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none; raises StoreConflictError or GuardConflictError."""
        try:
            _timed("commit", lambda: self.inner.commit(ops, guard))
        finally:
            # Also where it failed: a write whose answer was lost may have happened.
            self.recent.forget_written(ops)

    def confirm(self) -> None:
        """Return once what was read before is as durable as a write of one's own."""
        self.inner.confirm()

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs."""
        return _timed("lease", lambda: self.inner.lease(name, owner, ttl))

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease is no longer its owner's."""
        return _timed("renew", lambda: self.inner.renew(lease, ttl))

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if it is no longer its owner's."""
        return _timed("release", lambda: self.inner.release(lease))

    def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
        """Add `member` and count distinct members of the last `window` seconds."""
        return _timed("count", lambda: self.inner.count(key, member, window, limit))

    def close_key(self, key_id: str) -> None:
        """Let no row be written under a key any more, by any process."""
        self.inner.close_key(key_id)

    def open_key(self, key_id: str) -> None:
        """Let rows be written under a key again."""
        self.inner.open_key(key_id)

    def closed_keys(self) -> Sequence[str]:
        """Return the keys that are closed, in order."""
        return self.inner.closed_keys()

    def kinds(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        return self.inner.kinds()

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are."""
        self.inner.load(rows)
        self.recent.forget_all()

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions."""
        self.inner.unload(refs)
        self.recent.forget_all()

    def sweep(self, kind: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`; returns how many."""
        swept = self.inner.sweep(kind, before, limit)
        if swept:
            self.recent.forget_all()
        return swept

    def check(self) -> None:
        """Prove that the backend answers reads and takes durable writes."""
        self.inner.check()

    def risks(self) -> Sequence[str]:
        """Return what the backend is set up to do that can lose acknowledged writes."""
        return self.inner.risks()

    def follow(self, follower: Follower) -> None:
        """Begin to tell of rows with a subject that any process writes."""
        self.inner.follow(follower)

    def close(self) -> None:
        """Close the store."""
        self.recent.forget_all()
        self.inner.close()

    def finding(self, key: Key, before: Finding | None = None) -> Finding:
        """Return the rows that a query selects, or the one of a place.

        Args:
            key: the query or the place.
            before: what it found earlier, which is not read again if it is still there.
        """
        del before  # it would have been asked whether it holds
        if isinstance(key, Query):
            return Probed(self.list(key), self.probe(key))
        return Probed(_some(self.get(key)), lambda: versions(_some(self.get(key))))

    def _read(self, call: str, read: Callable[[_What], _T], what: _What) -> _T:
        if next(self._reads) % _READS_TO_A_TIMED_ONE == 0:
            return _timed(call, lambda: read(what))
        try:
            return read(what)
        except StoreUnavailableError:
            metrics.count(metrics.STORE_FAILURES, call)
            raise


class RecentStore(WatchedStore):
    """The same, whose reads may be answered as they were a moment ago."""

    def get(self, ref: Ref) -> Row | None:
        """Return the row as it is now or was within the second, or None."""
        rows = self.find(ref).rows
        return rows[0] if rows else None

    def list(self, query: Query) -> Sequence[Row]:
        """Return rows as they are now or were within the second."""
        return self.find(query).rows

    def finding(self, key: Key, before: Finding | None = None) -> Finding:
        """Return the rows that a query selects, or the one of a place, as of within the second."""
        if before is None or not isinstance(key, Query):
            return self.find(key)
        rows = before.rows

        def fetch() -> Sequence[Row]:
            # Most rows are the same after a second: to find that out is less than to read them.
            is_same = self.probe(key)() == versions(rows)
            return rows if is_same else super(RecentStore, self).list(key)

        return self.recent.read(key, fetch)

    def find(self, key: Key) -> Found:
        """Return the same for this once."""
        if isinstance(key, Query):
            return self.recent.read(key, lambda: super(RecentStore, self).list(key))
        return self.recent.read(key, lambda: _some(super(RecentStore, self).get(key)))


def _timed(call: str, work: Callable[[], _T]) -> _T:
    began = time.perf_counter()
    try:
        return work()
    except StoreUnavailableError:
        metrics.count(metrics.STORE_FAILURES, call)
        raise
    finally:
        metrics.observe(metrics.STORE, call, time.perf_counter() - began)


def _some(row: Row | None) -> tuple[Row, ...]:
    return () if row is None else (row,)
