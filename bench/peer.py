"""What a peer of the bridge is to the benchmark that measures it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class UnavailableError(Exception):
    """A peer cannot be installed here; the text says why."""


class Peer(NamedTuple):
    """A server whose users' Google tokens are fresh.

    Attributes:
        pid: of its process.
        port: where it listens.
        reads: a file for wrk with a read of each user's token.
    """

    pid: int
    port: int
    reads: Path
