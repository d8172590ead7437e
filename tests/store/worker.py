"""A process of its own that does a job on a store: `python -m tests.store.worker`."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

from bridge.clock import SystemClock
from bridge.store.base import Store
from tests.store.backends import BACKENDS, row
from tests.store.jobs import JOBS


def main() -> None:
    """Wait for the starting signal, open the store, do the job, tell the result."""
    backend, folder, job, number = sys.argv[1:]
    _say("ready")
    sys.stdin.readline()
    store = BACKENDS[backend](Path(folder)).open(SystemClock())
    if job == "write":
        _write_until_killed(store, number)
    else:
        _say(json.dumps(JOBS[job](store, int(number))))
    store.close()


def _write_until_killed(store: Store, number: str) -> None:
    for n in itertools.count():
        id_ = f"{number}.{n}"
        store.put(row(id_))
        _say(id_)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
