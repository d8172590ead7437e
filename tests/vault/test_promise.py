"""No refresh token is lost to a later one: any order of events, against a small model of Google.

The model knows what is true at Google: which tokens live, whose they are, what they carry. What the
grant does is checked against that truth; none of the code under test decides what is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.model import Grant, RefreshToken, State
from bridge.vault import endings, lifecycle
from tests.vault.pieces import CAL, DRIVE, MAIL, access, blank, live_of, names, token

SCOPES = st.frozensets(st.sampled_from([CAL, DRIVE, MAIL]), min_size=1)
WHICH = st.integers(0, 5)
AGE = st.sampled_from([0, 0, 0, 1, 4, None])
RARE = (
    "restricted",
    "allowed",
    "allowed",
    "forget",
    "begin_revoking",
    "begin_revoking",
    "revoke",
    "revoke",
    "revoke",
    "revoke_project",
    "restore",
    "recheck",
)
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
        self.judged: set[str] = set()  # refused by policy, and not to be tried before a recheck
        self.revoked_at = self.forgotten_at = -1
        self.is_to_be_forgotten = False  # once the revocation under way is done
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

    def state(self) -> State:
        return self.grant.state

    def named(self, which: int) -> str:
        """Return one of the tokens there are, the latest ones by the smallest numbers."""
        return f"t{max(0, len(self.truth) - 1 - which)}"

    # What happens

    @rule(passes=st.integers(0, 2), age=AGE, scopes=SCOPES, whose=OURS)
    def capture(self, passes: int, age: int | None, scopes: frozenset[str], whose: str) -> None:
        """A message brings a token that is new to the grant, perhaps late, perhaps undated."""
        self.now += passes
        name = f"t{len(self.truth)}"
        time = 0 if age is None else self.now - age
        # One from before a revocation of the whole project is dead, whenever its message comes.
        self.truth[name] = Truth(time, scopes, whose, alive=time >= self.revoked_at)
        served_by = live_of(self.grant)

        self.change(lifecycle.admit(self.grant, token(name, time), self.now))

        is_in_time = time >= self.revoked_at and time > self.forgotten_at
        if is_in_time:
            self.accepted.add(name)
        assert (name in names(self.grant)) == is_in_time
        assert live_of(self.grant) == served_by

    @rule(which=WHICH, is_dated_anew=st.booleans())
    def capture_again(self, which: int, *, is_dated_anew: bool) -> None:
        """A repeated or late message with a token that came before changes nothing at all."""
        if not self.truth:
            return
        name = self.named(which)
        time = self.now if is_dated_anew else self.truth[name].time

        again = lifecycle.admit(self.grant, token(name, time), self.now)

        assert again == self.grant

    @rule(which=WHICH)
    def google_ends_one(self, which: int) -> None:
        if self.truth:
            self.truth[self.named(which)].alive = False

    @rule(what=st.sampled_from(RARE), age=st.integers(0, 3))
    def something_rare_happens(self, what: str, age: int) -> None:
        """One of the events that end more than one token, or none."""
        match what:
            case "restricted" | "allowed":
                self.is_restricted = what == "restricted"
            case "forget":
                self.forget(age)
            case "begin_revoking":
                self.begin_revoking()
            case "revoke":
                self.google_revokes()
            case "revoke_project":
                self.google_revokes_the_project()
            case "restore":
                self.a_backup_is_restored()
            case "recheck":
                self.an_operator_rechecks()

    @rule(passes=st.integers(0, 2), scopes=SCOPES)
    def a_user_signs_in_and_works(self, passes: int, scopes: frozenset[str]) -> None:
        """The usual day: a capture of a good token, and a backend that reads."""
        self.capture(passes, 0, scopes, "ours")
        self.refresh()

    @rule()
    def refresh(self) -> None:
        """A reader wants a token: what is in order is tried until it has one, or none is left."""
        if self.state() not in (State.ACTIVE, State.UNVERIFIED):
            return
        before, served_by = self.grant, live_of(self.grant)
        rounds = 0
        while self.state() is State.UNVERIFIED or rounds == 0:
            rounds += 1
            assert rounds < 8
            self.attempt()

        if self.is_restricted:
            assert self.state() is not State.ACTIVE
            return
        if self.state() is State.ACTIVE:
            assert live_of(self.grant) in self.alive()
        else:
            assert not self.alive() - self.judged
        if before.state is State.ACTIVE and served_by in self.alive():
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
            self.judged.add(name)
            self.change(lifecycle.refuse(self.grant, one.mark, "admin_policy", self.now))
        else:
            truth.is_proven = True
            scopes = tuple(sorted(truth.scopes))
            self.change(lifecycle.prove(self.grant, one.mark, scopes, self.now))
            self.check_that_only_the_least_gives_way()
            if live_of(self.grant) == name:
                self.change(lifecycle.keep_access(self.grant, access(), self.now))

    def check_that_only_the_least_gives_way(self) -> None:
        """Beside the live token one other proven one is kept.

        It is one that the live token has not outdone, being as late and as wide, or if there is
        none, or more than one, the one that carries most.
        """
        for name in self.alive() - names(self.grant):
            spare, gone = self.grant.spare, self.truth[name]
            assert gone.is_proven
            assert spare is not None
            kept = self.truth[spare.sealed.decode()]
            outdone = self.is_outdone(gone)
            assert outdone >= self.is_outdone(kept)
            assert outdone != self.is_outdone(kept) or len(kept.scopes) >= len(gone.scopes)
            self.accepted.discard(name)

    def is_outdone(self, other: Truth) -> bool:
        live = self.truth[str(live_of(self.grant))]
        return live.time >= other.time and live.scopes >= other.scopes

    def forget(self, age: int) -> None:
        """A message tells, perhaps late, that the user left at some time."""
        at = self.now - age
        held = names(self.grant)
        self.change(endings.forget(self.grant, at, self.now))

        self.forgotten_at = max(self.forgotten_at, at)
        if self.grant.state is State.REVOKING:
            # Google has yet to take the revocation, which needs a token; then it is forgotten.
            assert names(self.grant) == held
            self.is_to_be_forgotten = True
            return
        self.accepted = {n for n in self.accepted if self.truth[n].time > at}
        if not self.grant.tokens:
            assert self.grant.state is State.FORGOTTEN
            assert not self.grant.subject

    def begin_revoking(self) -> None:
        if self.grant.state is not State.FORGOTTEN:
            self.change(endings.begin_revoking(self.grant, self.now))

    def google_revokes(self) -> None:
        """Google ends all there is; what comes afterwards, in that second even, may live."""
        if self.grant.state is not State.REVOKING:
            return
        self.end_all(lambda grant: endings.revoke(grant, self.now, self.now))
        ended = State.FORGOTTEN if self.is_to_be_forgotten else State.REVOKED
        assert self.grant.state in (ended, State.UNVERIFIED, State.BLOCKED)
        self.is_to_be_forgotten = False

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

    def a_backup_is_restored(self) -> None:
        held = names(self.grant)
        self.change(endings.doubt(self.grant, self.now))

        assert names(self.grant) == held
        assert self.grant.state is not State.ACTIVE
        assert not self.grant.access

    def an_operator_rechecks(self) -> None:
        self.change(endings.reconsider(self.grant, self.now))
        self.judged.clear()
        assert self.grant.state is not State.BLOCKED

    # What always holds

    @invariant()
    def nothing_shut_out_is_held(self) -> None:
        assert names(self.grant) <= self.accepted
        for one in self.grant.tokens:
            assert one.time >= self.revoked_at
            assert one.time > self.forgotten_at or self.is_to_be_forgotten

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
TestGrants.settings = settings(max_examples=400, stateful_step_count=30, deadline=None)
