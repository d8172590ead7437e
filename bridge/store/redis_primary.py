"""Which server is the primary now, and the connections to it.

Owns finding it, by a fixed address, by Sentinels or in a Cluster, and letting go of one that is it
no longer. Knows no key and no command but those that tell about servers. Replicas are never read:
they lag, and a revoke must be seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
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
_TOLD_FOR_S: Final = 5.0


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
        if client is None:
            with self._lock:
                client = self._client
                if client is None:
                    client = self._client = self._found()
        return client

    def lost(self, client: redis.Redis) -> None:
        """Look for the primary anew: a client's server is away, or says that it is another."""
        with self._lock:
            if self._client is client:
                self._client = None
        # Connections in use fail by themselves or are dropped when they come back.
        client.connection_pool.disconnect(inuse_connections=False)

    def replicas_of(self, client: redis.Redis) -> int:
        """Return how many replicas the primary should have, those that are down included.

        At least one: a primary that is cut off from all of them knows of none.

        Raises:
            NoPrimaryError, RedisError: as `client`.
        """
        told = self._told
        if told is None or told.client is not client or time.monotonic() > told.until:
            number = max(1, self._counted(client))
            if self._address.form is Form.SINGLE and told is not None:
                # Nobody but the primary could tell, and it forgets those that went away.
                number = max(number, told.number)
            told = self._told = _Told(client, number, time.monotonic() + _TOLD_FOR_S)
        return told.number

    def _counted(self, client: redis.Redis) -> int:
        if self._sentinels is not None:
            known = self._sentinels.sentinels
            return len(_first_answer(known, "SENTINEL REPLICAS", self._address.service))
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

    def _found(self) -> redis.Redis:
        match self._address.form:
            case Form.SINGLE if self._address.socket is not None:
                return self._connected(path=self._address.socket)
            case Form.SINGLE:
                return self._connected(**self._nodes[0]._asdict())
            case Form.SENTINEL:
                return self._connected(**self._by_sentinels()._asdict())
            case Form.CLUSTER:
                return self._connected(**self._in_cluster()._asdict())

    def _connected(self, **where: str | int) -> redis.Redis:
        kind: type[Any] = redis.Connection
        if "path" in where:
            kind = redis.UnixDomainSocketConnection
        elif self._address.tls:
            kind = redis.SSLConnection
        pool = redis.BlockingConnectionPool(
            max_connections=self._settings.connections,
            timeout=self._settings.timeout_s,
            connection_class=kind,
            username=self._address.user,
            password=_revealed(self._settings.password),
            db=self._address.database,
            **where,
            **self._wire(unix="path" in where),
        )
        client = redis.Redis(connection_pool=pool)
        role = client.execute_command("ROLE")[0]
        if role not in {b"master", "master"}:
            pool.disconnect()
            raise NoPrimaryError("the server is a replica")
        return client

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


def _first_answer(known: Sequence[redis.Redis], *command: str) -> Any:  # noqa: ANN401 - an answer
    failure: RedisError | None = None
    for each in known:
        try:
            return each.execute_command(*command)
        except RedisError as error:
            failure = error
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
    return sum(1 for node in nodes.values() if node["master_id"] == own)


def _revealed(secret: Any) -> str | None:  # noqa: ANN401 - a Secret or None
    return None if secret is None else secret.reveal()


def _text(path: Any) -> str | None:  # noqa: ANN401 - a Path or None
    return None if path is None else str(path)
