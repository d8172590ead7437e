"""Many grants at once: made by the vault in several processes, written in few transactions.

The rows are what the bridge itself would write, by the store's own statements; what is saved is
one fsync a grant, which leaves no trace in the file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Final, NamedTuple, TypeVar, cast

from bench.setup import Grower, Setup, random_account, random_subject
from bridge.clock import SystemClock
from bridge.config import load
from bridge.model import Grant
from bridge.services import Services, build
from bridge.store.base import Op, Put
from bridge.store.sqlite_connections import Connections
from bridge.store.sqlite_group import Action
from bridge.store.sqlite_records import Records
from bridge.vault.records import Held

BATCH: Final = 2500
_LIFE_S: Final = 3600
_AHEAD: Final = 4
_T = TypeVar("_T")


class Batch(NamedTuple):
    """Grants to be written: whose they are, their rows as captured, and as first refreshed."""

    subjects: list[str]
    captured: list[Op]
    refreshed: list[Op]


def fill(setup: Setup, count: int, *, keep: int) -> list[str]:
    """Write `count` grants into a setup's store; return about `keep` of their subjects."""
    with setup.services():
        pass  # lets the store be made, and its keys be proven, as at any first start
    connections = Connections(setup.store, SystemClock())
    kept: list[str] = []
    before: list[Op] = []
    for batch in _batches(setup, count):
        # A grant is refreshed when others have been captured meanwhile: pages fill as they would.
        _write(connections, [*batch.captured, *before])
        before = batch.refreshed
        kept += batch.subjects[:: max(1, count // keep)]
    _write(connections, before)
    connections.close()
    return kept


def _batches(setup: Setup, count: int) -> Iterator[Batch]:
    sizes = deque(min(BATCH, count - done) for done in range(0, count, BATCH))
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        running: deque[Future[Batch]] = deque()
        while sizes or running:
            while sizes and len(running) < _AHEAD:
                running.append(pool.submit(_made, setup, sizes.popleft()))
            yield running.popleft().result()


def _made(setup: Setup, count: int) -> Batch:
    services = build(load(setup.config, {}))
    try:
        grower = Grower(services, setup.app)
        subjects = [random_subject() for _ in range(count)]
        pairs = [_life(services, grower, subject) for subject in subjects]
    finally:
        services.close()
    return Batch(subjects, [put for put, _ in pairs], [again for _, again in pairs])


def _life(services: Services, grower: Grower, subject: str) -> tuple[Op, Op]:
    """Return the two writes of a grant's life; what the journal tells of them is not a grant."""
    now = int(time.time())
    captured = grower.captured(subject, random_account())
    put, *_ = services.grants.write(None, captured)
    grown = grower.in_use(captured, expires_at=now + _LIFE_S, issued_at=now)
    again, *_ = services.grants.write(_as_read(put, captured), grown)
    return put, again


def _as_read(op: Op, grant: Grant) -> Held[Grant]:
    if not isinstance(op, Put):
        raise TypeError("a new grant is put")
    return Held(op.row, grant)


class _OneTransaction:
    """Stands for the store's connections inside a transaction that is open already."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()

    def write(self, action: Action[_T]) -> _T:
        return action(self._connection)


def _write(connections: Connections, ops: Sequence[Op]) -> None:
    def write(connection: sqlite3.Connection) -> None:
        records = Records(cast("Connections", _OneTransaction(connection)))
        for op in ops:
            records.commit((op,))

    connections.write(write)
