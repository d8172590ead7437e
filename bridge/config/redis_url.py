"""URLs of Redis: which server, how it is found, and over what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from bridge.config.problems import wrong

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_LARGEST_PORT: Final = 65535
_SCHEMES: Final = re.compile(r"(redis|rediss|unix)(?:\+(sentinel|cluster))?://")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")
_FORMS: Final = (
    "use redis://host:6379/0, rediss:// for TLS, unix:///path,"
    " redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379"
)


class Form(StrEnum):
    """How the primary is found."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is.

    Attributes:
        form: how its primary is found.
        hosts: the server, the Sentinels, or some nodes of the Cluster; empty with a `socket`.
        tls: whether all of them speak TLS.
        socket: the path of a Unix socket.
        user: the ACL user; None is the default one.
        service: what the Sentinels call the primary.
        database: the number of the database.
    """

    form: Form
    hosts: tuple[tuple[str, int], ...] = ()
    tls: bool = False
    socket: str | None = None
    user: str | None = None
    service: str = ""
    database: int = 0


def is_redis(url: str) -> bool:
    """Return whether a store's URL means a Redis."""
    return _SCHEMES.match(url) is not None


def parse(url: str) -> RedisAddress:
    """Return what a URL says.

    Raises:
        PydanticCustomError: it cannot be read, or holds a password; its text does not quote it.
    """
    found = _SCHEMES.match(url)
    parts = urlsplit(url) if found else None
    if found is None or parts is None or not url.isascii() or not url.isprintable():
        raise wrong("should be the URL of a Redis", _FORMS)
    if parts.query or parts.fragment:
        raise wrong("should have no query and no fragment", "use the settings of [store.redis]")
    user, _, hosts = parts.netloc.rpartition("@")
    if ":" in user:
        raise wrong("holds a password", "move it to store.redis.password_file")
    form = Form(found[2] or Form.SINGLE)
    if found[1] == "unix":
        return _socket(form, parts.path, hosts, unquote(user) or None)
    port = _SENTINEL_PORT if form is Form.SENTINEL else _PORT
    service, database = _path(form, parts.path.removeprefix("/"))
    return RedisAddress(
        form=form,
        hosts=tuple(_host(each, port) for each in hosts.split(",")),
        tls=found[1] == "rediss",
        user=unquote(user) or None,
        service=service,
        database=database,
    )


def _socket(form: Form, path: str, host: str, user: str | None) -> RedisAddress:
    if form is not Form.SINGLE or host or path in {"", "/"}:
        raise wrong("should be unix:// and the absolute path of a socket", _FORMS)
    return RedisAddress(form, socket=unquote(path), user=user)


def _path(form: Form, path: str) -> tuple[str, int]:
    service, _, database = path.partition("/") if form is Form.SENTINEL else ("", "", path)
    if form is Form.SENTINEL and not service:
        raise wrong("lacks the name by which the Sentinels know the primary", _FORMS)
    if not re.fullmatch(r"[0-9]{0,4}", database):
        raise wrong("should end with the number of a database, or without one", _FORMS)
    number = int(database or 0)
    if form is Form.CLUSTER and number:
        raise wrong("names a database, and a Cluster has 0 alone", _FORMS)
    return service, number


def _host(text: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default)
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= _LARGEST_PORT
    if not is_port or not _HOST.fullmatch(host):
        raise wrong("should name hosts, each with or without a port", _FORMS)
    return host.strip("[]"), int(port)
