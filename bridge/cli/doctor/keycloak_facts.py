"""What is known of a live realm, as types; `keycloak_gather` fetches it, `keycloak_checks` judges.

They name the fields that the checks need; Keycloak sends more. No field holds a token or a client
secret (Keycloak masks those).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bridge.cli.doctor.keycloak_names import GOOGLE, GOOGLE_ISSUER, MAPPER, OIDC

_NOTE_MAPPER: Final = "oidc-usersessionmodel-note-mapper"
_NOTE_SETTING: Final = "user.session.note"
_FEDERATED: Final = "FEDERATED_"


class Read(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that Keycloak describes."""


class Provider(Read, frozen=True, kw_only=True):
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


class Mapper(Read, frozen=True, kw_only=True):
    """A mapper of an identity provider."""

    id: str
    identity_provider_mapper: str
    config: dict[str, str | None] = {}


class Execution(Read, frozen=True, kw_only=True):
    """A step of a flow."""

    id: str
    requirement: str
    provider_id: str | None = None
    level: int = 0


class Action(Read, frozen=True, kw_only=True):
    """A required action, registered or not."""

    provider_id: str
    alias: str = ""
    enabled: bool = False


class ProtocolMapper(Read, frozen=True, kw_only=True):
    """What puts a claim into tokens."""

    name: str
    protocol_mapper: str
    config: dict[str, str | None] = {}


class Holder(Read, frozen=True, kw_only=True):
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
    """What a node of Keycloak tells of itself.

    Attributes:
        reachable: whether the bridge answered it last time.
        backlog: what waits for the bridge.
        wire_logged: whether its log has all that Google and it say to each other.
    """

    reachable: bool
    backlog: Backlog
    wire_logged: bool = False


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
