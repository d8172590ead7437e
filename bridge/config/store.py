"""Settings of the store: a file of this host, or a Redis that many hosts share."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from bridge.config.problems import wrong
from bridge.config.redis_url import RedisAddress, is_redis, parse
from bridge.config.section import ResolvedPath, Section, context_of
from bridge.config.values import SecretText

_SQLITE: Final = "sqlite:///"
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DEFAULTS: Any = Field(default_factory=dict)


class Risk(StrEnum):
    """What a Redis may be set up to do that can cost grants."""

    FSYNC = "fsync"
    EVICTION = "eviction"


def _prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise wrong("should be 1 to 64 letters, digits, dots, dashes and underscores")
    return prefix


class RedisSettings(Section):
    """How to use the Redis that `store.url` names."""

    password: SecretText | None = Field(None, examples=[""])
    """The password of the URL's user, or of the default one."""

    sentinel_user: str | None = Field(None, examples=["bridge"])
    """The ACL user for the Sentinels, where they ask for one."""

    sentinel_password: SecretText | None = Field(None, examples=[""])
    """The password for the Sentinels."""

    tls_ca: ResolvedPath | None = Field(None, examples=["redis-ca.crt"])
    """PEM file with the authorities that may sign the servers' certificates. Unset, those that the
    host trusts."""

    tls_certificate: ResolvedPath | None = Field(None, examples=["redis-client.crt"])
    """PEM file with this client's own certificate, where the servers ask for one."""

    tls_key: ResolvedPath | None = Field(None, examples=["redis-client.key"])
    """PEM file with the private key of `tls_certificate`."""

    prefix: Annotated[str, AfterValidator(_prefix)] = "grantbridge"
    """What every key begins with, in braces. Each store has its own; in a Cluster it decides which
    shard the store is on."""

    connections: int = Field(default=16, ge=1, le=1024)
    """Connections of each process at most. Requests beyond them wait for one."""

    connect_timeout_s: float = Field(default=1.0, gt=0, le=30)
    """Seconds to wait for a connection."""

    timeout_s: float = Field(default=2.0, gt=0, le=30)
    """Seconds to wait for the answer to a command."""

    patience_s: float = Field(default=4.0, gt=0, le=60)
    """Seconds for which a call is tried again while the server is away or another one takes over.
    After that the caller is told `store_unavailable`."""

    replicas: Literal["all"] | int = 0
    """How many replicas must have a write before it is acknowledged: a number, or `all` that
    could take the primary's place, one at least. Fewer than that answer in time:
    `store_unavailable`. With 0, or with fewer than all, a failover can lose what was written just
    before it."""

    replicas_timeout_s: float = Field(default=1.0, gt=0, le=30)
    """Seconds to wait for these replicas."""

    accept: tuple[Risk, ...] = ()
    """Risks to take, of which `/ready` then tells: `fsync` for a server that does not sync every
    write to its disk or does not say so, `eviction` for one that may drop grants when it is
    full."""

    @field_validator("replicas")
    @classmethod
    def _some_replicas(cls, replicas: str | int) -> str | int:
        if isinstance(replicas, int) and not 0 <= replicas <= 100:  # noqa: PLR2004 - as few have
            raise wrong("should be from 0 to 100, or all")
        return replicas

    @field_validator("tls_ca", "tls_certificate", "tls_key")
    @classmethod
    def _there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise wrong("names no file")
        return path

    @model_validator(mode="after")
    def _certificate_and_key_together(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise wrong("has one of tls_certificate and tls_key only", "give both or neither")
        return self


class StoreSettings(Section):
    """Where sealed records are kept."""

    url: str = "sqlite:///bridge.db"
    """`sqlite:///` and the path of a file on a local disk, for one host; or a Redis for many:
    `redis://user@host:6379/0` (`rediss://` with TLS, `unix:///path`),
    `redis+sentinel://host:26379,host:26379/name` or `redis+cluster://host:6379,host:6379`."""

    witness_file: ResolvedPath | None = Field(None, examples=["bridge.keys.json.witness"])
    """A small file outside the store that tells a store restored from a backup from one that was
    not. The default is the keys file's path with `.witness` added."""

    cache_mb: int = Field(default=32, ge=0, le=4096)
    """Megabytes of sealed records that each process keeps for reads of tokens that it has just
    answered. What another process changed is seen within a second. 0 turns it off."""

    redis: RedisSettings = _DEFAULTS

    @field_validator("url")
    @classmethod
    def _known(cls, url: str, info: ValidationInfo) -> str:
        if is_redis(url):
            parse(url)
            return url
        name = url.removeprefix(_SQLITE)
        if (
            name == url
            or not name
            or "?" in name
            or "#" in name
            or ":memory:" in name
            or "\0" in name
        ):
            raise wrong("should be sqlite:/// and the path of a file, or the URL of a Redis")
        return _SQLITE + str(context_of(info).folder / name)

    @property
    def address(self) -> RedisAddress | None:
        """Where the Redis is; None for a SQLite file."""
        return parse(self.url) if is_redis(self.url) else None

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return Path(self.url.removeprefix(_SQLITE))
