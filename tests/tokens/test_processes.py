"""One refresh over several processes, and what becomes of it when one of them dies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import pytest

from bridge.model import State
from tests.kit import CALENDAR, HOUR, World
from tests.tokens.support import Later, calls, held, proven, under_way
from tests.tokens.test_error_table import NEW_ERROR

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]


class Worker:
    """A process whose threads are ready to read."""

    def __init__(self, bridge: World, subject: str, readers: int, switch: float) -> None:
        self._bridge = bridge
        command = [sys.executable, "-m", "tests.tokens.worker", str(bridge.config), subject]
        self.process = subprocess.Popen(
            [*command, str(readers), str(switch)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._output.readline() == "ready\n"

    @property
    def _output(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def begin(self) -> None:
        """Move the process's clock to the bridge's, and let its threads read."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self._bridge.clock.shift}\n")
        self.process.stdin.flush()

    def results(self) -> list[dict[str, Any]]:
        output = self._output.read()
        assert self.process.wait() == 0
        results: list[dict[str, Any]] = json.loads(output)
        return results


Start = Callable[..., Worker]

# Threads take turns as often as they can, so that what is not safe among them shows. Not where a
# lease is to be renewed in time: hundreds of them are slow at it.
EAGER: Final = 1e-6


@pytest.fixture
def start(bridge_world: World) -> Iterator[Start]:
    """Return a way to start workers; they are gone after the test."""
    started: list[Worker] = []

    def one(subject: str, readers: int, switch: float = sys.getswitchinterval()) -> Worker:
        started.append(Worker(bridge_world, subject, readers, switch))
        return started[-1]

    yield one
    for worker in started:
        with worker.process:
            worker.process.kill()


def test_a_storm_of_two_hundred_readers_is_one_call(bridge_world: World, start: Start) -> None:
    """200 readers of 4 processes, ready before the expiry; Google takes 3 s; one call, no error."""
    proven(bridge_world, "u1")
    workers = [start("u1", 50) for _ in range(4)]
    bridge_world.clock.advance(2 * HOUR)
    before = calls(bridge_world)
    bridge_world.google.hold("token", seconds=3)

    for worker in workers:
        worker.begin()
    results = [result for worker in workers for result in worker.results()]

    assert len(results) == 200
    assert calls(bridge_world) - before == 1
    assert len({result["token"] for result in results}) == 1


def test_a_process_survives_its_first_readers(bridge_world: World, start: Start) -> None:
    """Whatever is built at its first use is safe for threads that use it first all at once.

    What msgspec knows of a type is not: two threads that build it at once crash the process.
    """
    proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    workers = [start("u1", 32, EAGER) for _ in range(12)]

    for worker in workers:
        worker.begin()
        assert len(worker.results()) == 32


def test_a_failure_is_shared_by_readers_of_all_processes(bridge_world: World, start: Start) -> None:
    """One answer that helps nobody is one call, however many readers in however many processes."""
    proven(bridge_world, "u1")
    workers = [start("u1", 10) for _ in range(3)]
    bridge_world.clock.advance(2 * HOUR)
    before = calls(bridge_world)
    bridge_world.google.inject("token", NEW_ERROR, times=None)
    bridge_world.google.hold("token", seconds=1)

    for worker in workers:
        worker.begin()
    results = [result for worker in workers for result in worker.results()]

    assert calls(bridge_world) - before == 1
    assert results == [{"error": "upstream_unavailable", "reason": "unrecognised"}] * 30
    assert bridge_world.grant_of("u1").state is State.ACTIVE


def test_a_killed_holder_s_lease_is_taken_over_after_its_term(
    bridge_world: World, start: Start
) -> None:
    """A process killed in the midst of a refresh costs no reader its token.

    The term ends long before a reader's patience does, and whoever waits then refreshes.
    """
    proven(bridge_world, "u1")
    worker = start("u1", 1)
    bridge_world.clock.advance(2 * HOUR)
    hold = held(bridge_world)
    worker.begin()
    under_way(hold)
    before = calls(bridge_world)

    reading = Later(lambda: bridge_world.read("u1", CALENDAR))
    worker.process.kill()
    worker.process.wait()

    assert reading.outcome().scope
    assert calls(bridge_world) - before == 1
    hold.release()
