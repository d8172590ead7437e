"""Which server is the primary now, and the connections to it.

Owns finding it, by a fixed address, by Sentinels or in a Cluster, and letting go of one that is it
no longer. Knows no key and no command but those that tell about servers. Replicas are never read:
they lag, and a revoke must be seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import MovedError, RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from bridge.config.redis_url import Form, RedisAddress
from bridge.config.store import RedisSettings

_KEEPALIVE_S: Final = 30
_TOLD_FOR_S: Final = 1.0
# An old primary that wakes up goes on believing that it is one, for ten seconds, until a Sentinel
# tells it. Who keeps a connection to it must not.
_BELIEVED_S: Final = 0.5


class NoPrimaryError(Exception):
    """No server says that it is the primary now."""


class _Told(NamedTuple):
    """How many replicas a primary should have, and until when that is believed."""

    client: redis.Redis
    number: int
    until: float


class _Found(NamedTuple):
    host: str
    port: int


class Primary:
    """The connections of one process to whichever server is the primary."""

    def __init__(self, address: RedisAddress, settings: RedisSettings) -> None:
        """Take how to find it; nothing is connected yet."""
        self._address = address
        self._settings = settings
        self._lock = threading.Lock()
        self._client: redis.Redis | None = None
        self._at: _Found | None = None
        self._due = 0.0
        self._told: _Told | None = None
        self._nodes = tuple(_Found(*host) for host in address.hosts)
        self._slot = key_slot(settings.prefix.encode())
        # Kept: each Sentinel that answered is asked first the next time.
        self._sentinels = self._sentinel() if address.form is Form.SENTINEL else None

    def client(self) -> redis.Redis:
        """Return a client of the primary, whose connections are this process's to share.

        Raises:
            NoPrimaryError: none is known.
            RedisError: those who know cannot be asked.
        """
        client = self._client
        if client is not None and time.monotonic() <= self._due:
            return client
        # Whoever has a client need not wait until somebody else has looked.
        if not self._lock.acquire(blocking=client is None):
            return client  # type: ignore[return-value]  # it blocks where there is none
        try:
            return self._present()
        finally:
            self._lock.release()

    def lost(self, client: redis.Redis) -> None:
        """Look for the primary anew: a client's server is away, or says that it is another."""
        with self._lock:
            if self._client is client:
                self._client = None
        # Connections in use fail by themselves or are dropped when they come back.
        client.connection_pool.disconnect(inuse_connections=False)

    def replicas_of(self, client: redis.Redis) -> int:
        """Return how many replicas could take the primary's place now.

        Those that Sentinels or Cluster see as down are not among them: they would not be chosen.
        At least one: a primary that is cut off from all of them knows of none.

        Raises:
            NoPrimaryError, RedisError: as `client`.
        """
        told = self._told
        if told is None or told.client is not client or time.monotonic() > told.until:
            number = max(1, self._counted(client))
            told = self._told = _Told(client, number, time.monotonic() + _TOLD_FOR_S)
        return told.number

    def recount(self) -> None:
        """Count the replicas anew the next time: fewer than expected had a write."""
        self._told = None

    def _counted(self, client: redis.Redis) -> int:
        if self._sentinels is not None:
            return _replicas_up(self._sentinels.sentinels, self._address.service)
        if self._address.form is Form.CLUSTER:
            return _replicas_in(client.execute_command("CLUSTER NODES"))
        return int(client.info("replication")["connected_slaves"])

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.connection_pool.disconnect(inuse_connections=False)
        if self._sentinels is not None:
            for sentinel in self._sentinels.sentinels:
                sentinel.close()

    def _present(self) -> redis.Redis:
        client = self._client
        try:
            at = self._located()
        except (RedisError, NoPrimaryError):
            if client is None:
                raise
            # Those who know are away: what answers as a primary is one until they are back.
            at = self._at
        self._due = time.monotonic() + _BELIEVED_S
        if client is None or at != self._at:
            if client is not None:
                client.connection_pool.disconnect(inuse_connections=False)
            client = self._client = self._connected(at)
            self._at = at
        return client

    def _located(self) -> _Found | None:
        """Return where the primary is; None is the socket."""
        match self._address.form:
            case Form.SINGLE:
                return self._nodes[0] if self._nodes else None
            case Form.SENTINEL:
                return self._by_sentinels()
            case Form.CLUSTER:
                return self._in_cluster()

    def _connected(self, at: _Found | None) -> redis.Redis:
        kind: type[Any] = redis.SSLConnection if self._address.tls else redis.Connection
        where: dict[str, Any] = {"path": self._address.socket}
        if at is None:
            kind = redis.UnixDomainSocketConnection
        else:
            where = at._asdict()
        pool = redis.BlockingConnectionPool(
            max_connections=self._settings.connections,
            timeout=self._settings.timeout_s,
            connection_class=kind,
            username=self._address.user,
            password=_revealed(self._settings.password),
            db=self._address.database,
            redis_connect_func=partial(self._greet, at),
            **where,
            **self._wire(unix=at is None),
        )
        return redis.Redis(connection_pool=pool)

    def _greet(self, at: _Found | None, connection: redis.connection.AbstractConnection) -> None:
        """Begin a connection; refuse one to a server that was the primary and is it no longer.

        A pool connects anew by itself where a connection was lost, and an old primary that comes
        back answers reads with what it knew.
        """
        connection.on_connect()
        connection.send_command("ROLE")
        role = connection.read_response()[0]
        if role not in {b"master", "master"}:
            raise redis.ConnectionError("the server is a replica")
        if self._address.form is not Form.SINGLE:
            self._check_is_present(at)

    def _check_is_present(self, at: _Found | None) -> None:
        try:
            present = self._located()
        except (RedisError, NoPrimaryError):
            return
        if present != at:
            raise redis.ConnectionError("another server is the primary")

    def _wire(self, *, unix: bool) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {
            "socket_timeout": settings.timeout_s,
            "socket_connect_timeout": settings.connect_timeout_s,
            "health_check_interval": _KEEPALIVE_S,
            # Tried again by `Calls`, which knows what may be repeated and for how long.
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        if self._address.tls and not unix:
            options |= {
                "ssl_cert_reqs": "required",
                # A certificate of another host under the same authority proves nothing.
                "ssl_check_hostname": True,
                "ssl_ca_certs": _text(settings.tls_ca),
                "ssl_certfile": _text(settings.tls_certificate),
                "ssl_keyfile": _text(settings.tls_key),
            }
        return options

    def _sentinel(self) -> Sentinel:
        settings = self._settings
        access = {
            "username": settings.sentinel_user,
            "password": _revealed(settings.sentinel_password),
            "ssl": self._address.tls,
        }
        return Sentinel(list(self._address.hosts), sentinel_kwargs=access | self._wire(unix=False))

    def _by_sentinels(self) -> _Found:
        if self._sentinels is None:
            raise NoPrimaryError("there are no Sentinels to ask")
        return _Found(*self._sentinels.discover_master(self._address.service))

    def _in_cluster(self) -> _Found:
        """Ask the nodes known so far who has the slot of this store, each until one knows."""
        failure: RedisError | None = None
        for node in self._nodes:
            asked = self._node(node)
            try:
                shards = asked.execute_command("CLUSTER SLOTS")
            except RedisError as error:
                failure = error
                continue
            finally:
                asked.close()
            self._nodes = tuple(dict.fromkeys((*_nodes_in(shards, node), *self._nodes)))
            for first, last, primary, *_ in shards:
                if first <= self._slot <= last:
                    return _node_at(primary, node)
        raise failure or NoPrimaryError("no node has the slot")

    def _node(self, at: _Found) -> redis.Redis:
        return redis.Redis(
            host=at.host,
            port=at.port,
            ssl=self._address.tls,
            username=self._address.user,
            password=_revealed(self._settings.password),
            **self._wire(unix=False),
        )


def is_elsewhere(error: RedisError) -> bool:
    """Return whether an error says that the server is not, or no longer, the primary to ask."""
    return isinstance(
        error, (redis.ReadOnlyError, MovedError, redis.ConnectionError, redis.TimeoutError)
    )


def _replicas_up(sentinels: Sequence[redis.Redis], service: str) -> int:
    failure: RedisError | None = None
    for each in sentinels:
        try:
            replicas: Any = each.sentinel_slaves(service)
        except RedisError as error:
            failure = error
            continue
        return sum(1 for replica in replicas if not replica["is_sdown"] and not replica["is_odown"])
    raise failure or NoPrimaryError("there are no Sentinels to ask")


def _nodes_in(shards: Iterable[Sequence[Any]], asked: _Found) -> list[_Found]:
    return [_node_at(node, asked) for _, _, *nodes in shards for node in nodes]


def _node_at(node: Sequence[Any], asked: _Found) -> _Found:
    host = node[0]
    name = host.decode() if isinstance(host, bytes) else host
    # A node that does not know its own name is where it was asked.
    return _Found(name or asked.host, int(node[1]))


def _replicas_in(nodes: Any) -> int:  # noqa: ANN401 - text, or what redis-py makes of it
    if not isinstance(nodes, dict):
        raise NoPrimaryError("the Cluster does not tell its nodes")
    own = next(node["node_id"] for node in nodes.values() if "myself" in node["flags"])
    replicas = (node["flags"].split(",") for node in nodes.values() if node["master_id"] == own)
    return sum(1 for flags in replicas if "fail" not in flags)


def _revealed(secret: Any) -> str | None:  # noqa: ANN401 - a Secret or None
    return None if secret is None else secret.reveal()


def _text(path: Any) -> str | None:  # noqa: ANN401 - a Path or None
    return None if path is None else str(path)
