"""What speaks for asking a user to consent: an order, a need, missing scopes, no usable grant.

Pure. Owns the rule that only what this very round can mend is evidence, and that nobody is asked
while a token works, but for scopes that are lacking and for orders that say so.
"""

from __future__ import annotations

from bridge.config.tenants import Recovery
from bridge.consent.filter import is_usable, matches
from bridge.consent.situation import Decision, Offer, Reason, Situation
from bridge.model import Grant, Need, Order, Outcome, State
from bridge.vault.lifecycle import contenders


class View:
    """A situation as one offer sees it.

    Attributes:
        own: the subject's grants that the round could mend.
        works: one of them serves, or will.
    """

    def __init__(self, situation: Situation, offer: Offer) -> None:
        self._all = situation
        self._offer = offer
        self.own = [
            grant
            for grant in situation.grants
            if grant.client_id == offer.client_id and offer.account in (None, grant.account.sub)
        ]
        self._usable = [grant for grant in self.own if is_usable(grant)]
        self.works = bool(self._usable) or offer.has_capture
        # A refresh token that no refresh has tried may grant whatever is lacking: the next read
        # will tell, and asking before it would mint one more.
        self._may_grant_more = offer.has_capture or any(
            grant.state is State.UNVERIFIED or contenders(grant) for grant in self._usable
        )

    def evidence(self) -> Decision:
        """Return what speaks for forcing consent, or why nothing does."""
        if orders := [order for order in self._all.orders if self._applies(order)]:
            return self._forced(Reason.ORDERED, orders)
        if self._all.policy is Recovery.ORDERED:
            return self._unforced()
        needed, required = self._needed(), self._required()
        for reason, lacking in ((Reason.NEEDED, needed), (Reason.REQUIRED, required)):
            if self._reachable(lacking) - self._refused():
                return self._forced(reason)
        if self._all.policy is Recovery.ALWAYS and self._offer.is_main and not self.works:
            return self._forced(Reason.NO_GRANT)
        if lacking := needed | required:
            return Decision(Reason.RESTING if self._reachable(lacking) else Reason.NOT_MET)
        return self._unforced()

    def _forced(self, reason: Reason, orders: list[Order] | None = None) -> Decision:
        offer = self._offer
        names = tuple(order.id for order in orders or ())
        if offer.scopes is not None:
            return Decision(reason, offer.client_id, offer.scopes, names)
        wanted = self._needed() | self._required() | self._all.occasion.scopes
        missing = {o.filter.missing_scope for o in orders or () if o.filter} - {None}
        return Decision(reason, offer.client_id, wanted | {s for s in missing if s}, names)

    def _unforced(self) -> Decision:
        return Decision(Reason.USABLE if self.works else Reason.NO_EVIDENCE)

    def _applies(self, order: Order) -> bool:
        """Tell whether an order means the grants that this round would mend."""
        wanted = order.filter
        if wanted is None:
            is_meant = self._offer.is_main
        else:
            is_meant = matches(wanted, self.own) and (bool(self.own) or self._offer.is_main)
            if wanted.no_usable_grant and any(map(is_usable, self._all.grants)):
                return False
            if wanted.missing_scope and not self._reachable(frozenset({wanted.missing_scope})):
                return False
        return is_meant and (not self.works or self._asks_though_it_works(order))

    def _asks_though_it_works(self, order: Order) -> bool:
        times = [token.time for grant in self._usable for token in grant.tokens]
        # Whoever consented since, by whatever way, has done what the order wants.
        has_consented = self._offer.has_capture or any(time > order.created_at for time in times)
        return order.include_active and not has_consented

    def _needed(self) -> frozenset[str]:
        lacking: frozenset[str] = frozenset()
        for need in self._all.needs:
            if need.client_id in self._offer.serves and not self._is_met_elsewhere(need):
                lacking |= self._lacking(frozenset(need.scopes))
        return lacking

    def _required(self) -> frozenset[str]:
        required = self._all.required
        if not self._offer.is_main or any(_covers(g, required) for g in self._all.grants):
            return frozenset()
        return self._lacking(required)

    def _lacking(self, scopes: frozenset[str]) -> frozenset[str]:
        if not self.works:
            return scopes
        if self._may_grant_more:
            return frozenset()
        return min((scopes - set(grant.granted) for grant in self._usable), key=len)

    def _is_met_elsewhere(self, need: Need) -> bool:
        """Tell whether another grant has come to serve this need since it was noted.

        One that served already, and was passed over, is not what the backend wants.
        """
        return any(
            _covers(grant, frozenset(need.scopes)) and _since(grant) >= need.at
            for grant in self._all.grants
            if grant not in self.own
        )

    def _reachable(self, scopes: frozenset[str]) -> frozenset[str]:
        return scopes if self._offer.scopes is None else scopes & self._offer.scopes

    def _refused(self) -> frozenset[str]:
        """Return what the user left unticked lately: a denial of just that."""
        last = self._all.rounds.get(self._offer.client_id)
        if last is None or not self.works or last.outcome is not Outcome.GIVEN:
            return frozenset()
        is_recent = self._all.now - last.asked_at < self._all.rest_s
        return frozenset(last.wanted) if is_recent else frozenset()


def _covers(grant: Grant, scopes: frozenset[str]) -> bool:
    if not is_usable(grant):
        return False
    return grant.state is State.UNVERIFIED or scopes <= set(grant.granted)


def _since(grant: Grant) -> int:
    return max(grant.changed_at, grant.live.time if grant.live else 0)
