"""Readers on raw sockets: many connections in one thread, each request written by hand.

Owns pacing and timing. A latency begins when the request was due: one that had to wait for a
connection that was still busy counts that wait.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Final, NamedTuple

HOST: Final = "127.0.0.1"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Answer(NamedTuple):
    """A response: its status and its body."""

    status: int
    body: bytes


class Sample(NamedTuple):
    """One request: when it was due (Unix seconds), how long it took, and how it was answered."""

    at: float
    seconds: float
    status: int


def whole(received: bytes) -> Answer | None:
    """Return the answer that these bytes are; None if some of it is still to come."""
    head, found, rest = received.partition(_END)
    if not found:
        return None
    lowered = head.lower()
    start = lowered.index(_LENGTH) + len(_LENGTH)
    length = int(lowered[start:].split(b"\r\n", 1)[0])
    return Answer(int(head[9:12]), rest) if len(rest) >= length else None


class Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._awaited: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes until the answer is whole."""
        self._received += data
        answer = whole(self._received)
        if answer is not None and self._awaited is not None:
            awaited, self._awaited, self._received = self._awaited, None, b""
            if not awaited.done():
                awaited.set_result(answer)

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail whoever waits: a server that hangs up has not answered."""
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(ConnectionError("hung up"))

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future is its answer."""
        self._awaited = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._awaited.set_exception(ConnectionError("hung up"))
        else:
            self._transport.write(request)
        return self._awaited

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Connection:
    """Return a new connection to a server of this host."""
    _, made = await asyncio.get_running_loop().create_connection(Connection, HOST, port)
    return made


async def timed(connection: Connection, request: bytes, due: float) -> Sample:
    """Send a request and return its sample; status 0 is a connection that broke."""
    try:
        status = (await connection.ask(request)).status
    except OSError:
        status = 0
    return Sample(due, time.time() - due, status)


def paced(
    port: int, requests: Sequence[bytes], *, rate: float, seconds: float, connections: int = 16
) -> list[Sample]:
    """Send `rate` requests a second over kept connections, and return every sample."""
    quiet()
    return asyncio.run(_paced(port, requests, rate, seconds, connections))


async def _paced(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, connections: int
) -> list[Sample]:
    opened = [await connect(port) for _ in range(connections)]
    source = cycle(requests)
    for one in opened:
        await one.ask(next(source))
    start = time.time() + 0.1

    async def drive(position: int, connection: Connection) -> list[Sample]:
        samples = []
        for due in _due(start, rate, seconds, position, connections):
            left = due - time.time()
            # A timer that fires late is the client's own fault; a busy connection is not.
            at = due
            if left > 0:
                await asyncio.sleep(left)
                at = time.time()
            samples.append(await timed(connection, next(source), at))
        return samples

    parts = await asyncio.gather(*(drive(i, one) for i, one in enumerate(opened)))
    for one in opened:
        one.close()
    return [sample for part in parts for sample in part]


def _due(start: float, rate: float, seconds: float, position: int, step: int) -> Iterator[float]:
    for number in range(position, int(rate * seconds), step):
        yield start + number / rate


def quiet() -> None:
    """Keep the garbage collector out of the figures of a short-lived process."""
    gc.collect()
    gc.freeze()
    gc.disable()
