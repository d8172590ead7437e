"""Everything that a decision about a login depends on, read from where it is kept.

Owns the reading. The rules are `decision`'s, what is written down afterwards is `deciding`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.consent.history import seen, settled
from bridge.consent.offers import Wanted, offers_of, sign_in_client
from bridge.consent.orders import Orders
from bridge.consent.rounds import Rounds, by_client
from bridge.consent.situation import UNDER_WAY_S, Occasion, Situation
from bridge.google.scopes import normalise
from bridge.model import Grant, Order, Outcome, Round, SubjectRounds
from bridge.vault.grants import Grants
from bridge.vault.inbox import Inbox
from bridge.vault.needs import Needs
from bridge.vault.records import Held

_DAY_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAsk:
    """A login about which a decision is wanted.

    Attributes:
        tenant, subject, account_sub, email: whose it is, as far as that is known.
        client_id, scopes: what the IdP would ask Google for; None is the client that the tenant
            signs users in with.
        login_id: the IdP's name for the login; empty before there is one.
        message: the keyed name of the message that asks; empty if none does.
        can_redirect, is_returned, is_late: see `Occasion`.
        changed: the subject's grant as this very message leaves it, not written yet.
    """

    tenant: str
    subject: str
    account_sub: str | None = None
    email: str | None = None
    client_id: str | None = None
    scopes: Sequence[str] = ()
    login_id: str = ""
    message: str = ""
    can_redirect: bool = True
    is_returned: bool = False
    is_late: bool = False
    changed: Grant | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a login: all that decides it, and the rounds as they are stored."""

    situation: Situation
    rounds: Held[SubjectRounds] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Reads what there is to know."""

    tenants: Mapping[str, TenantSettings]
    grants: Grants
    inbox: Inbox
    needs: Needs
    orders: Orders
    rounds: Rounds
    clock: Clock

    def known(self, ask: LoginAsk, *, by_url: bool) -> Known:
        """Return what is known about a login.

        Args:
            ask: the login.
            by_url: the bridge itself would run a consent round, not the IdP.

        Raises:
            BridgeError: `invalid_request`, a scope is none; `key_unavailable`, `record_corrupt`,
                `store_unavailable`.
        """
        now = int(self.clock.now())
        settings = self.tenants[ask.tenant]
        told = normalise(ask.scopes, field="login.scopes")
        wanted = Wanted(
            client_id=ask.client_id or sign_in_client(settings),
            account=ask.account_sub,
            scopes=None if by_url else told,
            grants=self._grants(ask),
            needs=tuple(self.needs.of(ask.tenant, ask.subject)),
            waiting=self._waiting(ask, now),
        )
        rounds = self.rounds.held(ask.tenant, ask.subject)
        settled = _settled(by_client(rounds), wanted, now, is_returned=ask.is_returned)
        situation = Situation(
            now=now,
            policy=settings.recovery,
            rest_s=settings.recovery_rest_days * _DAY_S,
            required=normalise(settings.required_scopes, field=None),
            occasion=self._occasion(ask, told),
            offers=offers_of(settings, wanted),
            grants=tuple(wanted.grants),
            needs=tuple(wanted.needs),
            orders=self._orders(ask, settled),
            rounds=settled,
        )
        return Known(situation, rounds)

    def _occasion(self, ask: LoginAsk, told: frozenset[str]) -> Occasion:
        return Occasion(
            login=self.inbox.login(ask.tenant, ask.login_id) if ask.login_id else "",
            message=ask.message,
            is_returned=ask.is_returned,
            can_redirect=ask.can_redirect,
            is_late=ask.is_late,
            scopes=told,
        )

    def _grants(self, ask: LoginAsk) -> Sequence[Grant]:
        found = [held.record for held in self.grants.find(ask.tenant, ask.subject)]
        changed = ask.changed
        if changed is None:
            return found
        others = [grant for grant in found if grant.id != changed.id]
        return [*others, changed] if changed.subject else others

    def _waiting(self, ask: LoginAsk, now: int) -> Mapping[str, int]:
        """Return the captures of this login, or of just now, that a binding will claim."""
        if ask.account_sub is None or ask.changed is not None:
            return {}
        login = self.inbox.login(ask.tenant, ask.login_id) if ask.login_id else None
        partition = self.grants.partition(ask.tenant, ask.account_sub)
        return {
            unbound.client_id: unbound.time
            for unbound in (held.record for held in self.inbox.unbound(partition))
            if unbound.token is not None
            and (unbound.verified or unbound.id_token is not None)
            and (unbound.login == login or now - unbound.time < UNDER_WAY_S)
        }

    def _orders(self, ask: LoginAsk, settled: Mapping[str, Round]) -> tuple[Order, ...]:
        # A consent that this very look has come upon is not written down yet.
        given = {
            order
            for last in settled.values()
            if last.outcome is Outcome.GIVEN
            for order in last.orders
        }
        return tuple(
            order
            for order in self.orders.in_force(ask.tenant)
            if order.id not in given
            and self.orders.names(order, ask.subject)
            and not self.rounds.is_fulfilled(order, ask.subject)
        )


def _settled(
    rounds: Mapping[str, Round], wanted: Wanted, now: int, *, is_returned: bool
) -> dict[str, Round]:
    return {
        client: settled(
            last,
            seen(wanted.grants, client, wanted.waiting.get(client, 0)),
            now,
            is_returned=is_returned,
        )
        for client, last in rounds.items()
    }
