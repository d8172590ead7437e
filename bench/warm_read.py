"""Warm reads: a token that is fresh, asked for by a caller with a key, straight from SQLite.

Compared with a raw WSGI hello under the same server, in turns, so that a noisy machine is noisy for
both.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import cpu, programs
from bench.harness import Beside, Figure, Measure, Plan, at_least, at_most, median
from bench.setup import Grower, Setup, caller_key, random_account, random_subject, set_up
from bench.wire import get, token_read
from bench.wrk import Load, load, requests_file

_GRANTS: Final = 1000
_CONNECTIONS: Final = 32
_REQUESTS: Final = 10_000
_WARM_UP_S: Final = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """One round: what wrk saw, and the CPU seconds that a request took the server."""

    load: Load
    cpu: float


def run(plan: Plan) -> Figure:
    """Measure."""
    setup = set_up(plan.folder / "bridge")
    reads = requests_file(plan.folder / "reads", _stocked(setup))
    hellos = requests_file(plan.folder / "hellos", [get("/")])
    rounds, seconds = plan.of(5, 3), plan.of(5, 3)
    token: list[Seen] = []
    hello: list[Seen] = []
    for _ in range(rounds):
        with programs.hello(setup, core=programs.SERVER_CORE) as pid:
            hello.append(_seen(pid, setup.port, hellos, seconds))
        with programs.bridge(setup, core=programs.SERVER_CORE) as pid:
            token.append(_seen(pid, setup.port, reads, seconds))
    with programs.nginx(plan.folder, core=programs.SERVER_CORE) as port:
        static = None if port is None else _loaded(port, hellos, seconds)
    return _figure(setup, token, hello, static)


def _seen(pid: int, port: int, requests: Path, seconds: int) -> Seen:
    load(port, requests, seconds=_WARM_UP_S, connections=_CONNECTIONS)
    before = cpu.spent(pid)
    loaded = _loaded(port, requests, seconds)
    return Seen(loaded, (cpu.spent(pid) - before) / loaded.requests)


def _loaded(port: int, requests: Path, seconds: int) -> Load:
    return load(port, requests, seconds=seconds, connections=_CONNECTIONS)


def _stocked(setup: Setup) -> list[bytes]:
    with setup.services() as services:
        grower = Grower(services, setup.app)
        now = int(time.time())
        subjects = [random_subject() for _ in range(_GRANTS)]
        for subject in subjects:
            grant = grower.captured(subject, random_account())
            grant = grower.in_use(grant, expires_at=now + 3600, issued_at=now)
            services.store.commit(services.grants.write(None, grant))
        authorization = caller_key(services)
    return [token_read(random.choice(subjects), authorization) for _ in range(_REQUESTS)]


def _figure(setup: Setup, token: list[Seen], hello: list[Seen], static: Load | None) -> Figure:
    pairs = list(zip(token, hello, strict=True))
    ratio = median([one.load.per_second / other.load.per_second for one, other in pairs])
    per_second = median([one.load.per_second for one in token])
    measures = [
        Measure("ratio", ratio, "x hello", at_least(0.35)),
        Measure("hello_per_second", median([one.load.per_second for one in hello]), "req/s"),
        Measure("p50_ms", median([one.load.p50 for one in token]) * 1000, "ms"),
        Measure("p99_ms", median([one.load.p99 for one in token]) * 1000, "ms"),
        Measure("hello_p99_ms", median([one.load.p99 for one in hello]) * 1000, "ms"),
        Measure("errors", sum(one.load.errors for one in token), "", at_most(0)),
    ]
    if all(one.cpu for one in token):
        cost = median([other.cpu / one.cpu for one, other in pairs])
        measures += [
            Measure("cpu_ratio", cost, "x hello"),
            Measure("cpu_us", median([one.cpu for one in token]) * 1e6, "us a read"),
            Measure("hello_cpu_us", median([one.cpu for one in hello]) * 1e6, "us a hello"),
        ]
    if static is not None:
        measures.append(Measure("nginx_per_second", static.per_second, "req/s"))
        measures.append(Measure("ratio_to_nginx", per_second / static.per_second, "x nginx"))
    return Figure(
        name="warm_read",
        value=per_second,
        unit="req/s",
        ratio=ratio,
        against="raw WSGI hello, same server and settings, in turns",
        measures=tuple(measures),
        beside=Beside(
            server=f"granian on a core of its own, wrk -t1 -c{_CONNECTIONS} on another",
            workers=setup.workers,
            threads=setup.threads,
        ),
    )
