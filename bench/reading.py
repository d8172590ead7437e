"""Reads of fresh tokens at full speed: the grants, the requests, and what a server spent on them.

Owns the load that all benchmarks of warm reads share, so that their figures can be compared. Starts
no server.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import cpu
from bench.harness import Beside, Figure, Measure, at_least, at_most, median
from bench.programs import CLIENT_CORE
from bench.setup import Grower, Setup, caller_key, random_account, random_subject
from bench.wire import token_read
from bench.wrk import Load, load

GRANTS: Final = 1000
CONNECTIONS: Final = 32
_REQUESTS: Final = 10_000
_WARM_UP_S: Final = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """One round: what wrk saw, and the CPU seconds that a request took the server."""

    load: Load
    cpu: float


def stocked(setup: Setup) -> list[bytes]:
    """Write grants whose tokens are fresh; return reads of them, in no order."""
    with setup.services() as services:
        grower = Grower(services, setup.app)
        expires_at = int(time.time()) + 3600
        subjects = [random_subject() for _ in range(GRANTS)]
        for subject in subjects:
            grower.store_fresh(subject, random_account(), expires_at)
        authorization = caller_key(services)
    return [token_read(random.choice(subjects), authorization) for _ in range(_REQUESTS)]


def seen(
    pid: int,
    port: int,
    requests: Path,
    seconds: int,
    *,
    warm_up: int = _WARM_UP_S,
    core: int | None = CLIENT_CORE,
) -> Seen:
    """Warm a server up, then load it and look at what its processes spent.

    Args:
        pid: of the server.
        port: where it listens.
        requests: a file for wrk.
        seconds: how long to measure.
        warm_up: how long to load it before, in seconds.
        core: that wrk keeps to; None is any.
    """
    load(port, requests, seconds=warm_up, connections=CONNECTIONS, core=core)
    before = cpu.spent(pid)
    loaded = load(port, requests, seconds=seconds, connections=CONNECTIONS, core=core)
    return Seen(loaded, (cpu.spent(pid) - before) / loaded.requests)


def per_second(rounds: Sequence[Seen]) -> float:
    """Return the answers a second."""
    return median([one.load.per_second for one in rounds])


def cpu_cost(rounds: Sequence[Seen]) -> float:
    """Return the CPU seconds of an answer; 0 where the machine does not tell."""
    return median([one.cpu for one in rounds])


def ratio(rounds: Sequence[Seen], hellos: Sequence[Seen]) -> float:
    """Return how fast reads are in terms of hellos, turn by turn."""
    pairs = zip(rounds, hellos, strict=True)
    return median([one.load.per_second / its.load.per_second for one, its in pairs])


def errors(rounds: Sequence[Seen]) -> int:
    """Return how many reads got no token."""
    return sum(one.load.errors for one in rounds)


def figure(
    name: str,
    setup: Setup,
    rounds: tuple[Sequence[Seen], Sequence[Seen]],
    *,
    least: float,
    more: Iterable[Measure] = (),
) -> Figure:
    """Return the figure of reads beside hellos.

    Args:
        name: the benchmark's.
        setup: of the bridge.
        rounds: reads, and the hellos of the same turns.
        least: the threshold of the ratio.
        more: what else was measured.
    """
    reads, hellos = rounds
    its_ratio = ratio(reads, hellos)
    return Figure(
        name=name,
        value=per_second(reads),
        unit="req/s",
        ratio=its_ratio,
        against="raw WSGI hello, same server and settings, in turns",
        measures=(
            Measure("ratio", its_ratio, "x hello", at_least(least)),
            Measure("hello_per_second", per_second(hellos), "req/s"),
            Measure("p50_ms", median([one.load.p50 for one in reads]) * 1000, "ms"),
            Measure("p99_ms", median([one.load.p99 for one in reads]) * 1000, "ms"),
            Measure("hello_p99_ms", median([one.load.p99 for one in hellos]) * 1000, "ms"),
            Measure("errors", errors(reads), "", at_most(0)),
            *_costs(reads, hellos),
            *more,
        ),
        beside=Beside(
            server=f"granian on a core of its own, wrk -t1 -c{CONNECTIONS} on another",
            workers=setup.workers,
            threads=setup.threads,
            store=setup.kept.store,
            cache=setup.kept.cache,
        ),
    )


def _costs(reads: Sequence[Seen], hellos: Sequence[Seen]) -> Iterator[Measure]:
    if not all(one.cpu for one in reads):
        return
    cost = median([its.cpu / one.cpu for one, its in zip(reads, hellos, strict=True)])
    yield Measure("cpu_ratio", cost, "x hello")
    yield Measure("cpu_us", cpu_cost(reads) * 1e6, "us a read")
    yield Measure("hello_cpu_us", cpu_cost(hellos) * 1e6, "us a hello")
