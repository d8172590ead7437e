"""No refresh token is lost to a later one: any order of events, against a small model of Google.

The model knows what is true at Google: which tokens live, whose they are, what they carry. What the
grant does is checked against that truth; none of the code under test decides what is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.model import Grant, RefreshToken, State
from bridge.vault import endings, lifecycle
from tests.vault.pieces import CAL, DRIVE, MAIL, access, blank, live_of, names, token

SCOPES = st.frozensets(st.sampled_from([CAL, DRIVE, MAIL]), min_size=1)
OURS = st.sampled_from(["ours", "ours", "ours", "other_client", "other_account"])


@dataclass
class Truth:
    """What Google knows of a refresh token."""

    time: int
    scopes: frozenset[str]
    whose: str
    alive: bool = True
    is_proven: bool = False


class Grants(RuleBasedStateMachine):
    """One grant, the events of its life, and the truth behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100
        self.grant = blank()
        self.truth: dict[str, Truth] = {}
        self.accepted: set[str] = set()  # captured, and neither shut out nor found useless since
        self.revoked_at = self.forgotten_at = -1
        self.is_restricted = False  # an admin of the account's organisation blocks the app

    def change(self, made: Grant) -> None:
        """Take a grant over, checking what holds for every change."""
        before, self.grant = self.grant, made
        serving_before = before.live.mark if before.live else None
        serving_after = made.live.mark if made.live else None
        is_same = (serving_before, before.state, before.reason) == (
            serving_after,
            made.state,
            made.reason,
        )
        assert made.epoch == before.epoch if is_same else made.epoch > before.epoch

    def alive(self, *, among: set[str] | None = None) -> set[str]:
        """Return the accepted tokens that Google would honour for this grant."""
        found = self.accepted if among is None else among
        return {n for n in found if self.truth[n].alive and self.truth[n].whose == "ours"}

    # What happens

    @rule(seconds=st.integers(0, 3))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(age=st.integers(0, 4), scopes=SCOPES, whose=OURS, is_dated=st.booleans())
    def capture(self, age: int, scopes: frozenset[str], whose: str, *, is_dated: bool) -> None:
        """A message brings a token that is new to the grant, perhaps late, perhaps undated."""
        name = f"t{len(self.truth)}"
        time = self.now - age if is_dated else 0
        # One from before a revocation of the whole project is dead, whenever its message comes.
        self.truth[name] = Truth(time, scopes, whose, alive=time >= self.revoked_at)
        served_by = live_of(self.grant)

        self.change(lifecycle.admit(self.grant, token(name, time), self.now))

        is_in_time = time >= self.revoked_at and time > self.forgotten_at
        if is_in_time:
            self.accepted.add(name)
        assert (name in names(self.grant)) == is_in_time
        assert live_of(self.grant) == served_by

    @precondition(lambda self: self.truth)
    @rule(data=st.data(), is_dated=st.booleans())
    def capture_again(self, data: st.DataObject, *, is_dated: bool) -> None:
        """A repeated or late message with a token that came before changes nothing at all."""
        name = data.draw(st.sampled_from(sorted(self.truth)))
        time = self.now if is_dated else self.truth[name].time

        again = lifecycle.admit(self.grant, token(name, time), self.now)

        assert again == self.grant

    @precondition(lambda self: self.truth)
    @rule(data=st.data())
    def google_ends_one(self, data: st.DataObject) -> None:
        self.truth[data.draw(st.sampled_from(sorted(self.truth)))].alive = False

    @rule(is_restricted=st.booleans())
    def an_admin_decides(self, *, is_restricted: bool) -> None:
        self.is_restricted = is_restricted

    @precondition(lambda self: self.grant.state in (State.ACTIVE, State.UNVERIFIED))
    @rule()
    def refresh(self) -> None:
        """A reader wants a token: what is in order is tried until it has one, or none is left."""
        before, served_by = self.grant, live_of(self.grant)
        rounds = 0
        while self.grant.state is State.UNVERIFIED or rounds == 0:
            rounds += 1
            assert rounds < 8
            self.attempt()

        if self.is_restricted:
            assert self.grant.state is not State.ACTIVE
            return
        if live := live_of(self.grant):
            assert live in self.alive()
            assert self.grant.state is State.ACTIVE
        else:
            assert not self.alive()
        if served_by in self.alive():
            self.check_that_nothing_was_taken_away(before, served_by)

    def check_that_nothing_was_taken_away(self, before: Grant, served_by: str) -> None:
        """The token that serves now carries all that the old one did; a re-consent counts."""
        old, new = self.truth[served_by], self.truth[str(live_of(self.grant))]
        assert new.scopes >= old.scopes
        waiting = {one.sealed.decode() for one in lifecycle.contenders(before)}
        if any(self.truth[n].scopes >= old.scopes for n in self.alive(among=waiting)):
            assert new is not old

    def attempt(self) -> None:
        """Try tokens as a refresh does, with Google's answers taken from the truth."""
        tried: set[bytes] = set()
        is_served = False
        while one := self.next(tried, is_served=is_served):
            tried.add(one.mark)
            self.answered(one)
            live = self.grant.live
            is_served = is_served or (live is not None and live.mark == one.mark)
            if live is None and self.grant.spare is not None:
                tried.discard(self.grant.spare.mark)

    def next(self, tried: set[bytes], *, is_served: bool) -> RefreshToken | None:
        order = lifecycle.contenders if is_served else lifecycle.order_of_trial
        return next((one for one in order(self.grant) if one.mark not in tried), None)

    def answered(self, one: RefreshToken) -> None:
        name = one.sealed.decode()
        truth = self.truth[name]
        if not truth.alive or truth.whose == "other_account":
            self.accepted.discard(name)
            self.change(lifecycle.fall(self.grant, one.mark, "unknown", self.now))
        elif truth.whose == "other_client":
            self.change(lifecycle.refuse(self.grant, one.mark, "wrong_client", self.now))
        elif self.is_restricted:
            self.change(lifecycle.refuse(self.grant, one.mark, "admin_policy", self.now))
        else:
            truth.is_proven = True
            scopes = tuple(sorted(truth.scopes))
            self.change(lifecycle.prove(self.grant, one.mark, scopes, self.now))
            self.check_that_only_the_least_gives_way()
            if live_of(self.grant) == name:
                self.change(lifecycle.keep_access(self.grant, access(), self.now))

    def check_that_only_the_least_gives_way(self) -> None:
        """Beside the live token one other proven one is kept: the one that carries most."""
        for name in self.alive() - names(self.grant):
            spare = self.grant.spare
            assert self.truth[name].is_proven
            assert spare is not None
            assert len(spare.scopes or ()) >= len(self.truth[name].scopes)
            self.accepted.discard(name)

    @rule(age=st.integers(0, 3))
    def forget(self, age: int) -> None:
        """A message tells, perhaps late, that the user left at some time."""
        at = self.now - age
        self.change(endings.forget(self.grant, at, self.now))

        self.forgotten_at = max(self.forgotten_at, at)
        self.accepted = {n for n in self.accepted if self.truth[n].time > at}
        if not self.grant.tokens:
            assert self.grant.state is State.FORGOTTEN
            assert not self.grant.subject

    @precondition(lambda self: self.grant.state is not State.FORGOTTEN)
    @rule()
    def begin_revoking(self) -> None:
        self.change(endings.begin_revoking(self.grant, self.now))

    @precondition(lambda self: self.grant.state is State.REVOKING)
    @rule()
    def google_revokes(self) -> None:
        """Google ends all there is; what comes afterwards, in that second even, may live."""
        self.end_all(lambda grant: endings.revoke(grant, self.now, self.now))
        assert self.grant.state in (State.REVOKED, State.UNVERIFIED, State.BLOCKED)

    @rule()
    def google_revokes_the_project(self) -> None:
        """Another client's grant of the project is revoked, and this one with it."""
        if self.grant.tokens:
            self.end_all(lambda grant: endings.revoke_with_project(grant, self.now, self.now))

    def end_all(self, change: Callable[[Grant], Grant]) -> None:
        for truth in self.truth.values():
            truth.alive = truth.alive and truth.whose != "ours"
        self.change(change(self.grant))
        self.revoked_at = self.now
        self.accepted &= names(self.grant)

    @rule()
    def a_backup_is_restored(self) -> None:
        held = names(self.grant)
        self.change(endings.doubt(self.grant, self.now))

        assert names(self.grant) == held
        assert self.grant.state is not State.ACTIVE
        assert not self.grant.access

    @rule()
    def an_operator_rechecks(self) -> None:
        self.change(endings.reconsider(self.grant, self.now))
        assert self.grant.state is not State.BLOCKED

    # What always holds

    @invariant()
    def nothing_shut_out_is_held(self) -> None:
        assert names(self.grant) <= self.accepted
        for one in self.grant.tokens:
            assert one.time >= self.revoked_at
            assert one.time > self.forgotten_at

    @invariant()
    def no_token_is_lost(self) -> None:
        assert self.alive() <= names(self.grant)

    @invariant()
    def only_what_google_honoured_serves(self) -> None:
        for one in (self.grant.live, self.grant.spare):
            if one is not None:
                assert self.truth[one.sealed.decode()].is_proven
                assert self.truth[one.sealed.decode()].whose == "ours"

    @invariant()
    def the_state_follows_from_the_tokens(self) -> None:
        grant = self.grant
        if grant.state is State.REVOKING:
            return
        if grant.live is not None and grant.live.verdict is None:
            assert (grant.state, grant.reason) == (State.ACTIVE, None)
        elif any(one.verdict is None for one in grant.tokens):
            assert (grant.state, grant.reason) == (State.UNVERIFIED, None)
        elif grant.tokens:
            assert grant.state is State.BLOCKED
            assert grant.reason in {one.verdict for one in grant.tokens}
        else:
            assert grant.state in (
                State.MISSING,
                State.REAUTH_REQUIRED,
                State.REVOKED,
                State.FORGOTTEN,
            )

    @invariant()
    def no_token_competes_with_itself(self) -> None:
        assert len({one.mark for one in self.grant.tokens}) == len(self.grant.tokens)

    @invariant()
    def access_tokens_are_only_those_of_a_serving_grant(self) -> None:
        assert self.grant.state is State.ACTIVE or not self.grant.access


TestGrants = Grants.TestCase
TestGrants.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
