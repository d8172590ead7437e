"""Ports of this machine for servers that start in a moment, or again in a while."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_240
_LENT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LENT_ELSEWHERE: Final = 49_152  # RFC 6335, section 6, "dynamic ports"
_TRIES: Final = 200
_random: Final = random.SystemRandom()


def free_port() -> int:
    """Return a port that is free.

    Raises:
        OSError: there is none.
    """
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Return ports that are free, each another one.

    None is of those that the system lends to connections that go out: one of them would take the
    port before the server does, or while it is restarted.

    Raises:
        OSError: there are not so many.
    """
    with ExitStack() as held:
        return [_bound(held.enter_context(socket.socket())) for _ in range(count)]


def _bound(probe: socket.socket) -> int:
    end = _lowest_lent()
    for _ in range(_TRIES if end > _LOWEST else 0):
        port = _random.randrange(_LOWEST, end)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    probe.bind(("127.0.0.1", 0))
    given: int = probe.getsockname()[1]
    return given


def _lowest_lent() -> int:
    if not _LENT.exists():
        return _LENT_ELSEWHERE
    return int(_LENT.read_text(encoding="ascii").split()[0])
