"""Reading a token: answer from the cache, or see to one refresh and look again.

Owns the order of a read. The warm path is one query, one seal and no write; everything slow is
behind `Refreshing`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from bridge import metrics
from bridge.clock import Clock
from bridge.errors import Action, BridgeError, Code
from bridge.google.scopes import in_order
from bridge.model import AccessToken, Account, Caller, Failure, Grant, State
from bridge.store.base import Row
from bridge.store.recent import Key
from bridge.store.watched import RecentStore
from bridge.tokens.choice import choose, is_named
from bridge.tokens.clients import Clients
from bridge.tokens.demand import Demand, demand_of, no_grant
from bridge.tokens.failures import error_of, shared_failure
from bridge.tokens.freshness import Freshness, Span, fresh_span, judge, window_of
from bridge.tokens.refreshing import Refreshing, Want
from bridge.tokens.visits import STAYS, Visit
from bridge.tokens.wire import AccountLabel, TokenAnswer, TokenRequest
from bridge.vault.grants import Grants, parse_id
from bridge.vault.lifecycle import contenders
from bridge.vault.needs import Needs
from bridge.vault.records import Held

_MOST_ROUNDS: Final = 8
_PROVEN_LATELY_S: Final = 3


class Look(msgspec.Struct, frozen=True):
    """What a grant has for a demand right now.

    Attributes:
        freshness: of `access`.
        access: the cached token, if any.
        scopes: the scope set to refresh; None is all that is granted.
        failure: a failed refresh that is not to be repeated yet.
    """

    freshness: Freshness
    access: AccessToken | None
    scopes: tuple[str, ...] | None
    failure: Failure | None


class Standing(msgspec.Struct, frozen=True):
    """An answer that a grant's rows alone give.

    Attributes:
        answer: the answer.
        fresh: the time in which the same rows give the same token.
        want: the refresh that brings the next one.
    """

    answer: TokenAnswer
    fresh: Span
    want: Want


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenService:
    """Serves access tokens to callers.

    Attributes:
        recent: the store's rows as they were a moment ago, to serve from and for nothing else; None
            reads the store each time.
        tell_issued: told of every token that is handed out, also of those handed out before; tells
            whether it took notice.
    """

    grants: Grants
    recent: RecentStore | None
    needs: Needs
    clients: Clients
    refreshing: Refreshing
    clock: Clock
    safety_window: float
    tell_issued: Callable[[Caller, Grant, AccessToken], bool]

    def read(self, caller: Caller, request: TokenRequest, visit: Visit = STAYS) -> TokenAnswer:
        """Return a token that carries what was asked for, refreshing it once if need be.

        Raises:
            BridgeError: as the table of the token endpoint says.
            Left: a refresh is under way, and the visit is of a kind that leaves.
        """
        try:
            answer = self._read(caller, request, visit)
        except BridgeError as error:
            metrics.count(metrics.READS, error.code.value)
            raise
        metrics.count(metrics.READS, "served")
        return answer

    def standing(
        self, caller: Caller, request: TokenRequest, rows: Sequence[Row]
    ) -> Standing | None:
        """Return the answer that rows give by themselves: a fresh token.

        Args:
            caller: who asks.
            request: for what.
            rows: what `key_of` finds.

        Returns:
            None where `read` is to be asked: it would call Google, or refuse.
        """
        try:
            demand = demand_of(caller, request)
            held = _named_in(self.grants, rows, demand)
            grant = held.record
            look = self.look(grant, demand)
            want = self._want(held, look, demand)
        except BridgeError:
            return None
        if look.freshness is not Freshness.FRESH or look.access is None:
            return None
        if not self.tell_issued(caller, grant, look.access):
            return None
        window = window_of(grant.id, self.safety_window)
        fresh = fresh_span(look.access, request.min_ttl, window)
        return Standing(self._answer(grant, look.access), fresh, want)

    def _read(self, caller: Caller, request: TokenRequest, visit: Visit) -> TokenAnswer:
        visit.check()
        demand = demand_of(caller, request)
        lately = self._served_lately if visit.times else self._recently
        held, look = lately(demand) or self._seen(demand)
        for tries in range(visit.times, _MOST_ROUNDS):
            if (access := _servable(look, has_tried=tries > 0)) is not None:
                self.tell_issued(caller, held.record, access)
                return self._answer(held.record, access)
            with self._refreshed(held, look, demand, visit):
                held, look = self._served_lately(demand) or self._seen(demand)
        raise BridgeError(
            Code.UPSTREAM_UNAVAILABLE, "The grant keeps changing; try again.", retry_after=1
        )

    def _recently(self, demand: Demand) -> tuple[Held[Grant], Look] | None:
        """Return what was read a moment ago, if it has a fresh token or calls for a new one.

        Whoever refreshes reads the store itself before; so do those who are refused, because it may
        have been mended meanwhile, and what is noted, is noted of the present.
        """
        key = None if self.recent is None else key_of(self.grants, demand.request)
        if self.recent is None or key is None:
            return None
        try:
            held = _named_in(self.grants, self.recent.find(key).rows, demand)
            look = self.look(held.record, demand)
        except BridgeError:
            return None
        is_due = look.freshness is Freshness.INVALID and look.failure is None
        return (held, look) if is_due or look.freshness is Freshness.FRESH else None

    def _served_lately(self, demand: Demand) -> tuple[Held[Grant], Look] | None:
        """Return what was read a moment ago, if it has a fresh token.

        Of thousands who waited for one, a few ask the store.
        """
        seen = self._recently(demand)
        return seen if seen is not None and seen[1].freshness is Freshness.FRESH else None

    def find(self, demand: Demand) -> Held[Grant]:
        """Return the grant that a demand means."""
        try:
            return _named(self.grants, demand)
        except BridgeError as error:
            if error.code is Code.GRANT_MISSING and demand.request.grant is None:
                self._note_for_subject(demand)
            raise

    def look(self, grant: Grant, demand: Demand) -> Look:
        """Tell what a grant has for a demand.

        Raises:
            BridgeError: it will not serve this demand, and no refresh would change that.
        """
        now = self.clock.now()
        if grant.state is State.UNVERIFIED:
            return Look(Freshness.INVALID, None, None, shared_failure(grant, None, now))
        if grant.state is not State.ACTIVE:
            raise state_error(grant, demand.wanted)
        reach = demand.reach(grant)
        if lacking := demand.lacking(reach):
            if _may_widen(grant, now):
                return Look(Freshness.INVALID, None, None, shared_failure(grant, None, now))
            raise _insufficient(lacking)
        scopes = None if len(reach) == len(grant.granted) else in_order(reach)
        access = _cached(grant, scopes)
        rejected = demand.request.rejected
        if rejected is not None and access is not None and access.fingerprint_is(rejected):
            access = None
        window = window_of(grant.id, self.safety_window)
        freshness = judge(access, now, demand.request.min_ttl, window)
        return Look(freshness, access, scopes, shared_failure(grant, scopes, now))

    def _seen(self, demand: Demand) -> tuple[Held[Grant], Look]:
        held = self.find(demand)
        grant = held.record
        try:
            return held, self.look(grant, demand)
        except BridgeError as error:
            if error.action is not None and grant.state is not State.FORGOTTEN:
                wanted = error.action.scopes
                self.needs.note(grant.tenant, grant.subject, grant.client_id, wanted)
            raise

    @contextmanager
    def _refreshed(
        self, held: Held[Grant], look: Look, demand: Demand, visit: Visit
    ) -> Iterator[None]:
        """See to a refresh, and give the reader its turn to look again.

        Nobody waits for a new token while the old one is valid.
        """
        if look.freshness is not Freshness.STALE:
            if look.failure is not None:
                raise error_of(look.failure, self.clock.now())
            with self.refreshing.seen_to(self._want(held, look, demand), patient=True, visit=visit):
                yield
            return
        # Whatever keeps the new one away is not the trouble of a reader whose old one lives.
        with (
            suppress(BridgeError),
            self.refreshing.seen_to(self._want(held, look, demand), patient=False, visit=visit),
        ):
            pass
        yield

    def _want(self, held: Held[Grant], look: Look, demand: Demand) -> Want:
        grant = held.record
        client = self.clients.find(grant.tenant, grant.client_id)
        if client is None:
            raise BridgeError(
                Code.CLIENT_FAULT,
                "The grant belongs to a Google client that is not in the configuration.",
                reason="client_not_configured",
            )
        if look.scopes is not None and not client.narrowing:
            raise BridgeError(
                Code.FORBIDDEN,
                "This client's tokens are not narrowed (`narrowing = false`), and the caller's "
                "allowance does not cover all that the grant holds.",
            )

        def is_wanted(present: Grant) -> bool:
            try:
                again = self.look(present, demand)
            except BridgeError:
                return False
            is_due = again.freshness is not Freshness.FRESH and again.failure is None
            return is_due and again.scopes == look.scopes

        return Want(held.ref, client, look.scopes, is_wanted, demand.request.run)

    def _note_for_subject(self, demand: Demand) -> None:
        request = demand.request
        if request.tenant is None or request.subject is None:
            return
        client = request.client or self._first_client(request.tenant)
        if client is not None:
            self.needs.note(request.tenant, request.subject, client, demand.wanted)

    def _first_client(self, tenant: str) -> str | None:
        return next((client.id for client in self.clients.of(tenant)), None)

    def _answer(self, grant: Grant, access: AccessToken) -> TokenAnswer:
        scopes = grant.granted if access.scopes is None else access.scopes
        return TokenAnswer(
            access_token=access.token,
            expires_in=max(0, access.expires_at - int(self.clock.now())),
            expires_at=access.expires_at,
            scope=" ".join(scopes),
            grant=grant.id,
            account=_label(grant.account),
        )


def key_of(grants: Grants, request: TokenRequest) -> Key | None:
    """Return what finds the rows that a request is about; None if it cannot be about any."""
    if request.grant is not None:
        return parse_id(request.grant)
    return grants.query(request.tenant or "", request.subject or "")


def _named(grants: Grants, demand: Demand) -> Held[Grant]:
    """Return the grant that a demand means."""
    request = demand.request
    if request.grant is None:
        return choose(grants.find(request.tenant or "", request.subject or ""), demand)
    return _pinned(grants.get(request.grant), demand)


def _named_in(grants: Grants, rows: Sequence[Row], demand: Demand) -> Held[Grant]:
    """Return the grant that a demand means, of the rows that `key_of` finds."""
    if demand.request.grant is None:
        return choose(grants.of_subject(rows, demand.request.subject or ""), demand)
    return _pinned(grants.known(rows[0]) if rows else None, demand)


def _pinned(held: Held[Grant] | None, demand: Demand) -> Held[Grant]:
    request = demand.request
    if held is None or not demand.caller.sees(held.record.tenant):
        raise demand.no_grant()
    is_of_tenant = request.tenant in (None, held.record.tenant)
    if not is_of_tenant or not is_named(held.record, demand):
        raise demand.no_grant()
    return held


def state_error(grant: Grant, wanted: Collection[str]) -> BridgeError:
    """Return the error that a grant's state is to whoever asks for a token with `wanted`."""
    if grant.state is State.BLOCKED:
        return BridgeError(
            Code.BLOCKED,
            "Google refuses this grant by a policy that the user cannot mend; an admin of the "
            "account's organisation or of the bridge must.",
            reason=grant.reason,
        )
    if grant.state in (State.MISSING, State.FORGOTTEN):
        return no_grant(wanted)
    return BridgeError(
        Code.REAUTH_REQUIRED,
        "The grant no longer works; the user must consent again.",
        reason=grant.reason or grant.state.value,
        action=Action("connect", tuple(sorted(wanted))),
    )


def _cached(grant: Grant, scopes: tuple[str, ...] | None) -> AccessToken | None:
    for access in grant.access:
        if access.scopes == scopes:
            return access
    return None


def _servable(look: Look, *, has_tried: bool) -> AccessToken | None:
    """Return the token to answer with; None if a refresh comes first.

    A valid one that will not last is renewed at once, if nothing is known against that.
    """
    if look.freshness is Freshness.FRESH:
        return look.access
    is_enough = has_tried or look.failure is not None
    return look.access if look.freshness is Freshness.STALE and is_enough else None


def _insufficient(lacking: frozenset[str]) -> BridgeError:
    return BridgeError(
        Code.INSUFFICIENT_SCOPE,
        "The user has not granted every scope that is needed; ask them to connect with these.",
        action=Action("connect", tuple(sorted(lacking))),
    )


def _may_widen(grant: Grant, now: float) -> bool:
    """Tell whether a refresh token that no refresh has tried yet may grant what is lacking.

    The user may just have consented to more: asking them again would mint one token more.
    """
    # Not by the time of its consent: the message that brought it may have been late.
    came = [token.untried_since for token in contenders(grant)]
    if not came:
        return False
    last = grant.refreshed_at or 0
    # One that came before had its turn and got no answer: not again at every read.
    return max(came) >= last or now - last >= _PROVEN_LATELY_S


def _label(account: Account) -> AccountLabel:
    return AccountLabel(sub=account.sub, email=account.email)
