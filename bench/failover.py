"""A failover: the primary of a Redis with Sentinels is killed under reads and captures.

Three bridges are read from and told of logins throughout. Time counts from when the first of the
Sentinels names another primary: what came before is theirs to set, and what comes after is ours.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

from bench import programs
from bench.client import Connection, connect
from bench.harness import Beside, Figure, Measure, Plan, at_most, median
from bench.messages import Login, Messages
from bench.reading import stocked
from bench.setup import TENANT, GoogleApp, Kept, Setup, set_up
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Client
from bridge.services import Services
from tools.redis_servers import Sentinels, until

_BRIDGES: Final = 3
_PACE: Final = 25  # a second, of each kind, at each bridge
_SETTLED: Final = 3 * _PACE
_AFTER_S: Final = 2
_PATIENCE_S: Final = 60
# With less, Sentinels on a busy machine take servers for dead that live, and begin again. Until it
# is over, the dead primary counts as a replica of the new one, and nothing is acknowledged.
_DOWN_AFTER_MS: Final = 1000
_OK: Final = 200
# Short, as somebody would set them who wants a failover to be short.
_REDIS: Final = ('replicas = "all"', "timeout_s = 0.5", "connect_timeout_s = 0.3")


class Request(NamedTuple):
    """What is sent, and the login that it tells of, if it does."""

    message: bytes
    login: Login | None = None


class Stream:
    """Requests to one bridge, each sent when it is due, whatever became of those before.

    Attributes:
        answered: what was answered with 200, and when, by a monotonic clock.
        others: how many had another answer, or none.
    """

    def __init__(self, port: int, requests: Iterator[Request]) -> None:
        """Take where to send what."""
        self.answered: list[tuple[float, Request]] = []
        self.others = 0
        self._port = port
        self._requests = requests
        self._idle: list[Connection] = []

    def answered_after(self, moment: float) -> float | None:
        """Return how many seconds after a moment the next 200 came; None if none has."""
        found = (at for at, _ in tuple(self.answered) if at > moment)
        return min((at - moment for at in found), default=None)

    async def run(self, stop: threading.Event) -> None:
        """Send until told to stop, and wait for the answers."""
        due = time.monotonic()
        async with asyncio.TaskGroup() as asking:
            while not stop.is_set():
                asking.create_task(self._ask(next(self._requests)))
                due += 1 / _PACE
                await asyncio.sleep(due - time.monotonic())
        for one in self._idle:
            one.close()

    async def _ask(self, request: Request) -> None:
        try:
            connection = self._idle.pop() if self._idle else await connect(self._port)
            answer = await connection.ask(request.message)
        except OSError:
            self.others += 1
            return
        self._idle.append(connection)
        if answer.status == _OK:
            self.answered.append((time.monotonic(), request))
        else:
            self.others += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One failover.

    Attributes:
        setup: of one of the bridges.
        failover: seconds from the kill until a Sentinel named another primary.
        reads, writes: seconds from then until every bridge had answered again.
        acknowledged: captures.
        lost: those of them that the store does not hold.
        refused: requests that were answered with an error.
    """

    setup: Setup
    failover: float
    reads: float
    writes: float
    acknowledged: int
    lost: int
    refused: int


def run(plan: Plan) -> Figure:
    """Measure."""
    programs.need("redis-server", "redis-server")
    with SandboxServer() as server:
        client = server.google.clients.create(project="111122223333")
        numbers = range(plan.of(3, 1))
        return _figure([_round(plan.folder / str(number), server, client) for number in numbers])


def _round(folder: Path, server: SandboxServer, client: Client) -> Round:
    """Start everything anew in a folder, and have its primary killed."""
    folder.mkdir()
    with closing(Sentinels(within=folder, down_after_ms=_DOWN_AFTER_MS)) as servers:
        app = GoogleApp(client.client_id, client.secrets[0], server.url)
        setup = set_up(folder / "bridge", app=app, kept=Kept(servers.url, redis=_REDIS))
        return _failover(setup, servers, Messages(server.google, client, setup))


def _failover(setup: Setup, servers: Sentinels, messages: Messages) -> Round:
    setups = [setup, *(setup.beside() for _ in range(_BRIDGES - 1))]
    reads = stocked(setup)
    readers = [Stream(each.port, _reads(reads)) for each in setups]
    writers = [Stream(each.port, _captures(messages)) for each in setups]
    streams = [*readers, *writers]
    with ExitStack() as stack:
        for each in setups:
            stack.enter_context(programs.bridge(each))
        with _running(streams):
            until(lambda: all(len(each.answered) >= _SETTLED for each in streams), _PATIENCE_S)
            killed, named = _taken_over(servers)
            until(lambda: None not in _back(streams, named), _PATIENCE_S)
            time.sleep(_AFTER_S)
    told = [request.login for each in writers for _, request in each.answered if request.login]
    return Round(
        setup=setup,
        failover=named - killed,
        reads=_worst(readers, named),
        writes=_worst(writers, named),
        acknowledged=len(told),
        lost=_lost(setup, told),
        refused=sum(each.others for each in streams),
    )


def _reads(messages: Sequence[bytes]) -> Iterator[Request]:
    # Each stream in an order of its own.
    return map(Request, cycle(random.sample(messages, len(messages))))


def _captures(messages: Messages) -> Iterator[Request]:
    return (Request(login.message, login) for login in messages.logins())


@contextmanager
def _running(streams: Sequence[Stream]) -> Iterator[None]:
    """Have all of them send until the context ends."""
    stop = threading.Event()

    async def together() -> None:
        await asyncio.gather(*(each.run(stop) for each in streams))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, together())
        try:
            yield
        finally:
            stop.set()
        done.result()


def _taken_over(servers: Sentinels) -> tuple[float, float]:
    """Kill the primary; return when, and when a Sentinel named another, by a monotonic clock."""
    first = servers.primary
    killed = time.monotonic()
    first.kill()
    until(lambda: any(each is not first for each in servers.named()), _PATIENCE_S)
    return killed, time.monotonic()


def _back(streams: Iterable[Stream], moment: float) -> list[float | None]:
    return [each.answered_after(moment) for each in streams]


def _worst(streams: Iterable[Stream], moment: float) -> float:
    return max(seconds for seconds in _back(streams, moment) if seconds is not None)


def _lost(setup: Setup, told: Iterable[Login]) -> int:
    with setup.services() as services:
        return sum(login.refresh_token not in _held(services, login.subject) for login in told)


def _held(services: Services, subject: str) -> set[str]:
    """Return the refresh tokens that the store holds for a subject."""
    reveal, owner = services.admin.tokens.reveal, services.grants.owner
    grants = [held.record for held in services.grants.find(TENANT, subject)]
    return {reveal(owner(grant), token).reveal() for grant in grants for token in grant.tokens}


def _figure(rounds: Sequence[Round]) -> Figure:
    setup = rounds[0].setup
    reads = max(one.reads for one in rounds)
    writes = max(one.writes for one in rounds)
    return Figure(
        name="failover",
        value=max(reads, writes),
        unit="s to full service",
        ratio=None,
        against=None,
        measures=(
            Measure("reads_back_s", reads, "s", at_most(2)),
            Measure("writes_back_s", writes, "s", at_most(2)),
            Measure("failover_s", median([one.failover for one in rounds]), "s"),
            Measure("lost", sum(one.lost for one in rounds), "", at_most(0)),
            Measure("acknowledged", sum(one.acknowledged for one in rounds), "captures"),
            Measure("refused", sum(one.refused for one in rounds), "requests"),
        ),
        beside=Beside(
            server=f"granian, {_BRIDGES} bridges; load, Redis and Sentinels on the same cores",
            workers=setup.workers,
            threads=setup.threads,
            store=f'{setup.kept.store}; 2 replicas, replicas = "all", 3 Sentinels',
            cache=setup.kept.cache,
        ),
    )
