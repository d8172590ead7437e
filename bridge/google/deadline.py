"""A point in time by which a whole HTTP call must be over, and connections that keep to it.

A socket's own time-out starts anew with every byte, so that a sender of one byte a second (broken,
or an attacker in a proxy's place) could hold a thread for as long as it likes. Here each wait for
bytes, of headers and body alike, is cut to what the call's deadline leaves. Knows nothing of what
is called.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Final, Self

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bridge.clock import Clock

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a call must be over, by a clock that does not step."""

    clock: Clock
    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Self:
        """Return the deadline that lies `seconds` ahead."""
        return cls(clock, clock.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left; zero or less once it has passed."""
        return self.at - self.clock.monotonic()


_current: Final[ContextVar[Deadline | None]] = ContextVar("deadline", default=None)


@contextmanager
def bounded_by(deadline: Deadline) -> Iterator[None]:
    """Hold every answer that this thread begins to read in the block to `deadline`."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


class _BoundedStream(io.RawIOBase):
    """A socket's incoming bytes; no wait is longer than the socket's time-out or the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self._longest_wait = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._deadline.left()
        if left <= 0:
            raise TimeoutError("the call's time is used up")
        longest = self._longest_wait
        self._sock.settimeout(left if longest is None else min(longest, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """http.client's answer, read through a bounded stream."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        deadline = _current.get()
        if deadline is not None:
            self.fp = io.BufferedReader(_BoundedStream(self.fp.detach(), sock, deadline))


class _BoundedHTTPConnection(HTTPConnection):
    response_class = _BoundedResponse


class _BoundedHTTPSConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _BoundedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _BoundedHTTPConnection


class _BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


_POOLS: Final = {"http": _BoundedHTTPPool, "https": _BoundedHTTPSPool}


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter over connections that keep to `bounded_by`, also through an HTTP proxy.

    A SOCKS proxy has connection classes of its own; through one, a socket's time-out alone holds.
    """

    def __init__(self, pool_size: int) -> None:
        """Build an adapter that keeps `pool_size` connections a host, and opens more if need be."""
        super().__init__(pool_maxsize=pool_size, pool_block=False)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: object) -> urllib3.PoolManager:
        """Return the pools of connections through one proxy."""
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if isinstance(manager, urllib3.ProxyManager):
            manager.pool_classes_by_scheme = _POOLS
        return manager
