"""One call of Redis, tried again while that makes sense, and no redis error let out.

Owns the time that a call may take, what may be repeated, and the wait for replicas.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import redis
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from bridge.config.store import RedisSettings
from bridge.store.base import StoreUnavailableError
from bridge.store.redis_primary import NoPrimaryError, Primary, is_elsewhere

_T = TypeVar("_T")

_LUA: Final = Path(__file__).with_name("lua")
# Between tries: at first soon, for a connection that was merely stale, later often enough to notice
# a failover within a fraction of a second.
_NAPS: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
_PASSING: Final = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.ReadOnlyError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    AskError,
    TryAgainError,
)
_random: Final = random.SystemRandom()

Argument = bytes | str | int | float


class Script:
    """A Lua script that runs on the server, all at once."""

    def __init__(self, *parts: str) -> None:
        """Join the named files."""
        self.text: Final = "".join(
            (_LUA / f"{part}.lua").read_text(encoding="ascii") for part in parts
        )
        # It names the script to the server, nothing more.
        self.sha: Final = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Calls:
    """The calls of one process. Safe for use by many threads."""

    def __init__(self, primary: Primary, settings: RedisSettings, base: bytes) -> None:
        """Take where to call.

        Args:
            primary: finds the server.
            settings: tell how long to wait, and for how many replicas.
            base: the first part of every key.
        """
        self._primary = primary
        self._settings = settings
        self._base = base
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """Return a string."""
        found: bytes | None = self.run(lambda client, _: client.execute_command("GET", key))
        return found

    def script(self, script: Script, *arguments: Argument) -> Any:  # noqa: ANN401 - Lua's value
        """Run a script that may be repeated as it is."""
        return self.run(lambda client, _: _evaluated(client, script, self._base, arguments))

    def write(self, script: Script, *arguments: Argument) -> Any:  # noqa: ANN401 - Lua's value
        """Run a script that writes rows, and wait for the replicas that the settings ask for.

        The script's first argument tells it whether an earlier try may have done its work.
        """

        def tried(client: redis.Redis, attempt: int) -> Any:  # noqa: ANN401 - the same
            given = ("1" if attempt else "0", *arguments)
            if not self.waits:
                return _evaluated(client, script, self._base, given)
            return self._replicated(client, script, given)

        return self.run(tried)

    def run(self, call: Callable[[redis.Redis, int], _T]) -> _T:
        """Do a call, with the number of tries before this one, until one has an answer.

        Raises:
            StoreUnavailableError: none has in time, or the server refuses.
        """
        deadline = time.monotonic() + self._settings.patience_s
        attempt = 0
        while True:
            if self._closed:
                raise StoreUnavailableError("closed")
            client: redis.Redis | None = None
            try:
                client = self._primary.client()
                return call(client, attempt)
            except (RedisError, NoPrimaryError, OSError) as error:
                if client is not None and isinstance(error, RedisError) and is_elsewhere(error):
                    self._primary.lost(client)
                nap = _NAPS[min(attempt, len(_NAPS) - 1)] * (1 + _random.random())
                is_over = time.monotonic() + nap >= deadline
                if is_over or not _passes(error):
                    raise StoreUnavailableError(_told(error)) from None
            time.sleep(nap)
            attempt += 1

    @property
    def waits(self) -> bool:
        """Whether a write is acknowledged by replicas."""
        return self._settings.replicas != 0

    def close(self) -> None:
        """Refuse every later call."""
        self._closed = True
        self._primary.close()

    def _replicated(self, client: redis.Redis, script: Script, given: tuple[Argument, ...]) -> Any:  # noqa: ANN401 - Lua's value
        wanted, timeout = self._wanted(client)
        wait = ("WAIT", wanted, timeout)
        rest = (1, self._base, *given)
        result, reached = _piped(client, ("EVALSHA", script.sha, *rest), wait)
        if isinstance(result, NoScriptError):
            result, reached = _piped(client, ("EVAL", script.text, *rest), wait)
        for answer in (result, reached):
            if isinstance(answer, Exception):
                raise answer
        if int(reached) < wanted:
            self._primary.recount()
            raise StoreUnavailableError(f"{int(reached)} of {wanted} replicas have the write")
        return result

    def _wanted(self, client: redis.Redis) -> tuple[int, int]:
        replicas = self._settings.replicas
        number = self._primary.replicas_of(client) if replicas == "all" else int(replicas)
        return number, int(self._settings.replicas_timeout_s * 1000)


def _evaluated(
    client: redis.Redis, script: Script, base: bytes, arguments: tuple[Argument, ...]
) -> Any:  # noqa: ANN401 - Lua's value
    try:
        return client.execute_command("EVALSHA", script.sha, 1, base, *arguments)
    except NoScriptError:
        return client.execute_command("EVAL", script.text, 1, base, *arguments)


def _piped(client: redis.Redis, *commands: tuple[Argument, ...]) -> list[Any]:
    # One connection: WAIT is about the writes that this very connection made before.
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute(raise_on_error=False)


def _passes(error: Exception) -> bool:
    if isinstance(error, redis.AuthenticationError):
        return False
    return isinstance(error, (*_PASSING, NoPrimaryError, OSError))


def _told(error: Exception) -> str:
    """Return what to log: a server's message may quote a command, and a command holds rows."""
    name = type(error).__name__
    if type(error) is ResponseError:
        code = str(error).partition(" ")[0]
        return f"{name} {code}" if code.isupper() and code.isalpha() else name
    return name
