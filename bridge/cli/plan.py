"""What `bridge serve` would do with a configuration, as data and as text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bridge.config import ClientSettings, HookListener, Settings, TenantSettings
from bridge.config.keys import KeyFile
from bridge.config.listeners import InternalSettings, PublicSettings


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A socket: its name, URL, whether it speaks TLS, processes, and threads of each."""

    name: str
    url: str
    tls: bool
    workers: int
    threads: int


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A Google client: its id, Cloud project, purpose, and how it is refreshed."""

    client_id: str
    project: str
    purpose: str
    narrowing: bool
    refreshes_per_second: float


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: where its hook listens, how many secrets sign it, its policy and clients."""

    name: str
    issuer: str
    hook_url: str
    hook_secrets: int
    recovery: str
    clients: tuple[Client, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a configuration leads to; no secret is in it."""

    mode: str
    listeners: tuple[Listener, ...]
    store: str
    witness_file: str
    record_keys: tuple[str, ...]
    google: str
    redirect_uri: str
    tenants: tuple[Tenant, ...]
    issuers: tuple[str, ...]


def plan_of(settings: Settings, keys: KeyFile) -> Plan:
    """Return what `bridge serve` would do."""
    internal = _listener("internal", settings.internal, tls=settings.internal.speaks_tls)
    public = _listener("public", settings.public, tls=False)
    return Plan(
        mode=settings.mode.value,
        listeners=(internal, public),
        store=settings.store.url,
        witness_file=str(settings.witness_file),
        record_keys=tuple(key.id for key in keys.record_keys),
        google=settings.google.base_url or "Google",
        redirect_uri=settings.redirect_uri,
        tenants=tuple(
            _tenant(settings, name, tenant, internal) for name, tenant in settings.tenants.items()
        ),
        issuers=tuple(issuer.issuer for issuer in settings.issuers),
    )


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the plan as lines of text."""
    yield f"mode          {plan.mode}"
    for listener in plan.listeners:
        yield (
            f"{listener.name:<14}{listener.url}, {listener.workers} worker(s) of"
            f" {listener.threads} threads"
        )
    yield f"store         {plan.store}"
    yield f"witness       {plan.witness_file}"
    first, *others = plan.record_keys
    yield f"record keys   {first} writes" + "".join(f", {key} reads" for key in others)
    yield f"calls         {plan.google}"
    yield f"redirect URI  {plan.redirect_uri} (register it at Google for every client)"
    for tenant in plan.tenants:
        yield from _tenant_lines(tenant)
    for issuer in plan.issuers:
        yield f"JWT callers   {issuer}"


def _listener(name: str, settings: InternalSettings | PublicSettings, *, tls: bool) -> Listener:
    return Listener(
        name=name,
        url=f"{'https' if tls else 'http'}://{settings.bind}",
        tls=tls,
        workers=settings.workers,
        threads=settings.threads,
    )


def _tenant(settings: Settings, name: str, tenant: TenantSettings, internal: Listener) -> Tenant:
    public = tenant.hook_listener is HookListener.PUBLIC
    return Tenant(
        name=name,
        issuer=tenant.issuer,
        hook_url=f"{settings.public_url if public else internal.url}/hooks/{name}",
        hook_secrets=len(tenant.hook_secrets),
        recovery=tenant.recovery.value,
        clients=tuple(_client(settings, client) for client in tenant.clients),
    )


def _client(settings: Settings, client: ClientSettings) -> Client:
    return Client(
        client_id=client.client_id,
        project=client.project,
        purpose=client.purpose.value,
        narrowing=settings.narrowing(client),
        refreshes_per_second=settings.refreshes_per_second(client),
    )


def _tenant_lines(tenant: Tenant) -> Iterator[str]:
    yield f"tenant        {tenant.name}, users of {tenant.issuer}, recovery {tenant.recovery}"
    yield f"  hook        {tenant.hook_url}, {tenant.hook_secrets} secret(s)"
    for client in tenant.clients:
        yield (
            f"  client      {client.client_id} for {client.purpose}, project {client.project},"
            f" {client.refreshes_per_second:g} refreshes/s"
            f"{'' if client.narrowing else ', not narrowed'}"
        )
