"""What is true of users, as the play made it: the model that decisions are held against.

Knows nothing of the bridge's records. What Google knows is asked of the sandbox, what was delivered
is what the play delivered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bridge.config.tenants import Recovery
from bridge.sandbox.records import Account, Client
from tests.kit import DAY

WEEK: Final = 7 * DAY
MONTH: Final = 30 * DAY
AT_GOOGLE_S: Final = 600
MOST_ROUNDS: Final = 3
MARGIN_S: Final = 60
"""Where the play's time and the bridge's may differ, neither side is held to a rule."""

FORCING: Final = {
    "ordered": tuple(Recovery)[1:],
    "needed": (Recovery.NEEDED, Recovery.ALWAYS),
    "no_usable_grant": (Recovery.ALWAYS,),
}


@dataclass(frozen=True)
class Token:
    """A refresh token that Google gave; `time` is its ID token's `iat`."""

    text: str
    time: int
    scopes: frozenset[str]


@dataclass
class Round:
    """A consent that was forced."""

    client: str
    login: str
    at: int
    wanted: frozenset[str]
    outcome: str = ""
    has_brought_token: bool = False
    is_over: bool = False
    worked: bool = False


@dataclass
class Order:
    """An admin's order as it was given; `subjects` is None where a filter says whom it means."""

    id: str
    subjects: frozenset[str] | None
    include_active: bool
    created_at: int
    asked: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def may_mean(self, subject: str) -> bool:
        return self.subjects is None or subject in self.subjects


@dataclass
class Tie:
    """One account of a person for one client.

    Attributes:
        client: Google's client.
        alive: asks Google which refresh tokens it would honour.
        delivered: those that the bridge was given with their subject, in the order in which it was.
        unbound: refresh tokens that were captured and that no binding has followed yet, and when.
        ended_at: when the grant was last forgotten or revoked.
    """

    account: Account
    client: Client
    alive: Callable[[], set[str]]
    delivered: list[Token] = field(default_factory=list)
    unbound: list[tuple[int, Token]] = field(default_factory=list)
    ended_at: int = -1
    is_blocked: bool = False

    def deliver(self, token: Token) -> None:
        if token.time > self.ended_at and all(token.text != t.text for t in self.delivered):
            self.delivered.append(token)

    def bind(self) -> bool:
        """Give what was left unbound to the person; tell whether there was anything."""
        left, self.unbound = self.unbound, []
        for _, token in left:
            self.deliver(token)
        return bool(left)

    def end(self, now: int) -> None:
        self.ended_at = now
        self.delivered.clear()

    @property
    def works(self) -> bool:
        alive = self.alive()
        return any(token.text in alive for token in self.delivered)

    @property
    def must_work(self) -> bool:
        """Whether a token lives that the grant must still have.

        Of those that later ones have outdone it keeps one, and nobody knows which will live longer.
        """
        alive = self.alive()
        return any(token.text in alive and self._is_kept(token) for token in self.delivered)

    def serves(self, scope: str) -> bool:
        """Tell whether a backend must get a token with this scope.

        An older one that came after a newer one was proven waits until that one fails.
        """
        alive = self.alive()
        return any(
            scope in token.scopes
            and token.text in alive
            and all(earlier.time <= token.time for earlier in self.delivered[:place])
            and self._is_kept(token)
            for place, token in enumerate(self.delivered)
        )

    def _is_kept(self, token: Token) -> bool:
        return len(self.delivered) <= 2 or not self._is_outdone(token)

    def _is_outdone(self, token: Token) -> bool:
        others = (other for other in self.delivered if other is not token)
        return any(o.time >= token.time and o.scopes >= token.scopes for o in others)


@dataclass
class Person:
    """A subject of an IdP with the accounts that they sign in with, the usual one first."""

    tenant: str
    subject: str
    ties: dict[tuple[str, str], Tie] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    needs: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def captured(self, client: str) -> None:
        """Note that a refresh token for a client has come."""
        for made in self.rounds:
            if made.client == client:
                made.has_brought_token = made.is_over = True

    def worked(self) -> None:
        """Note that a backend got what it wanted: what was tried before is no loop."""
        for made in self.rounds:
            made.worked = True

    # What must be so for a consent to be forced

    def evidence(
        self, tie: Tie, policy: Recovery, orders: Iterable[Order], scopes: frozenset[str], now: int
    ) -> set[str]:
        """Return the reasons that may be given for forcing consent."""
        found = set()
        if any(self._orders(order, tie) for order in orders):
            found.add("ordered")
        if self._lacking(tie, scopes, now):
            found.add("needed")
        if not tie.must_work:
            found.add("no_usable_grant")
        return {reason for reason in found if policy in FORCING[reason]}

    def _orders(self, order: Order, tie: Tie) -> bool:
        if not order.may_mean(self.subject) or self.subject in order.done:
            return False
        has_consented = any(token.time > order.created_at for token in tie.delivered)
        return not tie.must_work or (order.include_active and not has_consented)

    def _lacking(self, tie: Tie, scopes: frozenset[str], now: int) -> set[str]:
        noted = self.needs[tie.client.client_id]
        wanted = {scope for scope, at in noted.items() if now - at <= MONTH} & scopes
        lacking = {scope for scope in wanted if not tie.serves(scope)}
        refused = self._refused(tie.client.client_id, now) if tie.must_work else set()
        return lacking - refused

    def _refused(self, client: str, now: int) -> set[str]:
        last = next((r for r in reversed(self.rounds) if r.client == client), None)
        if last is None or not last.has_brought_token or now - last.at >= WEEK - MARGIN_S:
            return set()
        return set(last.wanted)

    def obstacles(self, login: str, now: int) -> list[str]:
        """Return what speaks against asking, as far as nobody can deny it."""
        found = []
        if any(made.login == login for made in self.rounds):
            found.append("asked in this login")
        if any(not r.is_over and now - r.at < AT_GOOGLE_S - MARGIN_S for r in self.rounds):
            found.append("under way")
        if any(self._rests(made, now) for made in self.rounds):
            found.append("resting")
        lately = [r for r in self.rounds if now - r.at < DAY - MARGIN_S and not r.worked]
        if len(lately) >= MOST_ROUNDS:
            found.append("too many")
        return found

    def _rests(self, made: Round, now: int) -> bool:
        refused = made.outcome in ("denied", "abandoned") and not made.has_brought_token
        return refused and now - made.at < WEEK - MARGIN_S

    def is_free(self, now: int) -> bool:
        """Tell whether nothing whatever speaks against asking."""
        rests = WEEK + AT_GOOGLE_S + MARGIN_S
        if any(now - r.at < rests and r.outcome != "given" for r in self.rounds):
            return False
        return sum(now - r.at < DAY + MARGIN_S for r in self.rounds) < MOST_ROUNDS

    def must_be_asked(
        self, tie: Tie, policy: Recovery, orders: Iterable[Order], now: int, *, lacks: bool
    ) -> bool:
        """Tell whether nobody could excuse not asking.

        Args:
            tie: what the person signs in with.
            policy: the tenant's.
            orders: those in force.
            now: Unix seconds.
            lacks: a backend has just asked in vain for what this login can bring.
        """
        if policy is Recovery.OBSERVE or not self.is_free(now) or tie.is_blocked:
            return False
        if any(now - at < AT_GOOGLE_S + MARGIN_S for at, _ in tie.unbound):
            return False
        needs = lacks and policy in (Recovery.NEEDED, Recovery.ALWAYS) and not tie.works
        return needs or any(self._must_by_order(order, tie) for order in orders)

    def _must_by_order(self, order: Order, tie: Tie) -> bool:
        is_named = order.subjects is not None and self.subject in order.subjects
        if not is_named or not order.include_active or self.subject in order.asked:
            return False
        return all(token.time <= order.created_at for token in tie.delivered)
