"""What is known of a live realm, as fetched through Keycloak's Admin API; judges nothing.

The types name the fields that the checks need; Keycloak sends more. No field holds a token or a
client secret (Keycloak masks those).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from bridge.cli.doctor.keycloak_names import ACTION, GOOGLE, GOOGLE_ISSUER, MAPPER, OIDC, RESOURCE
from bridge.idp.keycloak_admin import KeycloakAdmin, part

_PAGE: Final = 200
_NOTE_MAPPER: Final = "oidc-usersessionmodel-note-mapper"
_NOTE_SETTING: Final = "user.session.note"
_FEDERATED: Final = "FEDERATED_"

_T = TypeVar("_T")


class _Read(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that Keycloak describes."""


class Provider(_Read, frozen=True, kw_only=True):
    """An identity provider."""

    alias: str
    provider_id: str
    enabled: bool = True
    store_token: bool = False
    add_read_token_role_on_create: bool = False
    post_broker_login_flow_alias: str | None = None
    config: dict[str, str | None] = {}

    def setting(self, name: str) -> str:
        """Return a setting's text, empty if it is not set."""
        return self.config.get(name) or ""


class Mapper(_Read, frozen=True, kw_only=True):
    """A mapper of an identity provider."""

    id: str
    identity_provider_mapper: str
    config: dict[str, str | None] = {}


class Execution(_Read, frozen=True, kw_only=True):
    """A step of a flow."""

    id: str
    requirement: str
    provider_id: str | None = None
    level: int = 0


class Action(_Read, frozen=True, kw_only=True):
    """A required action, registered or not."""

    provider_id: str
    alias: str = ""
    enabled: bool = False


class ProtocolMapper(_Read, frozen=True, kw_only=True):
    """What puts a claim into tokens."""

    name: str
    protocol_mapper: str
    config: dict[str, str | None] = {}


class Holder(_Read, frozen=True, kw_only=True):
    """A client or client scope with its mappers."""

    name: str | None = None
    client_id: str | None = None
    protocol_mappers: tuple[ProtocolMapper, ...] = ()


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """How many refresh tokens Keycloak still holds, in links and in sessions."""

    links: int
    sessions: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.links + self.sessions


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for the bridge; ages in seconds."""

    waiting: int
    oldest_age_s: int
    set_aside: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the bridge answered this node last time, and what waits for it."""

    reachable: bool
    backlog: Backlog


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """What the JAR tells of itself: version, the bridge's URL, tenant."""

    version: str
    bridge: str
    tenant: str


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider that stands for Google, with what hangs on it.

    Attributes:
        provider: it.
        mappers: its mappers.
        executions: the steps of its post login flow; none without one.
    """

    provider: Provider
    mappers: tuple[Mapper, ...] = ()
    executions: tuple[Execution, ...] = ()


class NoteMapper(msgspec.Struct, frozen=True, kw_only=True):
    """A mapper that publishes a note with a token of Google's.

    Attributes:
        name: the mapper's.
        place: the client or client scope it is on, in words.
        note: the note it publishes.
    """

    name: str
    place: str
    note: str


class Realm(msgspec.Struct, frozen=True, kw_only=True):
    """All that the checks look at.

    Attributes:
        name: the realm's.
        keycloak: Keycloak's version; None where it does not tell this admin.
        plugin: the JAR; None if it is not there.
        connections: the identity providers that stand for Google.
        action: the required action, if it is registered.
        note_mappers: those that publish tokens.
        left: what Keycloak still holds; None without the JAR.
        health: None without the JAR.
    """

    name: str
    keycloak: str | None
    plugin: Plugin | None
    connections: tuple[Connection, ...]
    action: Action | None
    note_mappers: tuple[NoteMapper, ...]
    left: Left | None
    health: Health | None


class _SystemInfo(_Read, frozen=True, kw_only=True):
    version: str | None = None


class _ProviderInfo(_Read, frozen=True, kw_only=True):
    operational_info: dict[str, str] | None = None


class _SpiInfo(_Read, frozen=True, kw_only=True):
    providers: dict[str, _ProviderInfo] = {}


class _ServerInfo(_Read, frozen=True, kw_only=True):
    system_info: _SystemInfo | None = None
    providers: dict[str, _SpiInfo] | None = None


def gather(admin: KeycloakAdmin, realm: str) -> Realm:
    """Fetch the facts of a realm.

    Raises:
        BridgeError: as `KeycloakAdmin` does.
    """
    base = f"realms/{part(realm)}"
    connections = tuple(_connections(admin, base))
    actions = admin.get(tuple[Action, ...], f"{base}/authentication/required-actions")
    server = admin.get(_ServerInfo, "serverinfo")
    return Realm(
        name=realm,
        keycloak=server.system_info.version if server.system_info else None,
        plugin=_plugin(server),
        connections=connections,
        action=next((action for action in actions if action.provider_id == ACTION), None),
        note_mappers=tuple(_note_mappers(admin, base)),
        left=admin.find(Left, f"{base}/{RESOURCE}/harvest"),
        health=admin.find(Health, f"{base}/{RESOURCE}/backlog"),
    )


def stands_for_google(provider: Provider, mappers: tuple[Mapper, ...]) -> bool:
    """Return whether users of an identity provider are Google's."""
    if provider.provider_id == GOOGLE:
        return True
    if provider.provider_id != OIDC:
        return False
    host = urlsplit(provider.setting("authorizationUrl")).hostname
    return (
        host == urlsplit(GOOGLE_ISSUER).hostname
        or provider.setting("issuer") == GOOGLE_ISSUER
        or any(mapper.identity_provider_mapper == MAPPER for mapper in mappers)
    )


def published(place: str, mappers: tuple[ProtocolMapper, ...]) -> Iterator[NoteMapper]:
    """Yield those mappers of a client or scope that publish a token of Google's."""
    for mapper in mappers:
        note = mapper.config.get(_NOTE_SETTING) or ""
        if mapper.protocol_mapper == _NOTE_MAPPER and note.startswith(_FEDERATED):
            yield NoteMapper(name=mapper.name, place=place, note=note)


def _connections(admin: KeycloakAdmin, base: str) -> Iterator[Connection]:
    for provider in _pages(admin, tuple[Provider, ...], f"{base}/identity-provider/instances"):
        path = f"{base}/identity-provider/instances/{part(provider.alias)}"
        mappers = admin.get(tuple[Mapper, ...], f"{path}/mappers")
        if stands_for_google(provider, mappers):
            # A list of providers leaves out what only one by itself tells.
            whole = admin.get(Provider, path)
            executions = _executions(admin, base, whole.post_broker_login_flow_alias)
            yield Connection(provider=whole, mappers=mappers, executions=executions)


def _executions(admin: KeycloakAdmin, base: str, flow: str | None) -> tuple[Execution, ...]:
    if not flow:
        return ()
    path = f"{base}/authentication/flows/{part(flow)}/executions"
    return admin.find(tuple[Execution, ...], path) or ()


def _note_mappers(admin: KeycloakAdmin, base: str) -> Iterator[NoteMapper]:
    for client in _pages(admin, tuple[Holder, ...], f"{base}/clients"):
        yield from published(f"the client {client.client_id}", client.protocol_mappers)
    for scope in admin.get(tuple[Holder, ...], f"{base}/client-scopes"):
        yield from published(f"the client scope {scope.name}", scope.protocol_mappers)


def _pages(admin: KeycloakAdmin, kind: type[tuple[_T, ...]], path: str) -> Iterator[_T]:
    first = 0
    while page := admin.get(kind, path, first=first, max=_PAGE):
        yield from page
        if len(page) < _PAGE:
            return
        first += len(page)


def _plugin(server: _ServerInfo) -> Plugin | None:
    spi = (server.providers or {}).get(RESOURCE)
    for provider in spi.providers.values() if spi else ():
        told = provider.operational_info or {}
        return Plugin(
            version=told.get("version", ""),
            bridge=told.get("bridge", ""),
            tenant=told.get("tenant", ""),
        )
    return None
