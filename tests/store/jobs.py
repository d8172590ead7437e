"""What threads and processes do at the same time in the races; each job can be done by either."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from bridge.store.base import (
    Append,
    KeyClosedError,
    Query,
    Ref,
    Row,
    Store,
    StoreConflictError,
)
from tests.store.backends import row

COUNTER: Final = Ref("number", "p", "counter")
ROUNDS: Final = 25
_MOST_ROUNDS: Final = 100 * ROUNDS


def nothing(store: Store, worker: int) -> list[int]:
    """Leave it at having opened the store."""
    return []


def add(store: Store, worker: int) -> list[int]:
    """Add 1 to a number ROUNDS times by compare and set."""
    added = 0
    while added < ROUNDS:
        found = store.get(COUNTER)
        assert found is not None
        body = str(int(found.body) + 1).encode()
        with contextlib.suppress(StoreConflictError):
            store.replace(Row(COUNTER, found.version + 1, body), found.version)
            added += 1
    return []


def claim(store: Store, worker: int) -> list[int]:
    """Claim ROUNDS names; return those won."""
    body = str(worker).encode()
    return [n for n in range(ROUNDS) if store.claim_once(row(f"c{n}", body=body)) is None]


def lease(store: Store, worker: int) -> list[int]:
    """Take ROUNDS leases and keep them; return those won."""
    return [n for n in range(ROUNDS) if store.lease(f"l{n}", f"owner {worker}", 600) is not None]


def enter(store: Store, worker: int) -> list[int]:
    """Enter a room of one ROUNDS times under a lease; return the fences."""
    fences: list[int] = []
    inside = row("inside", kind="room")
    while len(fences) < ROUNDS:
        held = store.lease("room", f"owner {worker}", 600)
        if held is not None:
            store.put(inside)  # conflicts if anyone else is in
            store.delete(inside.ref, inside.version)
            assert store.release(held)
            fences.append(held.fence)
        else:
            time.sleep(0.0005)  # those outside must not starve the one inside of the processor
    return fences


def count(store: Store, worker: int) -> list[int]:
    """Ask for ROUNDS places of a window that has fewer; return those let in."""
    return [
        n for n in range(ROUNDS) if store.count("window", f"{worker}.{n}", 600, limit=40).admitted
    ]


def append(store: Store, worker: int) -> list[int]:
    """Append ROUNDS rows, and after each read on; return the positions in the order seen."""
    seen: list[int] = []
    for n in range(ROUNDS):
        store.commit([Append(row(f"{worker}.{n}", kind="event", partition=f"p{worker}"))])
        while rows := store.list(Query("event", after_position=seen[-1] if seen else 0, limit=7)):
            seen += [found.position or 0 for found in rows]
    return seen


def fence(store: Store, worker: int) -> list[int]:
    """Write under a key until it is closed; return what was written.

    The first worker writes ROUNDS rows and closes it, and returns how many rows are listed then.
    """
    written: list[int] = []
    if worker == 0:
        for n in range(ROUNDS):
            store.put(row(f"0.{n}"))
        store.close_key("k1")
        return [len(store.list(Query("grant", key_id="k1", limit=1_000_000)))]
    with contextlib.suppress(KeyClosedError):
        for n in range(_MOST_ROUNDS):
            store.commit([Append(row(f"{worker}.{n}"))])
            written.append(n)
    return written


JOBS: Final[dict[str, Callable[[Store, int], list[int]]]] = {
    job.__name__: job for job in (nothing, add, claim, lease, enter, count, append, fence)
}
