"""The whole configuration as one frozen tree: the single source of options, docs and template."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from bridge.config.issuers import IssuerSettings
from bridge.config.listeners import InternalSettings, PublicSettings
from bridge.config.problems import wrong
from bridge.config.section import ResolvedPath, Section
from bridge.config.store import StoreSettings
from bridge.config.tenants import ClientSettings, TenantSettings
from bridge.config.urls import CALLBACK_PATH, PublicUrl, StandInUrl
from bridge.config.values import TenantName


class Mode(StrEnum):
    """What the bridge runs for."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class KeysSettings(Section):
    """The keys that seal records."""

    file: ResolvedPath = Path("bridge.keys.json")
    """The key file that `bridge init` wrote. Keep a copy apart from the store's backups: without it
    the store is noise."""


class GoogleSettings(Section):
    """How the bridge calls Google."""

    base_url: StandInUrl | None = Field(None, examples=["http://127.0.0.1:8602"])
    """A stand-in for Google on this machine, in development only. Unset is Google."""

    connect_timeout_s: float = Field(default=3.0, gt=0, le=60)
    """Seconds to wait for a connection."""

    read_timeout_s: float = Field(default=8.0, gt=0, le=60)
    """Seconds to wait for the next bytes of an answer."""

    total_timeout_s: float = Field(default=15.0, gt=0, le=120)
    """Seconds that a call may take in all, repeated attempts included."""

    narrowing: bool = True
    """Ask Google for the caller's scopes only when refreshing. Without it an access token carries
    all that was granted, and a caller who may not have all of it is refused."""

    refreshes_per_second: float = Field(default=20.0, gt=0, le=1000)
    """Refreshes a second for each client, over all processes."""

    safety_window_s: int = Field(default=225, ge=0, le=1800)
    """Seconds before its expiry from which an access token is refreshed early."""

    freeze_share: float = Field(default=0.5, gt=0, le=1)
    """Share of a client's refreshes in five minutes; when more of them (and 20 grants at least)
    answer `invalid_grant`, no grant is declared dead: something else is wrong."""

    @field_validator("total_timeout_s")
    @classmethod
    def _total_holds_a_read(cls, total: float, info: ValidationInfo) -> float:
        parts = (info.data.get("connect_timeout_s"), info.data.get("read_timeout_s"))
        if any(isinstance(part, float) and part > total for part in parts):
            raise wrong("should not be less than connect_timeout_s and read_timeout_s")
        return total


class AuditSettings(Section):
    """The record of what happened to grants, and who did it."""

    keep_days: int = Field(default=365, ge=1, le=3650)
    """Days for which an event is kept."""


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important level that is written."""

    format: Literal["json", "console"] = "json"
    """`json`, one object a line, or `console` for reading."""


# A table left out is read as an empty one, so that its defaults know the configuration's folder.
_DEFAULTS: Any = Field(default_factory=dict)


def _at_least_one(tenants: Mapping[str, TenantSettings]) -> Mapping[str, TenantSettings]:
    if not tenants:
        raise wrong("needs at least one tenant", "add a [tenants.<name>] table")
    return MappingProxyType(dict(tenants))


class Settings(Section):
    """Everything `bridge.toml` and the environment say."""

    mode: Mode = Mode.PRODUCTION
    """`production`, or `development`, which allows plain http on this machine and stand-ins."""

    public_url: PublicUrl
    """The https URL at which browsers and Google reach the public listener. It alone makes the
    redirect URI to register at Google, `<public_url>/oauth/callback`; the Host header is never
    believed."""

    internal: InternalSettings = _DEFAULTS
    public: PublicSettings = _DEFAULTS
    store: StoreSettings = _DEFAULTS
    keys: KeysSettings = _DEFAULTS
    google: GoogleSettings = _DEFAULTS
    audit: AuditSettings = _DEFAULTS
    log: LogSettings = _DEFAULTS
    tenants: Annotated[Mapping[TenantName, TenantSettings], AfterValidator(_at_least_one)]
    issuers: tuple[IssuerSettings, ...] = ()

    @field_validator("public")
    @classmethod
    def _two_sockets(cls, public: PublicSettings, info: ValidationInfo) -> PublicSettings:
        internal = info.data.get("internal")
        if isinstance(internal, InternalSettings) and internal.bind == public.bind:
            raise wrong("has the same bind as internal", "give the two listeners a port each")
        return public

    @property
    def development(self) -> bool:
        """Whether `mode` is development."""
        return self.mode is Mode.DEVELOPMENT

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to register at Google for every client."""
        return self.public_url + CALLBACK_PATH

    @property
    def trusted_hosts(self) -> tuple[str, ...]:
        """The host names that the public listener answers to."""
        host = urlsplit(self.public_url).hostname
        return (host,) if host else ()

    @property
    def witness_file(self) -> Path:
        """Where the store's witness is kept."""
        return self.store.witness_file or self.keys.file.with_name(self.keys.file.name + ".witness")

    def narrowing(self, client: ClientSettings) -> bool:
        """Return whether a client's refreshes ask for the caller's scopes only."""
        return self.google.narrowing if client.narrowing is None else client.narrowing

    def refreshes_per_second(self, client: ClientSettings) -> float:
        """Return how many refreshes a second a client may make."""
        return client.refreshes_per_second or self.google.refreshes_per_second
