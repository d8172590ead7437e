"""A process that takes hook messages: `python -m tests.consent.worker CONFIG SHIFT`.

It builds a bridge's services, says `ready`, reads a line with a JSON list of requests, sends them
all at once from threads of their own, and says what was answered.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog
from werkzeug.test import Client

from bridge.config import load
from bridge.services import build
from tests.kit import ShiftedClock
from tests.wsgi import internal_wsgi


def main() -> None:
    """Send and tell."""
    # The log would come between the lines that the test reads.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    clock = ShiftedClock()
    clock.shift = float(sys.argv[2])
    services = build(load(Path(sys.argv[1]), {}), clock)
    app = internal_wsgi(services)
    _say("ready")
    requests: list[dict[str, Any]] = json.loads(sys.stdin.readline())
    begin = threading.Barrier(len(requests))

    def send(request: dict[str, Any]) -> Any:
        begin.wait()
        body, headers = request["body"].encode(), request["headers"]
        return Client(app).post(request["path"], data=body, headers=headers).get_json(force=True)

    with ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(send, requests))
    services.close()
    _say(json.dumps(answers))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
