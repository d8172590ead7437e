"""Thousands of readers on one selector: each has a connection and asks when all others do.

Owns their sockets, and the limit of open files that they need. Leaner than `bench.client`, because
a crowd shares its cores with the server whose last answer it waits for.
"""

from __future__ import annotations

import resource
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from bench.client import HOST, whole
from bench.programs import MissingToolError

_SPARE_FILES: Final = 500
_PATIENCE_S: Final = 60
_CHUNK: Final = 65_536
_GOOD: Final = 200
_FIRST_AT_ONCE: Final = 50
_JUST_AFTER_S: Final = 0.005


class Wave(NamedTuple):
    """What became of one request of everybody.

    Attributes:
        began: when the first was sent, in Unix seconds.
        seconds: from then to the last answer.
        errors: how many got no answer, or a bad one.
    """

    began: float
    seconds: float
    errors: int


class Crowd:
    """Readers, all connected to one server of this host."""

    def __init__(self, port: int, count: int) -> None:
        self._count = count
        self._selector = selectors.DefaultSelector()
        self._open: list[socket.socket] = []
        for _ in range(count):
            # One after the other: more at once than the server's backlog holds would be refused.
            one = socket.create_connection((HOST, port), timeout=_PATIENCE_S)
            one.settimeout(0)
            self._selector.register(one, selectors.EVENT_READ, one)
            self._open.append(one)

    def ask(self, request: bytes, *, at_once: int | None = None) -> Wave:
        """Send a request on every connection, and wait for all answers.

        Args:
            request: everybody's.
            at_once: how many ask at a time; None is all.
        """
        began = time.time()
        good = 0
        step = at_once or self._count
        for start in range(0, self._count, step):
            good += self._answered(self._open[start : start + step], request)
        return Wave(began, time.time() - began, self._count - good)

    def ask_at_expiry(self, request: bytes, expires_at: int) -> tuple[Wave, Wave]:
        """Have all ask while a token is fresh, and again, at once, the moment it has expired.

        Raises:
            RuntimeError: it expired before all had their first answers.
        """
        early = self.ask(request, at_once=_FIRST_AT_ONCE)
        left = expires_at - time.time()
        if left < 0:
            raise RuntimeError(
                "the readers did not have their first answers before the token expired"
            )
        time.sleep(left + _JUST_AFTER_S)
        return early, self.ask(request)

    def close(self) -> None:
        """Hang up."""
        self._selector.close()
        for one in self._open:
            one.close()

    def _answered(self, some: list[socket.socket], request: bytes) -> int:
        """Have some ask; return how many got what they asked for."""
        good = 0
        asking = {one: b"" for one in some if _sent(one, request)}
        while asking and (ready := self._selector.select(_PATIENCE_S)):
            for key, _ in ready:
                data = _received(key.data)
                if not data:
                    self._selector.unregister(key.data)
                    asking.pop(key.data, None)
                    continue
                asking[key.data] += data
                answer = whole(asking[key.data])
                if answer is not None:
                    del asking[key.data]
                    good += answer.status == _GOOD
        return good


def _sent(one: socket.socket, request: bytes) -> bool:
    try:
        return one.send(request) == len(request)
    except OSError:
        return False


def _received(one: socket.socket) -> bytes:
    """Return what has come; nothing if the server hung up."""
    try:
        return one.recv(_CHUNK)
    except OSError:
        return b""


@contextmanager
def gathered(port: int, count: int) -> Iterator[Crowd]:
    """Have `count` readers connected within the block."""
    crowd = Crowd(port, count)
    try:
        yield crowd
    finally:
        crowd.close()


def allow_open_files(count: int) -> None:
    """Let this process and those that it starts from now on have so many connections.

    Raises:
        MissingToolError: the machine allows fewer.
    """
    wanted = count + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise MissingToolError(
            f"{wanted} open files are needed, {hard} allowed; raise `ulimit -Hn`"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
