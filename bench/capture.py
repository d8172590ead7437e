"""Captures: signed hook messages with a verified ID token, each on disk before its answer.

Two figures: as many as go, and how long one takes at 200 a second compared with what it cannot do
without: a commit and an HTTP answer.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from bench import programs
from bench.client import Sample, paced
from bench.harness import Beside, Figure, Measure, Plan, at_least, at_most, median, percentile
from bench.messages import Messages
from bench.setup import GoogleApp, Setup, set_up
from bench.wire import get
from bench.wrk import Load, load, requests_file
from bridge.clock import SystemClock
from bridge.sandbox import SandboxServer
from bridge.store.base import Put, Ref, Row
from bridge.store.sqlite import SqliteStore

_CONNECTIONS: Final = 64
_MOST_PER_SECOND: Final = 4000
_PACE: Final = 200
_WORKERS: Final = 2
_BODY_BYTES: Final = 900  # of a captured grant


def run(plan: Plan) -> Figure:
    """Measure."""
    rounds, seconds = plan.of(3, 1), plan.of(4, 3)
    with SandboxServer() as server:
        client = server.google.clients.create(project="111122223333")
        app = GoogleApp(client.client_id, client.secrets[0], server.url)
        setup = set_up(plan.folder / "bridge", app=app, workers=_WORKERS)
        messages = Messages(server.google, client, setup)
        captures: list[Load] = []
        logins: list[Load] = []
        paces: list[_Paced] = []
        for _ in range(rounds):
            captures.append(_full(plan.folder, setup, messages.captures(), seconds))
            told = (login.message for login in messages.logins())
            logins.append(_full(plan.folder, setup, told, seconds))
            paces.append(_paced(plan, setup, messages))
    return _figure(setup, captures, logins, paces)


class _Paced:
    """The p99 of captures at a pace, and of its two parts, in seconds."""

    def __init__(self, captures: list[Sample], hellos: list[Sample], commits: list[float]) -> None:
        self.capture = percentile([one.seconds for one in captures], 0.99)
        self.median = percentile([one.seconds for one in captures], 0.5)
        self.hello = percentile([one.seconds for one in hellos], 0.99)
        self.commit = percentile(commits, 0.99)
        self.errors = sum(one.status != 200 for one in (*captures, *hellos))

    @property
    def ratio(self) -> float:
        """The capture's p99 in terms of the two."""
        return self.capture / (self.commit + self.hello)


def _full(folder: Path, setup: Setup, source: Iterator[bytes], seconds: int) -> Load:
    file = requests_file(folder / "messages", _taken(source, _MOST_PER_SECOND * seconds))
    with programs.bridge(setup):
        return load(setup.port, file, seconds=seconds, connections=_CONNECTIONS)


def _paced(plan: Plan, setup: Setup, messages: Messages) -> _Paced:
    seconds = plan.of(10, 5)
    captures = list(_taken(messages.captures(), _PACE * (seconds + 1)))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        commits = pool.submit(paced_commits, plan.folder / "bare.db", _PACE, seconds).result()
        with programs.hello(setup):
            hellos = pool.submit(
                paced, setup.port, [get("/")], rate=_PACE, seconds=seconds
            ).result()
        with programs.bridge(setup):
            taken = pool.submit(paced, setup.port, captures, rate=_PACE, seconds=seconds).result()
    return _Paced(taken, hellos, commits)


def paced_commits(path: Path, rate: int, seconds: int) -> list[float]:
    """Return how long bare commits of one row take, at a pace, in seconds."""
    store = SqliteStore(path, SystemClock())
    taken = []
    start = time.perf_counter()
    for number in range(rate * seconds):
        row = Row(
            ref=Ref("bare", secrets.token_hex(8), "row"),
            version=1,
            body=secrets.token_bytes(_BODY_BYTES),
        )
        time.sleep(max(0.0, start + number / rate - time.perf_counter()))
        begun = time.perf_counter()
        store.commit([Put(row)])
        taken.append(time.perf_counter() - begun)
    store.close()
    return taken


def _taken(source: Iterator[bytes], count: int) -> Iterator[bytes]:
    return (next(source) for _ in range(count))


def _figure(setup: Setup, captures: list[Load], logins: list[Load], paces: list[_Paced]) -> Figure:
    per_second = median([one.per_second for one in captures])
    ratio = median([one.ratio for one in paces])
    errors = sum(one.errors for one in (*captures, *logins)) + sum(one.errors for one in paces)
    return Figure(
        name="capture",
        value=per_second,
        unit="captures/s",
        ratio=ratio,
        against="p99 of a bare commit + p99 of a raw hello, both at the same pace",
        measures=(
            Measure("per_second", per_second, "captures/s", at_least(1000)),
            Measure(
                "logins_per_second",
                median([one.per_second for one in logins]),
                "logins/s",
                at_least(1000),
            ),
            Measure("p99_ratio", ratio, "x its parts", at_most(3)),
            Measure("paced_p50_ms", median([one.median for one in paces]) * 1000, "ms"),
            Measure("paced_p99_ms", median([one.capture for one in paces]) * 1000, "ms"),
            Measure("commit_p99_ms", median([one.commit for one in paces]) * 1000, "ms"),
            Measure("hello_p99_ms", median([one.hello for one in paces]) * 1000, "ms"),
            Measure("full_p99_ms", median([one.p99 for one in captures]) * 1000, "ms"),
            Measure("errors", errors, "", at_most(0)),
        ),
        beside=Beside(
            server=f"granian; wrk -t1 -c{_CONNECTIONS} on the same cores",
            workers=setup.workers,
            threads=setup.threads,
            cache="Google's signing keys",
        ),
    )
