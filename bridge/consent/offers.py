"""The consent rounds that could be run at a login: for which client, for which scopes.

Owns what an IdP's own round can meet, and what the bridge's can. Pure, but for `Minting`, which
looks up what speaks against a round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.config.tenants import Purpose, TenantSettings
from bridge.consent.filter import is_usable
from bridge.consent.situation import Offer
from bridge.model import Grant, Need
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Clients
from bridge.vault.grants import Grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a round may be about.

    Attributes:
        client_id: the client that the IdP signs the user in with.
        account: the `sub` of whoever signs in, if it is known.
        scopes: what the IdP itself would ask for; None if the bridge would run the round, and asks
            for whatever is wanted, of any client.
        grants, needs: the subject's.
        waiting: by client, the times of captured refresh tokens that wait for their binding.
    """

    client_id: str
    account: str | None
    scopes: frozenset[str] | None
    grants: Sequence[Grant]
    needs: Sequence[Need]
    waiting: Mapping[str, int]


def offers_of(settings: TenantSettings, wanted: Wanted) -> tuple[Offer, ...]:
    """Return the rounds that could be run, the one for the app's own grants first.

    Where a tenant has a client for data, the app works with that one's grants: it counts if there
    is none, and it meets what was noted for a sign-in client that never brought a token.
    """
    if settings.client(wanted.client_id) is None:
        return ()
    main = _data_client(settings) or wanted.client_id
    clients = [wanted.client_id]
    if wanted.scopes is None:
        clients = [main, wanted.client_id, *(need.client_id for need in wanted.needs)]
    serves = _served(settings, main, wanted)
    return tuple(
        Offer(
            client_id=client,
            # Data may be another account's than the one that signs in.
            account=wanted.account if client == wanted.client_id else None,
            scopes=wanted.scopes,
            serves=serves if client == main else frozenset({client}),
            is_main=client == main,
            has_capture=client in wanted.waiting,
        )
        for client in dict.fromkeys(clients)
        if settings.client(client) is not None
    )


def sign_in_client(settings: TenantSettings) -> str:
    """Return the client that an IdP signs users in with, where it does not say."""
    ids = [c.client_id for c in settings.clients if c.purpose is Purpose.SIGNIN]
    return ids[0] if ids else settings.clients[0].client_id


def _data_client(settings: TenantSettings) -> str | None:
    ids = (c.client_id for c in settings.clients if c.purpose is Purpose.DATA)
    return next(ids, None)


def _served(settings: TenantSettings, main: str, wanted: Wanted) -> frozenset[str]:
    if _data_client(settings) is None:
        return frozenset({main})
    in_use = {grant.client_id for grant in wanted.grants if is_usable(grant)}
    signing_in = {c.client_id for c in settings.clients if c.purpose is Purpose.SIGNIN}
    return frozenset({main}) | (signing_in - in_use)


@dataclass(frozen=True, slots=True)
class Minting:
    """Knows what Google would say to one more consent."""

    grants: Grants
    clients: Clients
    circuits: Circuits

    def completed(self, tenant: str, offer: Offer, grants: Sequence[Grant]) -> Offer:
        """Return an offer with what speaks against it."""
        client = self.clients.find(tenant, offer.client_id)
        return replace(
            offer,
            is_faulty=client is not None and self.circuits.is_open(client),
            minted=self._minted(offer, grants),
        )

    def _minted(self, offer: Offer, grants: Sequence[Grant]) -> int:
        """Return how many refresh tokens the account got for the client, whoever asked for them."""
        if offer.account is None:
            own = (g.consents for g in grants if g.client_id == offer.client_id)
            return max(own, default=0)
        everybodys = (held.record for held in self.grants.of_account(offer.account))
        return sum(g.consents for g in everybodys if g.client_id == offer.client_id)
