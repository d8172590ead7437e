from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.clock import SystemClock
from bridge.errors import Code
from bridge.store.base import (
    Lease,
    Put,
    Query,
    Store,
    StoreConflictError,
    StoreUnavailableError,
)
from tests.store.backends import Backend, FakeClock, RedisBackend, row
from tests.store.conftest import Workers, output

LEASE = Lease("a", "me", 1)
CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get(row().ref),
    "list": lambda store: store.list(Query("grant", subject="user")),
    "put": lambda store: store.put(row("two")),
    "replace": lambda store: store.replace(row(version=2), 1),
    "delete": lambda store: store.delete(row().ref, 1),
    "claim_once": lambda store: store.claim_once(row("two")),
    "commit": lambda store: store.commit([Put(row("two"))], guard=row("guard")),
    "close_key": lambda store: store.close_key("k9"),
    "open_key": lambda store: store.open_key("k9"),
    "closed_keys": lambda store: store.closed_keys(),
    "lease": lambda store: store.lease("a", "me", 10),
    "renew": lambda store: store.renew(LEASE, 10),
    "release": lambda store: store.release(LEASE),
    "count": lambda store: store.count("k", "m", 10),
    "count only": lambda store: store.count("k", "", 10),
    "sweep": lambda store: store.sweep("grant", 10, 10),
    "check": lambda store: store.check(),
}


@pytest.fixture
def backend(backend: Backend) -> Backend:
    """The same, whose calls give up soon where nobody answers."""
    if isinstance(backend, RedisBackend):
        backend.patience_s = 0.2
    return backend


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Callable[[Store], object]:
    return CALLS[request.param]


def test_a_backend_that_is_down_can_be_tried_again(
    store: Store, backend: Backend, clock: FakeClock, call: Callable[[Store], object]
) -> None:
    """Every call on an unreachable backend is a retryable error, and works once it is back."""
    store.put(row())
    backend.stop()
    clock.advance(2)
    with pytest.raises(StoreUnavailableError) as caught:
        call(store)
    assert caught.value.code is Code.STORE_UNAVAILABLE
    assert caught.value.answer.retryable
    backend.start()
    clock.advance(2)
    assert store.get(row().ref) == row()
    call(store)


def test_a_closed_store_says_so(store: Store, call: Callable[[Store], object]) -> None:
    """Every call after `close` is StoreUnavailableError, and closing twice is no error."""
    store.put(row())
    store.close()
    with pytest.raises(StoreUnavailableError):
        call(store)
    store.close()


def test_a_check_passes_and_leaves_no_trace(store: Store) -> None:
    """A check of a store in order returns, and adds no row that a listing shows."""
    store.put(row())
    store.check()
    assert store.list(Query("grant")) == [row()]


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(backend: Backend, workers: Workers) -> None:
    """A writer killed as it writes loses no row it had reported, and blocks nobody."""
    for number, rows in enumerate([1, 2, 7, 20, 45, 70]):
        writer = workers.start("write", number)
        workers.begin(writer)
        reported = [output(writer).readline().strip() for _ in range(rows)]
        writer.kill()
        # A line that was cut off by the kill reports nothing.
        reported += [line.strip() for line in output(writer) if line.endswith("\n")]
        with writer:
            writer.wait()
        store = backend.open(SystemClock())
        try:
            assert all(store.get(row(id_).ref) == row(id_) for id_ in reported)
            store.put(row(f"after {number}"))
            with pytest.raises(StoreConflictError):
                store.put(row(reported[0]))
        finally:
            store.close()
