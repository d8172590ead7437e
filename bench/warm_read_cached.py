"""The warm reads of `warm_read`, from SQLite and the process's own cache of sealed rows."""

from __future__ import annotations

from typing import Final

from bench import programs
from bench.harness import Figure, Plan
from bench.reading import Seen, figure, seen, stocked
from bench.setup import Kept, set_up
from bench.wire import get
from bench.wrk import requests_file

CACHE_MB: Final = 32
"""The default of `store.cache_mb`."""


def run(plan: Plan) -> Figure:
    """Measure."""
    setup = set_up(plan.folder / "bridge", kept=Kept(cache_mb=CACHE_MB))
    reads = requests_file(plan.folder / "reads", stocked(setup))
    hellos = requests_file(plan.folder / "hellos", [get("/")])
    token: list[Seen] = []
    hello: list[Seen] = []
    for _ in range(plan.of(5, 3)):
        with programs.hello(setup, core=programs.SERVER_CORE) as pid:
            hello.append(seen(pid, setup.port, hellos, plan.of(5, 3)))
        with programs.bridge(setup, core=programs.SERVER_CORE) as pid:
            token.append(seen(pid, setup.port, reads, plan.of(5, 3)))
    return figure("warm_read_cached", setup, (token, hello), least=0.6)
