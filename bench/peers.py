"""The peers: warm reads a second of server CPU, of the bridge and of others that keep such tokens.

All run at the same time and are loaded in turns, on one core; a peer that cannot be installed here
is named as missing. Each is in its fastest setting that keeps what it promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from bench import cpu, programs
from bench.harness import Beside, Figure, Measure, Plan, at_least, at_most, median
from bench.peer import Peer, UnavailableError
from bench.peer_better_auth import better_auth
from bench.peer_keycloak import keycloak
from bench.reading import CONNECTIONS, Seen, cpu_cost, errors, per_second, seen, stocked
from bench.setup import Kept, Setup, set_up
from bench.warm_read_cached import CACHE_MB
from bench.wrk import load, requests_file

_BRIDGE: Final = "bridge"
_WARM_UP_S: Final = 5
_WARM_UP_LOADS: Final = 30
_PEERS: Final[Mapping[str, tuple[Callable[[Path], AbstractContextManager[Peer]], float]]] = {
    "keycloak": (keycloak, 4),
    "better_auth": (better_auth, 30),
}


def run(plan: Plan) -> Figure:
    """Measure."""
    if not cpu.is_told():
        raise programs.MissingToolError("the CPU seconds of a server are known on Linux only")
    setup = set_up(plan.folder / "bridge", kept=Kept(cache_mb=CACHE_MB))
    reads = requests_file(plan.folder / "reads", stocked(setup))
    missing: list[str] = []
    with ExitStack() as stack:
        pid = stack.enter_context(programs.bridge(setup, core=programs.SERVER_CORE))
        servers = {_BRIDGE: Peer(pid, setup.port, reads)}
        for name, (start, _) in _PEERS.items():
            try:
                servers[name] = stack.enter_context(start(plan.folder))
            except UnavailableError as error:
                missing.append(f"{name}: {error}")
        rounds = _rounds(plan, servers)
    return _figure(setup, rounds, missing)


def _rounds(plan: Plan, servers: Mapping[str, Peer]) -> dict[str, list[Seen]]:
    for server in servers.values():
        _warm_up(server, plan.of(100_000, 20_000))
    for server in servers.values():
        programs.pin(server.pid, programs.SERVER_CORE)
    rounds: dict[str, list[Seen]] = {name: [] for name in servers}
    for _ in range(plan.of(5, 3)):
        for name, server in servers.items():
            rounds[name].append(seen(server.pid, server.port, server.reads, plan.of(6, 4)))
    return rounds


def _warm_up(server: Peer, requests: int) -> None:
    """Load a server until Java's compiler would be done with what is hot, on all cores."""
    done = 0
    for _ in range(_WARM_UP_LOADS):
        one = load(
            server.port, server.reads, seconds=_WARM_UP_S, connections=CONNECTIONS, core=None
        )
        done += one.requests
        if done >= requests:
            return


def _figure(setup: Setup, rounds: Mapping[str, list[Seen]], missing: list[str]) -> Figure:
    measures = []
    for name, (_, least) in _PEERS.items():
        if name in rounds:
            measures.append(Measure(f"{name}_ratio", _ratio(rounds, name), "x", at_least(least)))
    for name, its in rounds.items():
        measures.append(Measure(f"{name}_per_cpu_s", 1 / cpu_cost(its), "reads/CPU s"))
        measures.append(Measure(f"{name}_per_second", per_second(its), "req/s"))
    failed = sum(errors(its) for its in rounds.values())
    return Figure(
        name="peers",
        value=1 / cpu_cost(rounds[_BRIDGE]),
        unit="reads/CPU s",
        ratio=_ratio(rounds, "keycloak") if "keycloak" in rounds else None,
        against="Keycloak's broker token endpoint, per second of server CPU, in turns",
        measures=(*measures, Measure("errors", failed, "", at_most(0))),
        beside=Beside(
            server=f"each on one core in turns, wrk -t1 -c{CONNECTIONS} on another; Keycloak in "
            "production mode on H2 in memory; better-auth on SQLite in WAL, tokens encrypted, "
            "session cookie cached",
            workers=setup.workers,
            threads=setup.threads,
            store=setup.kept.store,
            cache=setup.kept.cache,
        ),
        missing=tuple(missing),
    )


def _ratio(rounds: Mapping[str, list[Seen]], peer: str) -> float:
    """Return what a peer's read costs in terms of the bridge's, turn by turn."""
    pairs = zip(rounds[peer], rounds[_BRIDGE], strict=True)
    return median([its.cpu / ours.cpu for its, ours in pairs])
