"""Hearing of rows that other processes changed, by a channel of the primary.

Owns the thread that listens, and the proof that it has heard of everything. Redis keeps no message:
what was told while nobody listened is lost. But it answers the commands of a connection in order,
after the messages that were due before. So whoever hears the answer to a ping has heard of every
change from before the ping, if the server is still the primary, and every writer may tell.
"""

from __future__ import annotations

import struct
import time
from typing import Any, Final

import redis
from redis.client import PubSub
from redis.exceptions import RedisError

from bridge.clock import Clock
from bridge.store.base import Follower
from bridge.store.following import Following
from bridge.store.redis_names import Names, ref_of, unescaped
from bridge.store.redis_primary import NoPrimaryError, Primary, is_elsewhere

_ASK_EVERY_S: Final = 0.25
_PAUSE_S: Final = 0.2
# Of kind, place and the subject before; the subject after is the rest.
_LENGTHS: Final = struct.Struct(">III")


class Changes:
    """Tells one process of the rows with a subject that any process wrote."""

    def __init__(self, primary: Primary, names: Names, clock: Clock, timeout_s: float) -> None:
        """Take where to listen.

        Args:
            primary: whose channel it is.
            names: of the channel and the keys.
            clock: dates what is confirmed.
            timeout_s: seconds after which a server that does not answer is away.
        """
        self._primary = primary
        self._names = names
        self._clock = clock
        self._timeout_s = timeout_s
        self._following = Following(self._run)

    def follow(self, follower: Follower) -> None:
        """Begin to listen, and to tell a follower."""
        self._following.begin(follower)

    def stop(self) -> None:
        """Stop listening."""
        self._following.end()

    def _run(self, follower: Follower) -> None:
        while not self._following.stopping.is_set():
            client: redis.Redis | None = None
            try:
                client = self._primary.client()
                with client.pubsub() as channel:
                    self._listen(_Hearing(client, channel, follower, self._clock))
            except (RedisError, NoPrimaryError, OSError) as error:
                if client is not None and isinstance(error, RedisError) and is_elsewhere(error):
                    self._primary.lost(client)
            follower.forget_all()
            self._following.stopping.wait(_PAUSE_S)

    def _listen(self, hearing: _Hearing) -> None:
        hearing.channel.subscribe(self._names.changed)
        due = 0.0
        while not self._following.stopping.is_set():
            if time.monotonic() >= due:
                hearing.check_answers(self._timeout_s)
                self._ask(hearing)
                due = time.monotonic() + _ASK_EVERY_S
            hearing.take(hearing.channel.get_message(timeout=_ASK_EVERY_S))

    def _ask(self, hearing: _Hearing) -> None:
        """Send a ping, whose answer confirms what was told before, if nothing speaks against it."""
        at = self._clock.monotonic()
        try:
            present = self._primary.client()
            untold = present.get(self._names.untold)
        except (RedisError, NoPrimaryError):
            return  # nothing is confirmed; a channel that is lost as well is noticed by itself
        if present is not hearing.client:
            raise redis.ConnectionError("another server is the primary")
        hearing.ask(at, untold)


class _Hearing:
    """What was heard by one connection, and since when it is all that there was to hear."""

    def __init__(
        self, client: redis.Redis, channel: PubSub, follower: Follower, clock: Clock
    ) -> None:
        self.client = client
        self.channel = channel
        self._follower = follower
        self._clock = clock
        self._is_subscribed = False
        self._untold: object = None
        self._since: float | None = None
        self._asked: tuple[float, float] | None = None

    def ask(self, at: float, untold: object) -> None:
        """Ask whether all was told that happened before `at`.

        Args:
            at: a moment before whatever was looked at.
            untold: how many changes could not be told.
        """
        if not self._is_subscribed or self._asked is not None:
            return
        if self._since is None or untold != self._untold:
            self._untold, self._since = untold, self._clock.monotonic()
        self._asked = at, time.monotonic()
        self.channel.ping()

    def check_answers(self, timeout_s: float) -> None:
        """Raise redis.TimeoutError if a ping was not answered in time: no error may ever come."""
        if self._asked is not None and time.monotonic() > self._asked[1] + timeout_s:
            raise redis.TimeoutError("the channel does not answer")

    def take(self, message: Any) -> None:  # noqa: ANN401 - a dictionary of redis-py's, or None
        """Tell what a message says."""
        match message:
            case {"type": "subscribe"}:
                # What was kept before nobody would have told about.
                self._follower.forget_all()
                self._is_subscribed = True
            case {"type": "message", "data": data}:
                _tell(data, self._follower)
            case {"type": "pong"} if self._asked is not None and self._since is not None:
                self._follower.confirm(self._since, self._asked[0])
                self._asked = None


def _tell(data: bytes, follower: Follower) -> None:
    parts = []
    start = _LENGTHS.size
    for length in _LENGTHS.unpack_from(data):
        parts.append(data[start : start + length])
        start += length
    kind, place, before = parts
    name = unescaped(kind)
    subjects = {subject.decode() for subject in (before, data[start:]) if subject}
    follower.forget((ref_of(name, place),), [(name, subject) for subject in subjects])
