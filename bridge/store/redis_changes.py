"""Hearing of rows that other processes changed, by a channel of the primary.

Owns the thread that listens. A message can get lost (Redis keeps none), so whoever is told must
have a bound in time as well; after each interruption it is told that anything may have changed.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Final

import redis
from redis.exceptions import RedisError

from bridge.store.base import Changed
from bridge.store.redis_names import Names, ref_of, unescaped
from bridge.store.redis_primary import NoPrimaryError, Primary, is_elsewhere

_LOOK_EVERY_S: Final = 0.5
_PAUSE_S: Final = 0.2
# Of kind, place and the subject before; the subject after is the rest.
_LENGTHS: Final = struct.Struct(">III")


class Changes:
    """Tells one process of the rows with a subject that any process wrote."""

    def __init__(self, primary: Primary, names: Names) -> None:
        self._primary = primary
        self._names = names
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, changed: Changed, interrupted: Callable[[], None]) -> None:
        """Begin to listen.

        Args:
            changed: told of rows, and of kinds with the subjects that the rows had and have.
            interrupted: told that changes may have been missed.
        """
        self._thread = threading.Thread(
            target=self._run, args=(changed, interrupted), name="store-changes", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, changed: Changed, interrupted: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            client: redis.Redis | None = None
            try:
                client = self._primary.client()
                self._listen(client, changed, interrupted)
            except (RedisError, NoPrimaryError, OSError) as error:
                if client is not None and isinstance(error, RedisError) and is_elsewhere(error):
                    self._primary.lost(client)
            interrupted()
            self._stopping.wait(_PAUSE_S)

    def _listen(
        self, client: redis.Redis, changed: Changed, interrupted: Callable[[], None]
    ) -> None:
        with client.pubsub() as channel:
            channel.subscribe(self._names.changed)
            while not self._stopping.is_set():
                message = channel.get_message(timeout=_LOOK_EVERY_S)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    # What was kept before nobody would have told about.
                    interrupted()
                elif message["type"] == "message":
                    _tell(message["data"], changed)


def _tell(data: bytes, changed: Changed) -> None:
    parts = []
    start = _LENGTHS.size
    for length in _LENGTHS.unpack_from(data):
        parts.append(data[start : start + length])
        start += length
    kind, place, before = parts
    name = unescaped(kind)
    subjects = {subject.decode() for subject in (before, data[start:]) if subject}
    changed((ref_of(name, place),), [(name, subject) for subject in subjects])
