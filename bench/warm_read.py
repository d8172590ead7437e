"""Warm reads: a token that is fresh, asked for by a caller with a key, straight from SQLite.

Compared with a raw WSGI hello under the same server, in turns, so that a noisy machine is noisy for
both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench import programs
from bench.harness import Figure, Measure, Plan
from bench.reading import CONNECTIONS, Seen, figure, per_second, seen, stocked
from bench.setup import Setup, set_up
from bench.wire import get
from bench.wrk import Load, load, requests_file


def run(plan: Plan) -> Figure:
    """Measure."""
    setup = set_up(plan.folder / "bridge")
    hellos = requests_file(plan.folder / "hellos", [get("/")])
    token, hello = turns(plan, setup, hellos)
    with programs.nginx(plan.folder, core=programs.SERVER_CORE) as port:
        static = None if port is None else _loaded(port, hellos, plan.of(5, 3))
    return figure("warm_read", setup, (token, hello), least=0.35, more=_beside_nginx(token, static))


def _loaded(port: int, requests: Path, seconds: int) -> Load:
    return load(port, requests, seconds=seconds, connections=CONNECTIONS)


def turns(plan: Plan, setup: Setup, hellos: Path) -> tuple[list[Seen], list[Seen]]:
    """Read from a bridge and say hello to its server, in turns; return what was seen of both."""
    reads = requests_file(plan.folder / "reads", stocked(setup))
    seconds = plan.of(5, 3)
    token: list[Seen] = []
    hello: list[Seen] = []
    for _ in range(plan.of(5, 3)):
        with programs.hello(setup, core=programs.SERVER_CORE) as pid:
            hello.append(seen(pid, setup.port, hellos, seconds))
        with programs.bridge(setup, core=programs.SERVER_CORE) as pid:
            token.append(seen(pid, setup.port, reads, seconds))
    return token, hello


def _beside_nginx(token: list[Seen], static: Load | None) -> Iterator[Measure]:
    if static is not None:
        yield Measure("nginx_per_second", static.per_second, "req/s")
        yield Measure("ratio_to_nginx", per_second(token) / static.per_second, "x nginx")
