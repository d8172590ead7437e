"""The warm reads of `warm_read`, from Redis: with the process's own cache of sealed rows, and not.

Redis shares the load generator's core: what it costs the bridge is time, not its own CPU.
"""

from __future__ import annotations

from bench import programs
from bench.harness import Figure, Measure, Plan
from bench.reading import Seen, cpu_cost, errors, figure, per_second, ratio, seen, stocked
from bench.setup import Kept, set_up
from bench.warm_read_cached import CACHE_MB
from bench.wire import get
from bench.wrk import requests_file


def run(plan: Plan) -> Figure:
    """Measure."""
    with programs.redis(plan.folder, core=programs.CLIENT_CORE) as url:
        setup = set_up(plan.folder / "bridge", kept=Kept(url, CACHE_MB))
        uncached = setup.again(cache_mb=0)
        reads = requests_file(plan.folder / "reads", stocked(setup))
        hellos = requests_file(plan.folder / "hellos", [get("/")])
        hello: list[Seen] = []
        kept: list[Seen] = []
        fetched: list[Seen] = []
        for _ in range(plan.of(5, 3)):
            with programs.hello(setup, core=programs.SERVER_CORE) as pid:
                hello.append(seen(pid, setup.port, hellos, plan.of(5, 3)))
            for its, rounds in ((setup, kept), (uncached, fetched)):
                with programs.bridge(its, core=programs.SERVER_CORE) as pid:
                    rounds.append(seen(pid, its.port, reads, plan.of(5, 3)))
    return figure(
        "warm_read_redis",
        setup,
        (kept, hello),
        least=0.6,
        more=(
            Measure("uncached_per_second", per_second(fetched), "req/s"),
            Measure("uncached_ratio", ratio(fetched, hello), "x hello"),
            Measure("uncached_cpu_us", cpu_cost(fetched) * 1e6, "us a read"),
            Measure("uncached_errors", errors(fetched)),
        ),
    )
