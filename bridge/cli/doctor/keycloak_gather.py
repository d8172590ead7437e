"""Fetches what there is to know of a live realm through Keycloak's Admin API; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from bridge.cli.doctor.keycloak_facts import (
    Action,
    Connection,
    Execution,
    Health,
    Holder,
    Left,
    Mapper,
    NoteMapper,
    Plugin,
    Provider,
    Read,
    Realm,
    published,
    stands_for_google,
)
from bridge.cli.doctor.keycloak_names import ACTION, RESOURCE
from bridge.idp.keycloak_admin import KeycloakAdmin, part

_PAGE: Final = 200

_T = TypeVar("_T")


class _SystemInfo(Read, frozen=True, kw_only=True):
    version: str | None = None


class _ProviderInfo(Read, frozen=True, kw_only=True):
    operational_info: dict[str, str] | None = None


class _SpiInfo(Read, frozen=True, kw_only=True):
    providers: dict[str, _ProviderInfo] = msgspec.field(default_factory=dict)


class _ServerInfo(Read, frozen=True, kw_only=True):
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
