"""The storm: 1,000 readers of one grant, all connected before its token expires.

Owns the readers. The bystanders, who read other grants meanwhile, are a process of their own, so
that the readers' own burst does not count as the bridge's delay.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from bench import programs
from bench.client import Sample, paced, quiet
from bench.crowd import allow_open_files, gathered
from bench.google import Person, read_people
from bench.harness import Beside, Figure, Measure, Plan, at_most, median, percentile
from bench.sandbox_control import hold_tokens, refreshes
from bench.setup import Grower, Setup, caller_key, random_subject, set_up
from bench.wire import token_read
from bridge.services import Services

_READERS: Final = 1000
_WORKERS: Final = 4
_HOLD_S: Final = 3
_LEAD_S: Final = 4
_IDLE_S: Final = 5
_BYSTANDERS: Final = 64
_BYSTANDER_RATE: Final = 200
_AFTER_S: Final = 4


@dataclass(frozen=True, slots=True)
class Scene:
    """What a storm needs.

    Attributes:
        services: of the bridge, to write the grant with.
        setup: of the bridge.
        sandbox_port: the sandbox Google's.
        authorization: the caller's.
        warm: reads of the bystanders' grants.
        pool: the bystanders' process.
    """

    services: Services
    setup: Setup
    sandbox_port: int
    authorization: str
    warm: list[bytes]
    pool: ProcessPoolExecutor


@dataclass(frozen=True, slots=True)
class Round:
    """One storm.

    Attributes:
        calls: refreshes that the sandbox counted.
        errors: readers and bystanders that got no token.
        last: seconds from expiry to the last reader's answer.
        idle, meanwhile: the bystanders' p99 in seconds, before and during the storm.
    """

    calls: int
    errors: int
    last: float
    idle: float
    meanwhile: float


def run(plan: Plan) -> Figure:
    """Measure."""
    allow_open_files(_READERS)
    quiet()
    rounds = plan.of(3, 1)
    with programs.sandbox(plan.folder, rounds + _BYSTANDERS) as (sandbox_port, people):
        app, persons = read_people(people, sandbox_port)
        setup = set_up(plan.folder / "bridge", app=app, workers=_WORKERS)
        with (
            setup.services() as services,
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        ):
            authorization = caller_key(services)
            warm = _bystanders(services, setup, persons[rounds:], authorization)
            scene = Scene(services, setup, sandbox_port, authorization, warm, pool)
            seen = [_storm(scene, person) for person in persons[:rounds]]
    return _figure(setup, seen)


def _bystanders(
    services: Services, setup: Setup, persons: Sequence[Person], authorization: str
) -> list[bytes]:
    """Write the bystanders' grants; return a read of each."""
    grower = Grower(services, setup.app)
    expires_at = int(time.time()) + 3600
    requests = []
    for person in persons:
        subject = random_subject()
        grower.store_fresh(subject, person.account, expires_at)
        requests.append(token_read(subject, authorization))
    return requests


def _storm(scene: Scene, person: Person) -> Round:
    """Run one, on a bridge just started: its threads and connections are still to be made."""
    port, before = scene.setup.port, refreshes(scene.sandbox_port)
    hold_tokens(scene.sandbox_port, seconds=_HOLD_S)
    with programs.bridge(scene.setup):
        subject, expires_at = random_subject(), int(time.time()) + _LEAD_S + _IDLE_S
        # Issued just now, so that it is fresh for everybody until the very moment it expires.
        grower = Grower(scene.services, scene.setup.app)
        grower.store_fresh(subject, person.account, expires_at, person.refresh_token)
        bystanders: Future[list[Sample]] = scene.pool.submit(
            paced,
            port,
            scene.warm,
            rate=_BYSTANDER_RATE,
            seconds=expires_at - time.time() + _HOLD_S + _AFTER_S,
        )
        with gathered(port, _READERS) as crowd:
            request = token_read(subject, scene.authorization)
            early, storm = crowd.ask_at_expiry(request, expires_at)
        others = bystanders.result()
    idle = [s.seconds for s in others if expires_at - _IDLE_S <= s.at < expires_at - 0.5]
    meanwhile = [s.seconds for s in others if 0 <= s.at - storm.began <= storm.seconds]
    return Round(
        calls=refreshes(scene.sandbox_port) - before,
        errors=early.errors + storm.errors + sum(sample.status != 200 for sample in others),
        last=storm.seconds,
        idle=percentile(idle, 0.99),
        meanwhile=percentile(meanwhile, 0.99),
    )


def _figure(setup: Setup, seen: list[Round]) -> Figure:
    ratio = median([one.meanwhile / one.idle for one in seen])
    last = max(one.last for one in seen)
    return Figure(
        name="storm",
        value=last,
        unit="s to the last answer",
        ratio=ratio,
        against="the p99 of readers of other grants before the storm",
        measures=(
            Measure("upstream_calls", max(one.calls for one in seen), "a storm", at_most(1)),
            Measure("errors", sum(one.errors for one in seen), "", at_most(0)),
            Measure("bystander_ratio", ratio, "x idle p99", at_most(5)),
            Measure("idle_p99_ms", median([one.idle for one in seen]) * 1000, "ms"),
            Measure("storm_p99_ms", median([one.meanwhile for one in seen]) * 1000, "ms"),
            Measure("last_answer_s", last, "s"),
            Measure("readers", _READERS),
        ),
        beside=Beside(
            server="granian; readers, bystanders and sandbox on the same cores",
            workers=setup.workers,
            threads=setup.threads,
        ),
    )
