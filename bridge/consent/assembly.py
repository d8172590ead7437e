"""The parts of consent put together: what is shared is made before, and given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.audit.log import AuditLog
from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.consent.deciding import Deciding
from bridge.consent.foresight import Foresight
from bridge.consent.gathering import Gathering
from bridge.consent.links import ConsentLinks
from bridge.consent.offers import Minting
from bridge.consent.orders import Orders
from bridge.consent.reach import Reach
from bridge.consent.rounds import Rounds
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Clients
from bridge.vault.grants import Grants
from bridge.vault.inbox import Inbox
from bridge.vault.needs import Needs
from bridge.vault.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What consent is made of."""

    tenants: Mapping[str, TenantSettings]
    records: Records
    grants: Grants
    inbox: Inbox
    needs: Needs
    rounds: Rounds
    clients: Clients
    circuits: Circuits
    links: ConsentLinks
    audit: AuditLog
    clock: Clock


@dataclass(frozen=True, slots=True)
class Consenting:
    """What decides about consent, and what admins and hints ask of it."""

    deciding: Deciding
    orders: Orders
    reach: Reach
    foresight: Foresight


def assemble(parts: Parts) -> Consenting:
    """Return what decides about consent."""
    orders = Orders(parts.records, parts.audit, parts.clock)
    foresight = Foresight(parts.records, parts.inbox, parts.clock)
    gathering = Gathering(
        tenants=parts.tenants,
        grants=parts.grants,
        inbox=parts.inbox,
        needs=parts.needs,
        orders=orders,
        rounds=parts.rounds,
        clock=parts.clock,
    )
    deciding = Deciding(
        gathering=gathering,
        rounds=parts.rounds,
        foresight=foresight,
        minting=Minting(parts.grants, parts.clients, parts.circuits),
        links=parts.links,
        audit=parts.audit,
    )
    reach = Reach(parts.records, parts.grants, orders, parts.clock)
    return Consenting(deciding, orders, reach, foresight)
