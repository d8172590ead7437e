"""Whether a Redis keeps what it acknowledges, by what it says of itself.

Owns the questions and the sentences. `INFO` answers most of them; only `CONFIG` tells how often the
log is synced, and managed services forbid it: what cannot be known counts as a risk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import redis
from redis.exceptions import ResponseError

from bridge.config.store import Risk
from bridge.errors import BridgeError, Code
from bridge.store.redis_calls import Calls

# The first with ACL users; older ones also replicate scripts in a way that TIME would spoil.
_OLDEST: Final = 6


class Danger(NamedTuple):
    """What can cost grants, and how to mend it."""

    risk: Risk
    sentence: str


class _Server(NamedTuple):
    """What a server says of itself; `appendfsync` is None where it does not say."""

    version: str
    appendonly: bool
    appendfsync: str | None
    eviction: str


def dangers(calls: Calls) -> Sequence[Danger]:
    """Return what can cost grants on the server that is the primary now.

    Raises:
        BridgeError: `store_unavailable`, the server is too old, or cannot be asked.
    """
    server = calls.run(lambda client, _: _asked(client))
    major = server.version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST:
        raise BridgeError(
            Code.STORE_UNAVAILABLE,
            f"The store's Redis is {server.version}; {_OLDEST}.0 or later is needed.",
        )
    return [*_fsync(server), *_eviction(server)]


def refuse(found: Iterable[Danger], accepted: Iterable[Risk]) -> None:
    """Refuse to work with a danger that the settings do not accept.

    Raises:
        BridgeError: `store_unavailable`; its text names each danger and how to mend it.
    """
    allowed = frozenset(accepted)
    texts = [
        f'{danger.sentence} Or accept it: [store.redis] accept = ["{danger.risk}"].'
        for danger in found
        if danger.risk not in allowed
    ]
    if texts:
        raise BridgeError(Code.STORE_UNAVAILABLE, " ".join(texts))


def _fsync(server: _Server) -> Iterator[Danger]:
    mend = "Set `appendonly yes` and `appendfsync always` in redis.conf, or by CONFIG SET."
    if not server.appendonly:
        problem = "The store's Redis keeps no append-only file: a crash loses acknowledged grants."
    elif server.appendfsync is None:
        problem = "The store's Redis does not say whether it syncs every write to its disk."
        mend = "Allow its user `+config|get`."
    elif server.appendfsync != "always":
        problem = (
            f"The store's Redis has `appendfsync {server.appendfsync}`: a crash loses acknowledged"
            " grants."
        )
    else:
        return
    yield Danger(Risk.FSYNC, f"{problem} {mend}")


def _eviction(server: _Server) -> Iterator[Danger]:
    # Grants never have an expiry in Redis, so a volatile policy cannot take them.
    if server.eviction.startswith("allkeys"):
        yield Danger(
            Risk.EVICTION,
            f"The store's Redis has `maxmemory-policy {server.eviction}`: when it is full, it drops"
            " grants. Set `maxmemory-policy noeviction`.",
        )


def _asked(client: redis.Redis) -> _Server:
    told: dict[str, Any] = client.info()
    try:
        answer = client.execute_command("CONFIG GET", "appendfsync")
    except ResponseError:
        # Unknown, renamed or not permitted.
        answer = {}
    fsync = answer.get("appendfsync", answer.get(b"appendfsync"))
    return _Server(
        version=str(told["redis_version"]),
        appendonly=bool(told.get("aof_enabled")),
        appendfsync=fsync.decode() if isinstance(fsync, bytes) else fsync,
        eviction=str(told.get("maxmemory_policy", "")),
    )
