"""The storm: 1,000 readers of one grant, all connected before its token expires.

Owns the readers. The bystanders, who read other grants meanwhile, are a process of their own, so
that the readers' own burst does not count as the bridge's delay.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

from bench import programs
from bench.client import Connection, Sample, connect, paced, quiet, timed
from bench.google import Person, read_people
from bench.harness import Beside, Figure, Measure, Plan, at_most, median, percentile
from bench.sandbox_control import hold_tokens, refreshes
from bench.setup import Grower, Setup, caller_key, random_subject, set_up
from bench.wire import token_read
from bridge.model import Account
from bridge.services import Services

_READERS: Final = 1000
_WORKERS: Final = 4
_HOLD_S: Final = 3
_LEAD_S: Final = 4
_IDLE_S: Final = 5
_BYSTANDERS: Final = 64
_BYSTANDER_RATE: Final = 200
_CONNECT_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Round:
    """One storm.

    Attributes:
        calls: refreshes that the sandbox counted.
        errors: readers and bystanders that got no token.
        last: seconds from expiry to the last reader's answer.
        idle, meanwhile: the bystanders' p99 in seconds, before and during the storm.
        spread: connections per worker cannot be seen; the slowest connect is.
    """

    calls: int
    errors: int
    last: float
    idle: float
    meanwhile: float


def run(plan: Plan) -> Figure:
    """Measure."""
    rounds = plan.of(3, 1)
    with programs.sandbox(plan.folder, rounds + _BYSTANDERS) as (sandbox_port, people):
        app, persons = read_people(people, sandbox_port)
        setup = set_up(plan.folder / "bridge", app=app, workers=_WORKERS)
        with setup.services() as services, _bystander_process() as pool:
            warm, authorization = _bystanders(services, setup, persons[rounds:])
            with programs.bridge(setup):
                seen = [
                    _storm(services, setup, sandbox_port, persons[number], warm, authorization, pool)
                    for number in range(rounds)
                ]
    return _figure(setup, seen)


def _bystander_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _bystanders(
    services: Services, setup: Setup, persons: Sequence[Person]
) -> tuple[list[bytes], str]:
    grower = Grower(services, setup.app)
    authorization = caller_key(services)
    now = int(time.time())
    requests = []
    for person in persons:
        subject = random_subject()
        grant = grower.captured(subject, Account(sub=person.sub, email=person.email))
        grant = grower.in_use(grant, expires_at=now + 3600, issued_at=now)
        services.store.commit([services.grants.write(None, grant)])
        requests.append(token_read(subject, authorization))
    return requests, authorization


def _storm(  # noqa: PLR0913, PLR0917 - the parts of a scene
    services: Services,
    setup: Setup,
    sandbox_port: int,
    person: Person,
    warm: list[bytes],
    authorization: str,
    pool: ProcessPoolExecutor,
) -> Round:
    grower = Grower(services, setup.app)
    subject = random_subject()
    account = Account(sub=person.sub, email=person.email)
    before = refreshes(sandbox_port)
    hold_tokens(sandbox_port, seconds=_HOLD_S)
    now = int(time.time())
    expires_at = now + _LEAD_S + _IDLE_S
    # Issued just now, so that it is fresh for everybody until the very moment it expires.
    grant = grower.in_use(
        grower.captured(subject, account, person.refresh_token),
        expires_at=expires_at,
        issued_at=now,
    )
    services.store.commit([services.grants.write(None, grant)])
    bystanders: Future[list[Sample]] = pool.submit(
        paced,
        setup.port,
        warm,
        rate=_BYSTANDER_RATE,
        seconds=expires_at - time.time() + _HOLD_S + 4,
    )
    readers = asyncio.run(_readers(setup.port, token_read(subject, authorization), expires_at))
    begun, ended = expires_at, max(sample.at + sample.seconds for sample in readers)
    others = bystanders.result()
    idle = [s.seconds for s in others if expires_at - _IDLE_S <= s.at < expires_at - 0.5]
    meanwhile = [s.seconds for s in others if begun <= s.at <= ended]
    return Round(
        calls=refreshes(sandbox_port) - before,
        errors=sum(s.status != 200 for s in (*readers, *others)),
        last=ended - begun,
        idle=percentile(idle, 0.99),
        meanwhile=percentile(meanwhile, 0.99),
    )


async def _readers(port: int, request: bytes, expires_at: int) -> list[Sample]:
    """Connect, read once while the token is fresh, and read again the moment it has expired."""
    quiet()
    opened: list[Connection] = []
    for _ in range(_READERS // _CONNECT_AT_ONCE):
        batch = await asyncio.gather(*(connect(port) for _ in range(_CONNECT_AT_ONCE)))
        opened += batch
        await asyncio.gather(*(one.ask(request) for one in batch))
    left = expires_at - time.time()
    if left < 0:
        raise RuntimeError("the readers were not connected before the token expired")
    await asyncio.sleep(left + 0.005)
    due = time.time()
    samples = await asyncio.gather(*(timed(one, request, due) for one in opened))
    for one in opened:
        one.close()
    return list(samples)


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
