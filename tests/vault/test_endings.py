"""How a grant ends, and what its ending keeps out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import Account, State
from bridge.vault import endings, lifecycle
from tests.vault.pieces import (
    CAL,
    DRIVE,
    NOW,
    admitted,
    blank,
    live_of,
    mark_of,
    names,
    served,
    token,
)

LATER = NOW + 10


def test_a_forgotten_grant_keeps_marks_and_time_and_nothing_of_its_user() -> None:
    """What shuts late messages out stays; subject, account, tokens and access tokens go."""
    after = endings.forget(served("t1"), LATER, LATER)

    assert after.state is State.FORGOTTEN
    assert after.forgotten_at == LATER
    assert mark_of("t1") in after.seen
    assert (after.subject, after.account, after.tokens, after.access) == (
        "",
        Account(sub=""),
        (),
        (),
    )


@pytest.mark.parametrize("time", [0, NOW, LATER])
def test_a_late_message_does_not_bring_a_forgotten_grant_back(time: int) -> None:
    """A token from up to the forgetting, or of unknown time, is only remembered."""
    grant = endings.forget(served("t1"), LATER, LATER)

    after = admitted(token("late", time), to=grant)

    assert after.state is State.FORGOTTEN
    assert after.tokens == ()
    assert mark_of("late") in after.seen


def test_a_consent_after_the_forgetting_counts() -> None:
    """A token from later makes the grant live again."""
    grant = endings.forget(served("t1"), LATER, LATER)

    assert admitted(token("new", LATER + 1), to=grant).state is State.UNVERIFIED


def test_a_late_wish_to_forget_spares_what_came_after_it() -> None:
    """A message that tells of an earlier leaving drops only what is from before."""
    grant = admitted(token("t2", LATER + 1), to=served("t1"))

    after = endings.forget(grant, LATER, LATER + 5)

    assert names(after) == {"t2"}
    assert after.state is State.UNVERIFIED
    assert after.subject == "u1"
    assert after.epoch > grant.epoch
    assert after.access == ()


def test_forgetting_twice_changes_nothing_more() -> None:
    """A repetition leaves the grant, and the day on which its rest goes, as they are."""
    grant = endings.forget(served("t1"), LATER, LATER)

    assert endings.forget(grant, LATER, LATER + 50) == grant
    assert endings.forget(grant, NOW, LATER + 50) == grant


def test_a_grant_that_is_being_revoked_serves_nothing_and_loses_nothing() -> None:
    """It is `revoking` with its tokens held, until Google has taken the revocation."""
    after = endings.begin_revoking(served("t1"), LATER)

    assert after.state is State.REVOKING
    assert names(after) == {"t1"}
    assert after.access == ()
    assert endings.begin_revoking(after, LATER + 1) == after


def test_a_capture_does_not_end_a_revocation() -> None:
    """A candidate waits; the grant stays `revoking`."""
    grant = endings.begin_revoking(served("t1"), LATER)

    after = admitted(token("t2", LATER + 1), to=grant)

    assert after.state is State.REVOKING
    assert names(after) == {"t1", "t2"}


def test_a_revocation_ends_all_from_before_and_lets_later_candidates_be_tried() -> None:
    """Google's time divides: what is from before it stays out for good."""
    grant = admitted(token("before", LATER - 1), token("after", LATER), to=served("t1"))
    grant = endings.begin_revoking(grant, LATER)

    revoked = endings.revoke(grant, LATER, LATER + 1)

    assert revoked.state is State.UNVERIFIED
    assert names(revoked) == {"after"}
    assert names(admitted(token("late", LATER - 1), to=revoked)) == {"after"}


def test_a_revoked_grant_stays_revoked_whatever_older_message_comes() -> None:
    """Neither a repeated nor an unseen token from before the revocation returns."""
    grant = endings.begin_revoking(served("t1"), LATER)
    revoked = endings.revoke(grant, LATER, LATER)

    for late in (token("t1", LATER + 9), token("unseen", LATER - 1), token("undated", 0)):
        revoked = admitted(late, to=revoked)

    assert revoked.state is State.REVOKED
    assert revoked.tokens == ()


def test_the_later_of_two_processes_that_revoke_does_not_end_a_new_consent() -> None:
    """A revocation is recorded once: what the user consented to since is left alone."""
    grant = endings.revoke(endings.begin_revoking(served("t1"), LATER), LATER, LATER)
    renewed = served("t2", time=LATER + 1, to=grant)

    assert endings.revoke(renewed, LATER + 5, LATER + 5) == renewed


def test_a_sibling_s_revocation_ends_the_grant_with_its_reason() -> None:
    """Google's revocation is the project's: the grant needs the user again."""
    after = endings.revoke_with_project(served("t1"), LATER, LATER)

    assert (after.state, after.reason) == (State.REAUTH_REQUIRED, "project_revoked")
    assert after.tokens == ()
    assert after.revoked_at == LATER


def test_a_sibling_that_was_renewed_after_the_revocation_goes_on_serving() -> None:
    """A revocation that is recorded late does not cost a consent from after it."""
    renewed = served("t2", time=LATER + 1, to=served("t1"))

    after = endings.revoke_with_project(renewed, LATER, LATER + 5)

    assert (live_of(after), after.state) == ("t2", State.ACTIVE)
    assert names(after) == {"t2"}
    assert (after.access, after.epoch) == (renewed.access, renewed.epoch)


def test_a_sibling_without_tokens_is_left_as_it_is() -> None:
    """What has nothing that could be revoked changes nothing."""
    assert endings.revoke_with_project(blank(), LATER, LATER) == blank()


def test_a_doubted_grant_serves_nothing_until_a_token_proves_itself() -> None:
    """After a restore every token is a candidate, and no access token is left."""
    grant = admitted(token("t2", NOW + 1), to=served("t1"))
    grant = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    after = endings.doubt(grant, LATER)

    assert after.state is State.UNVERIFIED
    assert names(after) == {"t1", "t2"}
    assert after.live is None
    assert after.access == ()
    assert after.epoch > grant.epoch
    assert endings.doubt(after, LATER + 1) == after


def test_a_doubt_costs_no_scope() -> None:
    """The wider of the restored tokens serves again, though the narrower one is newer."""
    grant = admitted(token("narrow", NOW + 1), to=served("wide", CAL, DRIVE))
    grant = lifecycle.prove(grant, mark_of("narrow"), (CAL,), NOW)

    grant = endings.doubt(grant, LATER)
    scopes = {"narrow": (CAL,), "wide": (CAL, DRIVE)}
    for one in lifecycle.order_of_trial(grant):
        grant = lifecycle.prove(grant, one.mark, scopes[one.sealed.decode()], LATER)

    assert live_of(grant) == "wide"


def test_a_doubt_does_not_stop_a_revocation() -> None:
    """A grant that was being revoked in the backup goes on being revoked."""
    grant = endings.begin_revoking(served("t1"), LATER)

    assert endings.doubt(grant, LATER) == grant


def test_a_recheck_gives_refused_tokens_another_chance() -> None:
    """`blocked` becomes `unverified` or `active` again when the verdicts are lifted."""
    blocked = lifecycle.refuse(served("t1"), mark_of("t1"), "admin_policy", NOW)
    foreign = lifecycle.refuse(admitted(token("t2")), mark_of("t2"), "wrong_client", NOW)

    assert endings.reconsider(blocked, LATER).state is State.ACTIVE
    assert endings.reconsider(foreign, LATER).state is State.UNVERIFIED


def test_a_recheck_of_a_grant_that_is_not_blocked_changes_nothing() -> None:
    """Where Google refuses nothing there is nothing to lift."""
    dead = replace(blank(), state=State.REAUTH_REQUIRED, reason="unknown")

    for grant in (served("t1"), dead):
        assert endings.reconsider(grant, LATER) == grant


def test_a_grant_is_forgotten_only_once_its_revocation_is_taken() -> None:
    """Forgetting under a revocation keeps the token that Google must still be shown, then goes."""
    revoking = endings.begin_revoking(served("t1"), NOW)

    waiting = endings.forget(revoking, LATER, LATER)
    after = endings.revoke(waiting, LATER, LATER)

    assert waiting.state is State.REVOKING
    assert names(waiting) == {"t1"}
    assert after.state is State.FORGOTTEN
    assert after.subject == ""
    assert admitted(token("late", LATER), to=after).tokens == ()
