from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

import pytest

from bridge.store.base import Store
from tests.store.backends import BACKENDS, Backend, FakeClock

_ROOT: Final = Path(__file__).parents[2]


class Workers:
    """Processes that do the same job at the same moment."""

    def __init__(self, backend: str, folder: Path) -> None:
        self._command = [sys.executable, "-m", "tests.store.worker", backend, str(folder)]

    def start(self, job: str, number: int) -> subprocess.Popen[str]:
        """Start a process that waits for `begin` before it opens the store."""
        process = subprocess.Popen(
            [*self._command, job, str(number)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert output(process).readline() == "ready\n"
        return process

    def begin(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    def together(self, count: int, job: str) -> list[list[int]]:
        """Run a job in `count` processes, all of them ready before the first begins."""
        with ExitStack() as stack:
            running = []
            for number in range(count):
                running.append(stack.enter_context(self.start(job, number)))
                # Left over where the test fails, it would fail another one.
                stack.callback(running[-1].kill)
            for process in running:
                self.begin(process)
            told = [output(process).read() for process in running]
            assert [process.wait() for process in running] == [0] * count
        return [json.loads(each) for each in told]


def output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


@pytest.fixture(params=BACKENDS)
def backend_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def backend(backend_name: str, tmp_path: Path) -> Backend:
    return BACKENDS[backend_name](tmp_path)


@pytest.fixture
def workers(backend_name: str, tmp_path: Path) -> Workers:
    return Workers(backend_name, tmp_path)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(backend: Backend, clock: FakeClock) -> Iterator[Store]:
    opened = backend.open(clock)
    yield opened
    opened.close()
