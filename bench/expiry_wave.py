"""The wave: 10,000 grants expire at the same moment, and Google allows 50 refreshes a second.

All of them are within their safety window from the start and read throughout; what is shown is the
plateau, and that nobody fails whose old token lives.
"""

from __future__ import annotations

import random
import time
from typing import Final

from bench import programs
from bench.client import Sample, paced
from bench.google import Person, read_people
from bench.harness import Beside, Figure, Measure, Plan, at_least, at_most, percentile
from bench.sandbox_control import Stats, stats
from bench.setup import Grower, Kept, Setup, caller_key, random_subject, set_up
from bench.wire import token_read

_RATE: Final = 50
_WORKERS: Final = 2
_READS_PER_SECOND: Final = 300
_LIFE_LEFT_S: Final = 170  # less than every safety window: 180 to 270 s
_AN_HOUR_AGO_S: Final = 3400


def run(plan: Plan) -> Figure:
    """Measure."""
    return wave("expiry_wave", plan, Kept())


def wave(name: str, plan: Plan, kept: Kept) -> Figure:
    """Measure on a store."""
    grants, seconds = plan.of(10_000, 2_000), plan.of(40, 10)
    with programs.sandbox(plan.folder, grants) as (sandbox_port, people):
        app, persons = read_people(people, sandbox_port)
        setup = set_up(
            plan.folder / "bridge",
            app=app,
            workers=_WORKERS,
            refreshes_per_second=_RATE,
            kept=kept,
        )
        reads = _stocked(setup, persons)
        with programs.bridge(setup):
            samples = paced(
                setup.port, reads, rate=_READS_PER_SECOND, seconds=seconds, connections=64
            )
        seen = stats(sandbox_port)
    return _figure(name, setup, samples, seen, (grants, seconds))


def _stocked(setup: Setup, persons: list[Person]) -> list[bytes]:
    """Write the grants, and return a read of each in no order."""
    reads = []
    with setup.services() as services:
        grower = Grower(services, setup.app)
        authorization = caller_key(services)
        expires_at = int(time.time()) + _LIFE_LEFT_S
        for person in persons:
            subject = random_subject()
            grant = grower.in_use(
                grower.captured(subject, person.account, person.refresh_token),
                expires_at=expires_at,
                issued_at=expires_at - _LIFE_LEFT_S - _AN_HOUR_AGO_S,
            )
            services.store.commit(services.grants.write(None, grant))
            reads.append(token_read(subject, authorization))
    random.shuffle(reads)
    return reads


def _figure(
    name: str, setup: Setup, samples: list[Sample], seen: Stats, size: tuple[int, int]
) -> Figure:
    grants, seconds = size
    busiest = seen.busiest["token"].calls if "token" in seen.busiest else 0
    latencies = [sample.seconds for sample in samples]
    rate = seen.refreshes / seconds
    return Figure(
        name=name,
        value=rate,
        unit="refreshes/s",
        ratio=rate / _RATE,
        against=f"the limit of {_RATE} refreshes a second",
        measures=(
            Measure("busiest_second", busiest, "calls", at_most(_RATE)),
            Measure("errors", sum(sample.status != 200 for sample in samples), "", at_most(0)),
            Measure("used_of_rate", rate / _RATE, "x limit", at_least(0.8)),
            Measure("refreshed", seen.refreshes, "grants"),
            Measure("reads", len(samples)),
            Measure("read_p50_ms", percentile(latencies, 0.5) * 1000, "ms"),
            Measure("read_p99_ms", percentile(latencies, 0.99) * 1000, "ms"),
            Measure("grants", grants),
            Measure("window_s", seconds, "s"),
        ),
        beside=Beside(
            server=f"granian; {_READS_PER_SECOND} reads a second and the sandbox on the same cores",
            workers=setup.workers,
            threads=setup.threads,
            store=setup.kept.store,
            cache=setup.kept.cache,
        ),
    )
