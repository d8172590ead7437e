"""A replica whose callers ask again and again: `python -m tests.tokens.wave_reader CONFIG NAME…`.

It says `ready` when it is built, waits for a line, and reads the subjects' tokens by several
threads until each of them is a new one; then it tells which reads failed.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from bridge.config import load
from bridge.errors import BridgeError
from bridge.model import Caller
from bridge.services import Services, build
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, TENANT

THREADS = 12
_PAUSE_S = 0.02
# A token that lives longer has been refreshed; the old ones have less than a few minutes left.
_NEW_S = 3000


class Failure(NamedTuple):
    """A read that failed, and whether its subject's old token still lived."""

    subject: str
    code: str
    detail: str
    lives: bool


_CALLER = Caller("wave", None, None, frozenset({"token"}))


def main() -> None:
    """Read and tell what came of it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    services = build(load(Path(sys.argv[1]), {}))
    services.start()
    subjects = sys.argv[2:]
    failures: list[Failure] = []
    threads = [
        threading.Thread(target=_read_all, args=(services, subjects[part::THREADS], failures))
        for part in range(THREADS)
    ]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.close()
    sys.stdout.write(msgspec.json.encode(failures).decode())


def _read_all(services: Services, subjects: list[str], failures: list[Failure]) -> None:
    lives_until = dict.fromkeys(subjects, 0)
    while lives_until:
        for subject in tuple(lives_until):
            # As often as backends ask, and not as often as a processor can.
            time.sleep(_PAUSE_S)
            began = time.monotonic()
            request = TokenRequest(tenant=TENANT, subject=subject, scopes=(CALENDAR,))
            try:
                served = services.tokens.read(_CALLER, request)
            except BridgeError as error:
                lives = time.time() < lives_until[subject]
                detail = f"{error.reason} {error.context} after {time.monotonic() - began:.2f} s"
                failures.append(Failure(subject, error.code.value, detail, lives))
                continue
            lives_until[subject] = served.expires_at
            if served.expires_at - time.time() > _NEW_S:
                del lives_until[subject]


if __name__ == "__main__":
    main()
