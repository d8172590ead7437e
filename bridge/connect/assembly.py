"""The connect flow put together: given all parts, this says which of them needs which."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.audit.log import AuditLog
from bridge.capture.admission import Admission
from bridge.clock import Clock
from bridge.config import Settings
from bridge.connect.arriving import Arriving
from bridge.connect.browser import Cookies
from bridge.connect.callback import Callback
from bridge.connect.entering import Entering
from bridge.connect.exchange import Exchange
from bridge.connect.flow import ConnectFlow
from bridge.connect.links import ConnectLinks
from bridge.connect.redemption import Redemption
from bridge.connect.returning import WaysBack
from bridge.connect.showing import Showing
from bridge.connect.trips import Trips
from bridge.consent.rounds import Rounds
from bridge.google.client import GoogleClient
from bridge.google.endpoints import Endpoints
from bridge.google.id_token import IdTokenVerifier
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Clients
from bridge.tokens.leases import LeaseKeeper
from bridge.vault.grants import Grants
from bridge.vault.links import Links
from bridge.vault.needs import Needs
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import RefreshTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the connect flow is made of."""

    settings: Settings
    records: Records
    grants: Grants
    tokens: RefreshTokens
    admission: Admission
    needs: Needs
    rounds: Rounds
    clients: Clients
    circuits: Circuits
    google: GoogleClient
    verifier: IdTokenVerifier
    endpoints: Endpoints
    leases: LeaseKeeper
    audit: AuditLog
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """The connect flow, as delivery calls it.

    Attributes:
        links: for backends, and for logins.
        flow, callback: for browsers.
        redemption: for backends.
    """

    links: ConnectLinks
    flow: ConnectFlow
    callback: Callback
    redemption: Redemption


def assemble(parts: Parts) -> Connecting:
    """Return the connect flow of its parts."""
    public_url = parts.settings.public_url
    links = Links(parts.records, parts.clock)
    cookies = Cookies(public_url)
    ways = WaysBack(tenants=parts.settings.tenants, public_url=public_url, clock=parts.clock)
    showing = Showing(
        tenants=parts.settings.tenants, ways=ways, grants=parts.grants, public_url=public_url
    )
    trips = Trips(
        links=links,
        tenants=parts.settings.tenants,
        cookies=cookies,
        endpoint=parts.endpoints.authorization,
        redirect_uri=parts.settings.redirect_uri,
        clock=parts.clock,
    )
    entering = _entering(parts)
    return Connecting(
        links=ConnectLinks(
            links=links,
            tenants=parts.settings.tenants,
            public_url=public_url,
            audit=parts.audit,
            clock=parts.clock,
        ),
        flow=ConnectFlow(
            links=links,
            trips=trips,
            showing=showing,
            cookies=cookies,
            clients=parts.clients,
            circuits=parts.circuits,
            audit=parts.audit,
            clock=parts.clock,
        ),
        callback=Callback(
            links=links,
            trips=trips,
            showing=showing,
            cookies=cookies,
            clients=parts.clients,
            exchange=_exchange(parts),
            arriving=Arriving(
                links=links,
                trips=trips,
                showing=showing,
                ways=ways,
                entering=entering,
                audit=parts.audit,
                clock=parts.clock,
            ),
            rounds=parts.rounds,
            audit=parts.audit,
            issuers=parts.endpoints.issuers,
            clock=parts.clock,
        ),
        redemption=Redemption(
            links=links,
            entering=entering,
            leases=parts.leases,
            audit=parts.audit,
            clock=parts.clock,
        ),
    )


def _entering(parts: Parts) -> Entering:
    return Entering(
        records=parts.records,
        grants=parts.grants,
        tokens=parts.tokens,
        admission=parts.admission,
        needs=parts.needs,
        rounds=parts.rounds,
        clock=parts.clock,
    )


def _exchange(parts: Parts) -> Exchange:
    return Exchange(
        google=parts.google,
        verifier=parts.verifier,
        circuits=parts.circuits,
        redirect_uri=parts.settings.redirect_uri,
    )
