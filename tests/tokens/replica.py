"""A whole bridge in a process of its own: `python -m tests.tokens.replica CONFIG`.

It does what it is told by lines on its standard input, each at once and in a thread of its own,
and can have a refresh stop where a test wants something to happen elsewhere.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from bridge.config import Permission, load
from bridge.errors import BridgeError
from bridge.model import Caller
from bridge.services import Services, build
from bridge.signing.webhooks import SignedHeaders, sign
from bridge.store.base import Counted, Op, Replace, Row
from bridge.store.watched import WatchedStore
from bridge.tokens.wire import TokenRequest
from bridge.vault.grants import KIND
from tests.kit import TENANT, ShiftedClock
from tests.tokens.orders import Order, Point, Report

_CALLER = Caller("replica", None, None, frozenset(Permission))
_DECODER = msgspec.json.Decoder(Order)


class Stop:
    """A point where the next refresh waits until it is let go."""

    def __init__(self) -> None:
        self._point: Point | None = None
        self._lock = threading.Lock()
        self._going = threading.Event()

    def set_up(self, point: Point) -> None:
        self._going.clear()
        self._point = point

    def let_go(self) -> None:
        self._going.set()

    def passing(self, point: Point) -> None:
        with self._lock:
            if point != self._point:
                return
            self._point = None
        _tell(Report(of="at"))
        self._going.wait()


class StoppingStore(WatchedStore):
    """A store that knows by what is asked of it how far a refresh has come."""

    def __init__(self, inner: WatchedStore, stop: Stop) -> None:
        super().__init__(inner.inner, inner.recent)
        self._stop = stop

    def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
        if member and key.startswith("pace:"):
            self._stop.passing("call")
        if key.startswith("refreshes:"):
            self._stop.passing("look")
        return super().count(key, member, window, limit)

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        if any(isinstance(op, Replace) and op.row.ref.kind == KIND for op in ops):
            self._stop.passing("write")
        super().commit(ops, guard)


def main() -> None:
    """Carry out orders until there are no more."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    clock = ShiftedClock()
    services = build(load(Path(sys.argv[1]), {}), clock)
    stop = Stop()
    services.store.inner = StoppingStore(services.store, stop)
    services.start()
    _tell(Report(of="ready"))
    threads: list[threading.Thread] = []
    for line in sys.stdin:
        order = _DECODER.decode(line)
        clock.shift = order.shift
        threads = [thread for thread in threads if thread.is_alive()]
        if order.do == "stop":
            stop.set_up(order.point)
            _tell(Report(of="stop"))
        elif order.do == "go":
            stop.let_go()
        else:
            threads.append(threading.Thread(target=_carry_out, args=(services, order)))
            threads[-1].start()
    for thread in threads:
        thread.join()
    services.close()


def _carry_out(services: Services, order: Order) -> None:
    try:
        _do(services, order)
    except BridgeError as error:
        _tell(Report(of=order.do, refused=error.code.value))
    else:
        _tell(Report(of=order.do))


def _do(services: Services, order: Order) -> None:
    match order.do:
        case "read":
            request = TokenRequest(tenant=TENANT, subject=order.subject, scopes=(order.scope,))
            services.tokens.read(_CALLER, request)
        case "hook":
            body = order.message.encode()
            stamp = int(services.clock.now())
            secret = services.settings.tenants[TENANT].hook_secrets[0]
            signature = sign(secret, order.message_id, stamp, body)
            headers = SignedHeaders(order.message_id, str(stamp), signature)
            services.hook.take(TENANT, headers, body)
        case "revoke":
            services.admin.revoke(_CALLER, order.grant, dry_run=False)
        case "forget":
            services.admin.forget(_CALLER, order.grant)


def _tell(report: Report) -> None:
    # One write each: threads tell at the same time.
    os.write(1, msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
