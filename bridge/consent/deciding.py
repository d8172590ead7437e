"""Deciding about a login, and what is written down of it.

Owns that a decision and its record go into one commit of the caller's, so that of two tabs one is
sent to Google. The rules are `decision`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import structlog
from msgspec import structs

from bridge.audit.act import Act, ActType
from bridge.audit.log import AuditLog
from bridge.config.tenants import Recovery
from bridge.consent.decision import decide
from bridge.consent.foresight import Foresight
from bridge.consent.gathering import Gathering, Known, LoginAsk
from bridge.consent.history import seen
from bridge.consent.links import ConsentLinks
from bridge.consent.offers import Minting
from bridge.consent.rounds import Begun, Rounds, by_client
from bridge.consent.situation import Decision, Situation
from bridge.google.scopes import in_order
from bridge.model import HOOK, Cause, Round
from bridge.store.base import Op

__all__ = ["Deciding", "LoginAsk", "Verdict"]

log = structlog.get_logger(__name__)

CAP_NEAR: Final = 80


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision with what goes with it.

    Attributes:
        decision: what is to become of the login.
        url: where the browser is sent for consent; None if the IdP runs the round.
        ops: writes in the subject's partition, without which the decision does not hold.
    """

    decision: Decision
    url: str | None = None
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Decides about logins."""

    gathering: Gathering
    rounds: Rounds
    foresight: Foresight
    minting: Minting
    links: ConsentLinks
    audit: AuditLog

    def at_login(self, ask: LoginAsk) -> Verdict:
        """Decide about a login that is under way; raises as `Gathering.known`."""
        by_url = self._is_by_url(ask)
        known, decision = self._decided(ask, by_url=by_url)
        if known.situation.policy is Recovery.OBSERVE:
            self.foresight.note(ask.tenant, ask.subject, known.situation)
        url = self._url(ask, decision) if by_url and decision.forces else None
        if by_url and decision.forces and url is None:
            # Left to the IdP, the round asks for what the IdP asks for.
            known, decision = self._decided(ask, by_url=False)
        begun = None if not decision.forces or _is_repeated(known) else _begun(ask, known, decision)
        rounds, situation = known.rounds, known.situation
        ops = self.rounds.writes(ask.tenant, ask.subject, rounds, situation.rounds, begun)
        if begun is not None:
            ops += self._told(ask, situation, decision)
        return Verdict(decision, url, tuple(ops))

    def preview(self, ask: LoginAsk) -> Decision:
        """Tell what would be decided if this login came now; nothing is written."""
        return self._decided(ask, by_url=False)[1]

    def _is_by_url(self, ask: LoginAsk) -> bool:
        settings = self.gathering.tenants[ask.tenant]
        return settings.login_return_url is not None and ask.account_sub is not None

    def _decided(self, ask: LoginAsk, *, by_url: bool) -> tuple[Known, Decision]:
        known = self.gathering.known(ask, by_url=by_url)
        situation = known.situation
        decision = decide(situation)
        if not decision.forces:
            return known, decision
        # Looked up only where it matters: it can only speak against.
        completed = tuple(
            self.minting.completed(ask.tenant, offer, situation.grants)
            for offer in situation.offers
        )
        known = replace(known, situation=replace(situation, offers=completed))
        return known, decide(known.situation)

    def _told(self, ask: LoginAsk, situation: Situation, decision: Decision) -> list[Op]:
        partition = self.gathering.inbox.subject_partition(ask.tenant, ask.subject)
        act = Act(
            type=ActType.CONSENT_FORCED,
            tenant=ask.tenant,
            cause=Cause(HOOK, decision.reason.value),
            subject=ask.subject,
            account=ask.account_sub,
            client=decision.client_id,
            details=tuple(("order", order) for order in decision.orders),
        )
        ops = [self.audit.op(partition, act)]
        minted = next(o.minted for o in situation.offers if o.client_id == decision.client_id)
        if minted >= CAP_NEAR:
            log.warning("cap_near", tenant=ask.tenant, client=decision.client_id, minted=minted)
            details = (("minted", str(minted)),)
            near = structs.replace(act, type=ActType.CAP_NEAR, details=details)
            ops.append(self.audit.op(partition, near))
        return ops

    def _url(self, ask: LoginAsk, decision: Decision) -> str | None:
        if ask.account_sub is None or decision.client_id is None:
            return None
        return self.links.for_login(
            tenant=ask.tenant,
            subject=ask.subject,
            account_sub=ask.account_sub,
            email=ask.email,
            client_id=decision.client_id,
            scopes=in_order(decision.scopes),
            login_id=ask.login_id,
        )


def _begun(ask: LoginAsk, known: Known, decision: Decision) -> Begun:
    """Return the round that begins with a decision."""
    situation, client = known.situation, decision.client_id or ""
    new = Round(
        subject=ask.subject,
        client_id=client,
        asked_at=situation.now,
        login=situation.occasion.login,
        message=ask.message,
        captured=seen(situation.grants, client).captured,
        wanted=in_order(decision.scopes),
        orders=decision.orders,
    )
    orders = tuple(order for order in situation.orders if order.id in decision.orders)
    return Begun(new, orders)


def _is_repeated(known: Known) -> bool:
    """Tell whether this very message has its round already."""
    message = known.situation.occasion.message
    rounds = by_client(known.rounds).values()
    return bool(message) and any(last.message == message for last in rounds)
