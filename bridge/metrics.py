"""What the bridge counts and times, for Prometheus.

Owns every metric's name, and how those of all workers become one answer. A label's values are a
few words of our own: no tenant, no grant, no token.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
_FAST: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
_SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

REGISTRY: Final = CollectorRegistry()

# Each has a label: one without would open its file at import, before workers have a folder.
READS: Final = Counter(
    "bridge_token_reads", "Reads of access tokens.", ["outcome"], registry=REGISTRY
)
REFRESHES: Final = Counter(
    "bridge_refreshes", "Refreshes that Google was asked for.", ["outcome"], registry=REGISTRY
)
UPSTREAM: Final = Histogram(
    "bridge_upstream_seconds",
    "Calls of Google, repeated attempts included.",
    ["call"],
    buckets=_SLOW,
    registry=REGISTRY,
)
WAITS: Final = Histogram(
    "bridge_wait_seconds",
    "Waits of readers: for a refresh of the same process, or for a place in the client's rate.",
    ["reason"],
    buckets=_SLOW,
    registry=REGISTRY,
)
LEASES: Final = Counter(
    "bridge_leases",
    "Leases asked for, taken or held by somebody else.",
    ["result"],
    registry=REGISTRY,
)
CIRCUITS: Final = Counter(
    "bridge_circuit_changes",
    "Circuits of Google clients that opened (Google refuses the client) or closed.",
    ["change"],
    registry=REGISTRY,
)
CACHE: Final = Counter(
    "bridge_cache_reads",
    "Reads that the sealed records of a moment ago answered, or did not.",
    ["result"],
    registry=REGISTRY,
)
STORE: Final = Histogram(
    "bridge_store_seconds", "Calls of the store.", ["call"], buckets=_FAST, registry=REGISTRY
)
STORE_FAILURES: Final = Counter(
    "bridge_store_failures",
    "Calls of the store that it could not do.",
    ["call"],
    registry=REGISTRY,
)


_tallies: Final[list[Tally]] = []


class Tally:
    """What many threads add to a counter at one value of its label, until it is settled.

    Adding to the counter itself takes a lock and a write to the workers' folder, which is twenty
    times as long; a token is read in less than twenty such times.
    """

    def __init__(self, counter: Counter, value: str) -> None:
        self._counter = counter
        self._value = value
        ticks = itertools.count()
        # One step of the interpreter, so that no two threads take the same tick.
        self.add = ticks.__next__
        self._settled = -1
        self._settling = threading.Lock()
        _tallies.append(self)

    def settle(self) -> None:
        """Bring the counter up to date."""
        with self._settling:
            # This look is a tick too.
            now = self.add()
            added, self._settled = now - self._settled - 1, now
        if added:
            self._counter.labels(self._value).inc(added)


def count(counter: Counter, value: str) -> None:
    """Add one to a counter, at a value of its label; it shows once that is settled."""
    _tally(counter, value).add()


def settle() -> None:
    """Let what this process counted be seen by whichever worker tells the metrics."""
    for tally in tuple(_tallies):
        tally.settle()


def observe(histogram: Histogram, value: str, seconds: float) -> None:
    """Add a time to a histogram, at a value of its label."""
    _timed(histogram, value).observe(seconds)


@contextmanager
def timed(histogram: Histogram, value: str) -> Iterator[None]:
    """Time the block, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        observe(histogram, value, time.perf_counter() - began)


# Two threads may both come first, and make one each: both are settled.
_tally: Final = cache(Tally)


@cache
def _timed(histogram: Histogram, value: str) -> Histogram:
    return histogram.labels(value)


@contextmanager
def shared() -> Iterator[None]:
    """Have the processes that are started within the block count together.

    To be entered before anything is counted.
    """
    folder = Path(tempfile.mkdtemp(prefix="grantbridge-metrics-"))
    os.environ[_FOLDER] = str(folder)
    # The library looks for the variable when it is imported, which was before the folder was made.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]  # it has no types
    try:
        yield
    finally:
        del os.environ[_FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def exposed(open_circuits: int) -> bytes:
    """Return all metrics, of all workers, in Prometheus' text format.

    This process's are exact; other workers' counts are as they settled them last.

    Args:
        open_circuits: how many clients Google refuses, by what the store says.
    """
    settle()
    registry = REGISTRY
    if os.environ.get(_FOLDER):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
    found = CollectorRegistry()
    found.register(_OpenCircuits(open_circuits))
    return generate_latest(registry) + generate_latest(found)


class _OpenCircuits(Collector):
    """A number that the store knows and no process counts."""

    def __init__(self, number: int) -> None:
        self._number = number

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "bridge_circuits_open", "Google clients that Google refuses now.", self._number
        )
