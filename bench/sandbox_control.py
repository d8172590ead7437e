"""The few words that benchmarks say to the sandbox's control API."""

from __future__ import annotations

from typing import Final

import msgspec
import requests

_TIMEOUT_S: Final = 10


class Busiest(msgspec.Struct, frozen=True):
    """The busiest second of an endpoint."""

    calls: int


class Stats(msgspec.Struct, frozen=True):
    """What the sandbox counted, as far as it is used here."""

    refreshes: int
    busiest: dict[str, Busiest]


def stats(port: int) -> Stats:
    """Return the counters."""
    answer = requests.get(f"{_url(port)}/stats", timeout=_TIMEOUT_S)
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=Stats)


def refreshes(port: int) -> int:
    """Return how many refreshes the sandbox has answered, well or badly."""
    return stats(port).refreshes


def hold_tokens(port: int, *, seconds: float) -> None:
    """Have the next answer of the token endpoint held back; a second call's is not."""
    body = {"endpoint": "token", "seconds": seconds, "times": 1}
    requests.post(f"{_url(port)}/holds", json=body, timeout=_TIMEOUT_S).raise_for_status()


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/sandbox"
