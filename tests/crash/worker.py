"""Processes that work until they are killed: `python -m tests.crash.worker CONFIG`.

One process reads the program once and forks a child for each order it gets; the child does the
work and tells each thing that is done the moment the bridge has acknowledged it.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from bridge.config import Permission, load
from bridge.crypto.keyring import KeyUnavailableError
from bridge.errors import BridgeError, Code
from bridge.model import Caller
from bridge.secret import fingerprint
from bridge.services import Services, build
from bridge.signing.webhooks import SignedHeaders, sign
from bridge.store.base import KeyClosedError
from bridge.tokens.wire import TokenRequest
from tests.crash.orders import Deed, Order
from tests.kit import CALENDAR, TENANT, ShiftedClock

_THREADS = 2
_TRIES = 20
_CALLER = Caller("crash", None, None, frozenset(Permission))
_ENDED = (Code.GRANT_MISSING, Code.REAUTH_REQUIRED)


def main() -> None:
    """Fork a child for each order on standard input; tell its life's events."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if child == 0:
            _live(order)
        _tell(f"born {child}")
        # Left unreaped until the parent says so: its number cannot be another process's meanwhile.
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        _tell(f"over {ended.si_status if ended else 0}")
        sys.stdin.readline()
        os.waitpid(child, 0)


def _live(order: Order) -> None:
    try:
        _work(order)
    except BaseException as error:  # noqa: BLE001 - told to the test, which fails by it
        _tell(f"failed {type(error).__name__} {error}".replace("\n", " "))
    os._exit(0)


def _work(order: Order) -> None:
    clock = ShiftedClock()
    clock.advance(order.shift)
    services = build(load(Path(sys.argv[1]), {}), clock)
    services.prove()
    _tell("ready")
    match order.work:
        case "deeds":
            _do_all(services, order.deeds, _THREADS)
        case "rotation":
            threading.Thread(target=_do_part, args=(services, order.deeds), daemon=True).start()
            _rotate(services)
        case "import":
            _import(services, Path(order.lines))


def _do_all(services: Services, deeds: Sequence[Deed], threads: int) -> None:
    parts = [[d for d in deeds if _part_of(d) % threads == n] for n in range(threads)]
    workers = [threading.Thread(target=_do_part, args=(services, part)) for part in parts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _part_of(deed: Deed) -> int:
    return zlib.crc32(deed.subject.encode())


def _do_part(services: Services, deeds: Sequence[Deed]) -> None:
    try:
        for deed in deeds:
            _do(services, deed)
            _tell(f"done {deed.number}")
    except Exception as error:  # noqa: BLE001 - told to the test, which fails by it
        _tell(f"failed {type(error).__name__} {error}".replace("\n", " "))


def _do(services: Services, deed: Deed) -> None:
    match deed.verb:
        case "hook":
            _send(services, deed)
        case "read":
            _read_twice(services, deed.subject)
        case "forget":
            for held in services.grants.find(TENANT, deed.subject):
                services.admin.forget(_CALLER, held.record.id)
        case "revoke":
            for held in services.grants.find(TENANT, deed.subject):
                services.admin.revoke(_CALLER, held.record.id, dry_run=False)


def _send(services: Services, deed: Deed) -> None:
    body = json.dumps(deed.message, sort_keys=True).encode()
    stamp = int(services.clock.now())
    secret = services.settings.tenants[TENANT].hook_secrets[0]
    headers = SignedHeaders(deed.message_id, str(stamp), sign(secret, deed.message_id, stamp, body))
    for _ in range(_TRIES):
        try:
            services.hook.take(TENANT, headers, body)
        except (KeyClosedError, KeyUnavailableError):
            # What its token was sealed with is retired: an IdP sends the message again.
            continue
        return
    raise AssertionError("the bridge takes no messages")


def _read_twice(services: Services, subject: str) -> None:
    """Read a token, then have it refreshed, whether or not it was fresh."""
    rejected: str | None = None
    for _ in range(2):
        request = TokenRequest(
            tenant=TENANT, subject=subject, scopes=(CALENDAR,), rejected=rejected
        )
        try:
            rejected = fingerprint(services.tokens.read(_CALLER, request).access_token)
        except BridgeError as error:
            if error.code not in _ENDED:
                raise


def _rotate(services: Services) -> None:
    admin = services.key_admin
    for number in itertools.count():
        if number:
            admin.add()
        rotated = admin.rotate(None, lambda _: None)
        for key_id in services.keys.present.records.ids[1:]:
            _retire(services, key_id)
        _tell(f"rotated {rotated.damaged}")


def _retire(services: Services, key_id: str) -> None:
    try:
        services.key_admin.retire(key_id)
    except BridgeError as error:
        # A login has just been written under it: the next rotation moves that.
        if error.code is not Code.CONFLICT:
            raise


def _import(services: Services, lines: Path) -> None:
    with lines.open("rb") as file:
        for result in services.importer.run(file, dry_run=False):
            _tell(f"line {result.number} {result.fate.value}")
    _tell("finished")


def _tell(line: str) -> None:
    # One write each: a line is in the pipe whole, or not at all, whenever its writer dies.
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
