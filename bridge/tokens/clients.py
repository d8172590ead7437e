"""The Google clients of the tenants, as a refresh needs them.

Owns the look-up and the defaults that a client inherits. Knows no grant.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.config import ClientSettings, Settings
from bridge.google.credentials import ClientCredentials


@dataclass(frozen=True, slots=True)
class Client:
    """A Google client of a tenant.

    Attributes:
        tenant: whose it is.
        credentials: id and secret.
        project: the Cloud project number.
        narrowing: whether Google is asked for a part of the granted scopes.
        refreshes_per_second: over all processes.
    """

    tenant: str
    credentials: ClientCredentials
    project: str
    narrowing: bool
    refreshes_per_second: float

    @property
    def id(self) -> str:
        """The client id."""
        return self.credentials.client_id


class Clients:
    """All clients of all tenants."""

    def __init__(self, settings: Settings) -> None:
        self._clients = {
            (tenant, client.client_id): _client(tenant, client, settings)
            for tenant, its in settings.tenants.items()
            for client in its.clients
        }

    def find(self, tenant: str, client_id: str) -> Client | None:
        """Return a client, or None if the tenant has none of this id."""
        return self._clients.get((tenant, client_id))

    def of(self, tenant: str) -> list[Client]:
        """Return a tenant's clients in the order of its configuration."""
        return [client for (name, _), client in self._clients.items() if name == tenant]


def _client(tenant: str, client: ClientSettings, settings: Settings) -> Client:
    return Client(
        tenant=tenant,
        credentials=ClientCredentials(client.client_id, client.client_secret),
        project=client.project,
        narrowing=settings.narrowing(client),
        refreshes_per_second=settings.refreshes_per_second(client),
    )
