"""Two workers beside one: what a read costs the server when processes share the store.

Neither server nor load generator keeps to a core: workers that get into each other's way do so only
while they run at the same time. A hello in the same turns tells how much of a difference is the
machine's, whose cores share caches.
"""

from __future__ import annotations

from bench import programs
from bench.harness import Beside, Figure, Measure, Plan, at_most, median
from bench.reading import CONNECTIONS, Seen, cpu_cost, errors, per_second, seen, stocked
from bench.setup import Setup, set_up
from bench.wire import get
from bench.wrk import requests_file


def run(plan: Plan) -> Figure:
    """Measure."""
    one = set_up(plan.folder / "bridge")
    two = one.again(workers=2)
    reads = requests_file(plan.folder / "reads", stocked(one))
    hellos = requests_file(plan.folder / "hellos", [get("/")])
    token: dict[int, list[Seen]] = {1: [], 2: []}
    hello: dict[int, list[Seen]] = {1: [], 2: []}
    for _ in range(plan.of(5, 3)):
        for setup in (one, two):
            with programs.hello(setup) as pid:
                hello[setup.workers].append(seen(pid, setup.port, hellos, 3, core=None))
            with programs.bridge(setup) as pid:
                token[setup.workers].append(
                    seen(pid, setup.port, reads, plan.of(6, 3), warm_up=2, core=None)
                )
    return _figure(two, token, hello)


def _figure(setup: Setup, token: dict[int, list[Seen]], hello: dict[int, list[Seen]]) -> Figure:
    cost = _ratio(token)
    return Figure(
        name="workers",
        value=cost,
        unit="x the CPU of a read",
        ratio=cost,
        against="one worker's CPU per read, in turns",
        measures=(
            Measure("cpu_ratio", cost, "x one worker", at_most(1.1)),
            Measure("hello_cpu_ratio", _ratio(hello), "x one worker"),
            Measure("one_cpu_us", cpu_cost(token[1]) * 1e6, "us a read"),
            Measure("two_cpu_us", cpu_cost(token[2]) * 1e6, "us a read"),
            Measure("one_per_second", per_second(token[1]), "req/s"),
            Measure("two_per_second", per_second(token[2]), "req/s"),
            Measure("errors", errors([*token[1], *token[2]]), "", at_most(0)),
        ),
        beside=Beside(
            server=f"granian and wrk -t1 -c{CONNECTIONS} on the same cores",
            workers=setup.workers,
            threads=setup.threads,
            store=setup.kept.store,
            cache=setup.kept.cache,
        ),
    )


def _ratio(rounds: dict[int, list[Seen]]) -> float:
    return median([two.cpu / one.cpu for one, two in zip(rounds[1], rounds[2], strict=True)])
