"""What no decision may do, whatever the situation."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config.tenants import Recovery
from bridge.consent.decision import CAP, MOST_ROUNDS, decide
from bridge.consent.filter import is_usable
from bridge.consent.situation import WINDOW_S, Occasion, Offer, Reason, Situation
from bridge.model import Filter, Grant, Order, Outcome, Round, State
from tests.consent.situations import (
    CALENDAR,
    CLIENT,
    DATA,
    DAY,
    DRIVE,
    NOW,
    OTHER_SUB,
    SUB,
    WEEK,
    grant,
    last_round,
    need,
    offer,
    order,
    situation,
    token,
)

SCOPE_SETS = ((), (CALENDAR,), (DRIVE,), (CALENDAR, DRIVE))
STATES = [state for state in State if state is not State.FORGOTTEN]
CLIENTS = (CLIENT, DATA)
AGES = (0, 5, 599, 600, 3600, DAY - 1, DAY, WEEK - 1, WEEK, 30 * DAY)
REASONS = (None, "session_control", "unknown", "testing_mode")
FILTERS = (
    None,
    Filter(),
    Filter(state=State.MISSING),
    Filter(missing_scope=DRIVE),
    Filter(no_usable_grant=True),
    Filter(reason="testing_mode"),
)


class Dice(random.Random):
    """Throws situations. Drawn one by one, Hypothesis would take 25 ms for each."""

    def flips(self) -> bool:
        return self.random() < 0.5

    def rarely(self) -> bool:
        return self.random() < 0.2

    def grant(self, sub: str, client: str) -> Grant:
        more: dict[str, Any] = {"sub": sub, "client_id": client, "reason": self.choice(REASONS)}
        more["changed_at"] = NOW - self.choice(AGES)
        state = self.choice(STATES)
        if state is State.ACTIVE and self.rarely():
            more["candidates"] = (token("new", NOW - 1),)
        return grant(state, *self.choice(SCOPE_SETS), **more)

    def order(self, name: str) -> Order:
        return order(self.choice(FILTERS), include_active=self.flips(), id=name)

    def round(self, client: str) -> Round:
        age = self.choice(AGES)
        return last_round(
            client_id=client,
            asked_at=NOW - age,
            settled_at=NOW - self.choice([a for a in AGES if a <= age]),
            outcome=self.choice([None, *Outcome]),
            wanted=self.choice(SCOPE_SETS),
            login="login" if self.rarely() else "other",
            message="message" if self.rarely() else "another",
            times=tuple(NOW - self.choice(AGES) for _ in range(self.randint(0, 4))),
        )

    def offer(self, client: str) -> Offer:
        return replace(
            offer(),
            client_id=client,
            account=self.choice((None, SUB)),
            scopes=None if self.flips() else frozenset(self.choice(SCOPE_SETS)),
            serves=frozenset({client, self.choice(CLIENTS)}),
            is_main=self.flips(),
            has_capture=self.rarely(),
            is_faulty=self.rarely(),
            minted=self.choice((0, 0, 0, CAP - 1, CAP, CAP + 1)),
        )

    def situation(self) -> Situation:
        owners = [(sub, client) for sub in (SUB, OTHER_SUB) for client in CLIENTS]
        needed = [(self.choice(SCOPE_SETS), client) for client in CLIENTS if self.flips()]
        return situation(
            *(self.grant(*owner) for owner in owners if self.flips()),
            policy=self.choice(list(Recovery)),
            required=frozenset(self.choice(SCOPE_SETS)),
            offers=tuple(self.offer(client) for client in self.sample(CLIENTS, self.randint(0, 2))),
            needs=tuple(need(*s, client_id=c, at=NOW - self.choice(AGES)) for s, c in needed),
            orders=tuple(self.order(name) for name in "ab" if self.rarely()),
            rounds=[self.round(client) for client in CLIENTS if self.rarely()],
            occasion={
                "is_returned": self.rarely(),
                "can_redirect": not self.rarely(),
                "is_late": self.rarely(),
            },
        )


KNOWN = st.integers(0, 2**64).map(lambda seed: Dice(seed).situation())


def came(held: Grant) -> int:
    """Return since when a grant has served what it serves."""
    return max(held.changed_at, held.live.time if held.live else 0)


def own(known: Situation, offered: Offer) -> list[Grant]:
    """Return the grants that a round could mend."""
    return [
        g
        for g in known.grants
        if g.client_id == offered.client_id and offered.account in (None, g.account.sub)
    ]


@settings(max_examples=1500, deadline=None)
@given(known=KNOWN)
def test_no_consent_is_forced_without_evidence(known: Situation) -> None:
    """Whoever is asked has an order, a need, a scope lacking, or under `always` no usable grant."""
    decision = decide(known)
    if not decision.forces:
        return
    [offered] = [o for o in known.offers if o.client_id == decision.client_id]
    mine = own(known, offered)
    works = offered.has_capture or any(map(is_usable, mine))
    granted = [set(g.granted) for g in mine if g.state is State.ACTIVE]

    def lacks(scopes: set[str]) -> bool:
        return bool(scopes) and all(scopes - has for has in granted)

    assert known.policy is not Recovery.OBSERVE
    match decision.reason:
        case Reason.ORDERED:
            behind = [o for o in known.orders if o.id in decision.orders]
            assert behind
            assert not works or all(o.include_active for o in behind)
        case Reason.NEEDED:
            assert known.policy in (Recovery.NEEDED, Recovery.ALWAYS)
            assert (
                any(n.client_id in offered.serves and lacks(set(n.scopes)) for n in known.needs)
                or len(known.needs) > 1
            )
        case Reason.REQUIRED:
            assert known.policy in (Recovery.NEEDED, Recovery.ALWAYS)
            assert lacks(set(known.required))
        case _:
            assert (known.policy, works) == (Recovery.ALWAYS, False)
    if works and decision.reason is not Reason.ORDERED:
        # A token works: only scopes that it lacks for certain, and that were not just refused.
        assert granted
        assert not any(g.state is State.UNVERIFIED for g in mine)


@settings(max_examples=1500, deadline=None)
@given(known=KNOWN)
def test_no_obstacle_is_overridden(known: Situation) -> None:
    """Nobody is asked twice in a login, during the rest, in another tab, or after three rounds."""
    decision = decide(known)
    if not decision.forces:
        return
    occasion: Occasion = known.occasion
    assert (occasion.can_redirect, occasion.is_returned, occasion.is_late) == (True, False, False)
    [offered] = [o for o in known.offers if o.client_id == decision.client_id]
    assert not offered.is_faulty
    last = known.rounds.values()
    if any(r.message == occasion.message for r in last):
        return  # the same message once more
    assert all(r.outcome is not None and r.login != occasion.login for r in last)
    refused = (Outcome.DENIED, Outcome.ABANDONED)
    assert all(r.outcome not in refused or NOW - (r.settled_at or 0) >= WEEK for r in last)
    assert sum(NOW - t < WINDOW_S for r in last for t in r.times) < MOST_ROUNDS
    assert offered.minted < CAP or decision.reason is Reason.ORDERED


@settings(max_examples=1000, deadline=None)
@given(known=KNOWN)
def test_a_stronger_policy_asks_whomever_a_weaker_one_asks(known: Situation) -> None:
    """`observe`'s numbers grow from policy to policy."""
    asks = [decide(replace(known, policy=policy)).forces for policy in Recovery]
    assert asks == sorted(asks)


@settings(max_examples=1000, deadline=None)
@given(known=KNOWN)
def test_nobody_is_left_without_a_way(known: Situation) -> None:
    """Under `needed`, who has none that works and is needed is asked, or told what is against."""
    known = replace(known, policy=Recovery.NEEDED)
    for offered in known.offers:
        mine = own(known, offered)
        if offered.has_capture or any(map(is_usable, mine)):
            continue
        wanted = {
            scope
            for n in known.needs
            if n.client_id in offered.serves
            and not any(is_usable(g) and came(g) >= n.at for g in known.grants)
            for scope in n.scopes
        }
        if wanted & (wanted if offered.scopes is None else offered.scopes):
            assert decide(known).reason not in (Reason.USABLE, Reason.NO_EVIDENCE, Reason.NOT_MET)
