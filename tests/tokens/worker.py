"""A process that reads tokens: `python -m tests.tokens.worker CONFIG SUBJECT READERS SWITCH_S`.

It builds a bridge's services, has its threads ready, says `ready`, and waits for a line with the
seconds by which its clock moves before all of them read. SWITCH_S is how long a thread keeps
Python's lock.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import structlog

from bridge.config import load
from bridge.errors import BridgeError
from bridge.model import Caller
from bridge.secret import fingerprint
from bridge.services import Services, build
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, TENANT, ShiftedClock

CALLER = Caller("worker", None, None, frozenset({"token"}))


def main() -> None:
    """Read and tell what came of it."""
    config, subject, readers, switch = *sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4])
    # The log would come between the lines that the test reads.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock = ShiftedClock()
    services = build(load(Path(config), {}), clock)
    begin = threading.Barrier(readers + 1)
    results: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=_read, args=(services, subject, begin, results))
        for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    _say("ready")
    sys.setswitchinterval(switch)
    clock.shift = float(sys.stdin.readline())
    begin.wait()
    for thread in threads:
        thread.join()
    services.close()
    _say(json.dumps(results))


def _read(
    services: Services, subject: str, begin: threading.Barrier, results: list[dict[str, Any]]
) -> None:
    begin.wait()
    request = TokenRequest(tenant=TENANT, subject=subject, scopes=(CALENDAR,))
    try:
        served = services.tokens.read(CALLER, request)
    except BridgeError as error:
        results.append({"error": error.code.value, "reason": error.reason})
    else:
        results.append({"token": fingerprint(served.access_token)})


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
