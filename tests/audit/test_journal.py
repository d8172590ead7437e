"""The journal as a pure function: which acts lie between a grant before and after."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.audit.act import HOOK, Act, ActType, Cause
from bridge.audit.journal import told
from bridge.model import (
    PROVEN,
    AccessToken,
    Account,
    Failure,
    Grant,
    RefreshToken,
    Source,
    State,
)
from bridge.secret import Secret, fingerprint
from bridge.vault import endings, lifecycle

NOW = 1_000_000
BY_HOOK = Cause(HOOK)
BY_PROOF = Cause(reason=PROVEN)
ID = "g_" + "p" * 16 + "l" * 16


def refresh_token(
    name: str = "t1", time: int = 10, source: Source = Source.CAPTURE
) -> RefreshToken:
    mark = name.encode().ljust(16, b".")
    return RefreshToken(
        sealed=b"sealed", mark=mark, risc_prefix=b"", risc_sha512=b"", time=time, source=source
    )


def access_token(name: str, scopes: tuple[str, ...] | None = None) -> AccessToken:
    return AccessToken(
        token=Secret(f"ya29.{name}"), scopes=scopes, issued_at=NOW, expires_at=NOW + 3600
    )


def fresh() -> Grant:
    return Grant(
        id=ID, tenant="acme", subject="u1", account=Account(sub="a1"), client_id="c1", created_at=1
    )


def captured(*tokens: RefreshToken) -> Grant:
    grant = fresh()
    for token in tokens or (refresh_token(),):
        grant = lifecycle.admit(grant, token, NOW)
    return grant


def refreshed(grant: Grant, token: RefreshToken | None = None, name: str = "at1") -> Grant:
    mark = (token or refresh_token()).mark
    proven = lifecycle.prove(grant, mark, ("calendar",), NOW)
    return lifecycle.keep_access(proven, access_token(name), NOW)


def active() -> Grant:
    return refreshed(captured())


def dead(grant: Grant | None = None) -> Grant:
    return lifecycle.fall(grant or active(), refresh_token().mark, "unknown", NOW)


def types(before: Grant | None, after: Grant, cause: Cause = BY_HOOK) -> list[ActType]:
    return [act.type for act in told(before, after, cause)]


def test_a_login_without_a_token_is_seen_once() -> None:
    """Writing a `missing` grant tells of the login; a change of its labels tells nothing."""
    missing = replace(fresh(), began_missing=True)
    (act,) = told(None, missing, BY_HOOK)
    assert (act.type, act.before, act.after) == (ActType.LOGIN_SEEN, None, "missing")
    labelled = replace(missing, account=Account(sub="a1", email="a@example.com"))
    assert told(missing, labelled, BY_HOOK) == ()


def test_a_capture_tells_whose_it_is_and_its_token_s_mark() -> None:
    """A first capture is one act, with its cause, its whose, and a name of the token."""
    (act,) = told(None, captured(), Cause(HOOK, "why"))
    assert act == Act(
        type=ActType.CAPTURED,
        tenant="acme",
        cause=Cause(HOOK, "why"),
        subject="u1",
        account="a1",
        client="c1",
        grant=ID,
        before=None,
        after="unverified",
        tokens=("rt_" + refresh_token().mark.hex()[:16],),
        details=(("source", "capture"),),
    )


def test_a_token_that_was_seen_before_tells_nothing() -> None:
    """A repetition of a capture changes nothing, and so tells nothing."""
    grant = captured()
    assert told(grant, lifecycle.admit(grant, refresh_token(), NOW + 1), BY_HOOK) == ()


def test_a_token_that_is_kept_out_is_no_capture() -> None:
    """A token from before a revocation is only remembered."""
    revoked = replace(fresh(), state=State.REVOKED, revoked_at=100)
    after = lifecycle.admit(revoked, refresh_token(time=50), NOW)
    assert after != revoked
    assert types(revoked, after) == []


def test_a_first_refresh_is_no_recovery() -> None:
    """A grant that was captured at its first login serves; it had never failed anybody."""
    (act,) = told(captured(), active(), BY_PROOF)
    assert (act.type, act.before, act.after) == (
        ActType.REFRESH_SUCCEEDED,
        "unverified",
        "active",
    )
    assert act.tokens[1] == fingerprint("ya29.at1")
    assert act.cause == Cause()


@pytest.mark.parametrize("lost", [dead(), lifecycle.refuse(active(), refresh_token().mark, "x", 1)])
def test_a_grant_that_serves_again_has_recovered(lost: Grant) -> None:
    """After a death, or a block, the refresh that proves a new token tells of the recovery."""
    again = lifecycle.admit(lost, refresh_token("t2", 20), NOW)
    after = refreshed(again, refresh_token("t2"), "at2")
    assert types(again, after, BY_PROOF)[-2:] == [ActType.REFRESH_SUCCEEDED, ActType.RECOVERED]


def test_a_user_who_began_without_a_token_has_recovered() -> None:
    """The first refresh of a grant whose first login brought no token is a recovery."""
    before = replace(captured(), began_missing=True)
    assert types(before, refreshed(before), BY_PROOF) == [
        ActType.REFRESH_SUCCEEDED,
        ActType.RECOVERED,
    ]


def test_every_access_token_is_a_refresh_of_its_own() -> None:
    """A second scope set's token, or a new one in place of the old, each tell of one refresh."""
    before = active()
    narrow = lifecycle.keep_access(before, access_token("narrow", ("calendar",)), NOW)
    assert types(before, narrow, BY_PROOF) == [ActType.REFRESH_SUCCEEDED]
    renewed = lifecycle.keep_access(narrow, access_token("renewed"), NOW)
    assert types(narrow, renewed, BY_PROOF) == [ActType.REFRESH_SUCCEEDED]


def test_a_death_tells_of_the_token_and_of_the_grant() -> None:
    """A token that fell is told with its diagnosis, and that its grant needs the user."""
    acts = told(active(), dead(), Cause(reason="testing_mode"))
    assert [(act.type, act.cause.reason) for act in acts] == [
        (ActType.REVOKED_DETECTED, "testing_mode"),
        (ActType.REAUTH_REQUIRED_SET, "unknown"),
    ]
    assert {(act.before, act.after) for act in acts} == {("active", "reauth_required")}


def test_a_token_that_falls_with_another_left_is_told_alone() -> None:
    """The grant goes on with the other one; nobody need consent."""
    before = lifecycle.admit(active(), refresh_token("t2", 20), NOW)
    after = lifecycle.fall(before, refresh_token("t2").mark, "unknown", NOW)
    assert types(before, after) == [ActType.REVOKED_DETECTED]


def test_a_token_of_another_account_is_no_revocation() -> None:
    """What Google signed for somebody else is expelled, and told as a failed refresh."""
    before = lifecycle.admit(active(), refresh_token("t2", 20), NOW)
    after = lifecycle.fall(before, refresh_token("t2").mark, "wrong_account", NOW)
    (act,) = told(before, after, Cause(reason="wrong_account"))
    assert (act.type, act.cause.reason) == (ActType.REFRESH_FAILED, "wrong_account")


def test_a_token_that_a_better_one_replaces_has_not_fallen() -> None:
    """Of two spares the worse is dropped at a proof, with or without a fresh access token."""
    before = replace(
        active(),
        spare=replace(refresh_token("old", 1), scopes=()),
        candidates=(refresh_token("new", 20),),
    )
    after = lifecycle.prove(before, refresh_token("new").mark, (), NOW)
    assert len(after.tokens) < len(before.tokens)
    assert ActType.REVOKED_DETECTED not in types(before, after, BY_PROOF)


def test_a_refused_token_tells_its_verdict_and_the_block() -> None:
    """Google's refusal by policy is told as such, and that the grant is blocked by it."""
    after = lifecycle.refuse(active(), refresh_token().mark, "admin_policy_enforced", NOW)
    acts = told(active(), after, Cause())
    assert [(act.type, act.cause.reason) for act in acts] == [
        (ActType.REFRESH_FAILED, "admin_policy_enforced"),
        (ActType.BLOCKED_SET, "admin_policy_enforced"),
    ]
    again = endings.reconsider(after, NOW)
    assert types(after, again)[0] is ActType.RECHECKED


def test_a_failure_is_told_once() -> None:
    """A failed refresh is told when it is first shared, not when the grant changes otherwise."""
    failure = Failure(
        code="upstream_unavailable",
        public="…",
        reason="timeout",
        retry_after=5,
        scopes=None,
        epoch=1,
        until=NOW + 5,
    )
    after = lifecycle.share_failure(active(), failure)
    (act,) = told(active(), after, Cause())
    assert (act.type, act.cause.reason) == (ActType.REFRESH_FAILED, "timeout")
    assert told(after, replace(after, fence=9), Cause()) == ()


def test_a_forgotten_grant_is_told_with_whose_it_was() -> None:
    """The act names the subject and account that the record itself no longer has."""
    forgotten = endings.forget_now(active(), NOW)
    (act,) = told(active(), forgotten, Cause("ops"))
    assert (act.type, act.subject, act.account) == (ActType.FORGOTTEN, "u1", "a1")
    assert (act.before, act.after, act.cause.actor) == ("active", "forgotten", "ops")
    assert told(forgotten, endings.forget(forgotten, NOW + 9, NOW + 9), Cause("ops")) == ()


def test_a_forgetting_that_spares_a_later_token_is_told() -> None:
    """A late message that forgets the old token alone is an act too, and the old one no death."""
    before = lifecycle.admit(active(), refresh_token("t2", 500), NOW)
    after = endings.forget(before, 100, NOW)
    assert types(before, after) == [ActType.FORGOTTEN]


def test_a_revocation_is_told_as_it_begins_and_as_it_is_done() -> None:
    """Two acts, by their own causes; a forgetting in between is told when it is asked for."""
    revoking = endings.begin_revoking(active(), NOW)
    assert types(active(), revoking) == [ActType.REVOKING]
    assert types(revoking, endings.revoke(revoking, NOW, NOW)) == [ActType.REVOKED]
    forgotten = endings.forget_now(revoking, NOW)
    assert types(revoking, forgotten) == [ActType.FORGOTTEN]
    done = endings.revoke(forgotten, NOW, NOW)
    (act,) = told(forgotten, done, Cause())
    assert (act.type, act.before, act.after) == (ActType.REVOKED, "revoking", "forgotten")


def test_a_sibling_of_a_revoked_grant_needs_the_user() -> None:
    """What dies with another grant of the project is told with that reason."""
    after = endings.revoke_with_project(active(), NOW, NOW)
    acts = told(active(), after, Cause("ops", "project_revoked"))
    assert [act.type for act in acts] == [ActType.REVOKED_DETECTED, ActType.REAUTH_REQUIRED_SET]
    assert {act.cause.reason for act in acts} == {"project_revoked"}


def test_a_doubted_grant_is_told() -> None:
    """After a restore a grant must prove itself; that it does then is a recovery."""
    doubted = endings.doubt(active(), NOW)
    assert types(active(), doubted) == [ActType.DOUBTED]
    assert types(doubted, refreshed(doubted, name="at2"), BY_PROOF) == [
        ActType.REFRESH_SUCCEEDED,
        ActType.RECOVERED,
    ]


def test_a_consent_that_needs_no_refresh_is_told() -> None:
    """A token that came with a consent may serve without a refresh; the move is told."""
    after = lifecycle.prove(captured(), refresh_token().mark, ("calendar",), NOW)
    assert types(captured(), after, BY_PROOF) == [ActType.PROVEN]


def test_sealing_anew_tells_nothing() -> None:
    """A rotation of keys rewrites a grant that stays the same."""
    assert told(active(), active(), Cause()) == ()


Step = Callable[[Grant, int], Grant]

_NAMES = st.sampled_from(["t1", "t2", "t3"])
_TIMES = st.integers(1, 60)
_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda name, time: lambda g, now: lifecycle.admit(g, refresh_token(name, time), now),
        _NAMES,
        _TIMES,
    ),
    st.builds(
        lambda name: lambda g, now: lifecycle.prove(g, refresh_token(name).mark, ("c",), now),
        _NAMES,
    ),
    st.builds(
        lambda name: lambda g, now: lifecycle.fall(g, refresh_token(name).mark, "unknown", now),
        _NAMES,
    ),
    st.builds(
        lambda name: lambda g, now: lifecycle.refuse(g, refresh_token(name).mark, "policy", now),
        _NAMES,
    ),
    st.builds(lambda at: lambda g, now: endings.forget(g, at, now), _TIMES),
    st.builds(lambda at: lambda g, now: endings.revoke(g, at, now), _TIMES),
    st.builds(lambda at: lambda g, now: endings.revoke_with_project(g, at, now), _TIMES),
    st.just(endings.begin_revoking),
    st.just(endings.doubt),
    st.just(endings.reconsider),
)


@given(st.lists(_STEPS, max_size=30))
@settings(max_examples=300)
def test_no_move_of_any_grant_goes_untold(steps: list[Step]) -> None:
    """Whatever happens in whatever order, a change of state is told, with what it was before."""
    before: Grant | None = None
    grant = captured()
    assert told(before, grant, BY_HOOK)
    for now, step in enumerate(steps, start=NOW):
        before, grant = grant, step(grant, now)
        acts = told(before, grant, BY_HOOK)
        assert bool(acts) >= (before.state is not grant.state)
        assert all((act.before, act.after) == (before.state, grant.state) for act in acts)
        assert before != grant or not acts
