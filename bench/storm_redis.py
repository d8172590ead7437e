"""The great storm: 10,000 readers of one grant over four processes and a Redis.

All have a connection and a token that is fresh; it expires, and they ask again at once while Google
takes 3 s, which is as long as a lease's first term. Just before, wrk reads other grants of the same
processes at full speed: that rate says how soon the last reader should have its answer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import programs
from bench.client import quiet
from bench.crowd import Crowd, allow_open_files, gathered
from bench.google import Person, read_people
from bench.harness import Beside, Figure, Measure, Plan, at_most, median
from bench.reading import CONNECTIONS, stocked
from bench.sandbox_control import hold_tokens, refreshes
from bench.setup import Grower, Kept, Setup, caller_key, random_subject, set_up
from bench.warm_read_cached import CACHE_MB
from bench.wire import token_read
from bench.wrk import load, requests_file
from bridge.services import Services

_READERS: Final = 10_000
_WORKERS: Final = 4
_HOLD_S: Final = 3
_LEAD_S: Final = 20  # the server hangs up on those who say nothing for 30 s
_SHARE: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a storm needs.

    Attributes:
        services: of the bridge, to write the grant with.
        setup: of the bridge.
        sandbox_port: the sandbox Google's.
        authorization: the caller's.
        warm: a file of reads of other grants.
    """

    services: Services
    setup: Setup
    sandbox_port: int
    authorization: str
    warm: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One storm.

    Attributes:
        calls: refreshes that the sandbox counted.
        errors: readers that got no token, before or after it expired.
        warm: reads a second of other grants just before.
        last: seconds from the first question to the last answer.
    """

    calls: int
    errors: int
    warm: float
    last: float

    @property
    def allowed(self) -> float:
        """The seconds that the last answer may take."""
        return _HOLD_S + _SHARE * _READERS / self.warm


def run(plan: Plan) -> Figure:
    """Measure."""
    allow_open_files(_READERS)
    quiet()
    rounds = plan.of(3, 1)
    with (
        programs.redis(plan.folder) as url,
        programs.sandbox(plan.folder, rounds) as (sandbox_port, people),
    ):
        app, persons = read_people(people, sandbox_port)
        setup = set_up(
            plan.folder / "bridge",
            app=app,
            workers=_WORKERS,
            kept=Kept(url, CACHE_MB),
        )
        warm = requests_file(plan.folder / "reads", stocked(setup))
        with setup.services() as services:
            scene = Scene(
                services=services,
                setup=setup,
                sandbox_port=sandbox_port,
                authorization=caller_key(services),
                warm=warm,
            )
            seen = [_storm(scene, person, plan.of(5, 3)) for person in persons]
    return _figure(setup, seen)


def _storm(scene: Scene, person: Person, seconds: int) -> Round:
    """Run one, on a bridge just started."""
    port = scene.setup.port
    with programs.bridge(scene.setup):
        warm = load(port, scene.warm, seconds=seconds, connections=CONNECTIONS, core=None)
        before = refreshes(scene.sandbox_port)
        hold_tokens(scene.sandbox_port, seconds=_HOLD_S)
        with gathered(port, _READERS) as crowd:
            errors, last = _readers(scene, person, crowd)
        return Round(
            calls=refreshes(scene.sandbox_port) - before,
            errors=errors + warm.errors,
            warm=warm.per_second,
            last=last,
        )


def _readers(scene: Scene, person: Person, crowd: Crowd) -> tuple[int, float]:
    """Have all read while the token is fresh, and the moment it has expired."""
    subject, expires_at = random_subject(), int(time.time()) + _LEAD_S
    # Issued just now, so that it is fresh for everybody until the very moment it expires.
    grower = Grower(scene.services, scene.setup.app)
    grower.store_fresh(subject, person.account, expires_at, person.refresh_token)
    request = token_read(subject, scene.authorization)
    early, storm = crowd.ask_at_expiry(request, expires_at)
    return early.errors + storm.errors, storm.seconds


def _figure(setup: Setup, seen: list[Round]) -> Figure:
    ratio = max(one.last / one.allowed for one in seen)
    return Figure(
        name="storm_redis",
        value=max(one.last for one in seen),
        unit="s to the last answer",
        ratio=ratio,
        against=f"{_HOLD_S} s + {_SHARE} x readers / the warm rate just before",
        measures=(
            Measure("upstream_calls", max(one.calls for one in seen), "a storm", at_most(1)),
            Measure("errors", sum(one.errors for one in seen), "", at_most(0)),
            Measure("last_answer_ratio", ratio, "x allowed", at_most(1)),
            Measure("last_answer_s", max(one.last for one in seen), "s"),
            Measure("allowed_s", median([one.allowed for one in seen]), "s"),
            Measure("warm_per_second", median([one.warm for one in seen]), "req/s"),
            Measure("readers", _READERS),
        ),
        beside=Beside(
            server="granian; readers, Redis and sandbox on the same cores",
            workers=setup.workers,
            threads=setup.threads,
            store=setup.kept.store,
            cache=setup.kept.cache,
        ),
    )
