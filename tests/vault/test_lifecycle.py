"""How refresh tokens come, prove themselves and fall: named cases of promise 1."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.model import Failure, Grant, Source, State
from bridge.vault import lifecycle
from tests.vault.pieces import (
    CAL,
    DRIVE,
    MAIL,
    NOW,
    access,
    admitted,
    blank,
    live_of,
    mark_of,
    names,
    served,
    spare_of,
    token,
)


def test_a_captured_token_serves_nothing_before_it_is_proven() -> None:
    """A first refresh token leaves the grant `unverified`, with no live token."""
    grant = admitted(token("t1"))

    assert grant.state is State.UNVERIFIED
    assert grant.live is None


def test_the_live_token_goes_on_serving_while_a_candidate_waits() -> None:
    """A capture changes neither what serves, nor the cached access token, nor the epoch."""
    before = served("t1")

    after = admitted(token("t2", NOW + 1), to=before)

    assert (after.live, after.access, after.epoch) == (before.live, before.access, before.epoch)
    assert names(after) == {"t1", "t2"}


def test_a_newer_token_with_the_same_scopes_takes_over_and_the_old_one_is_the_spare() -> None:
    """A proven re-consent serves; what it displaced is kept, and its access tokens are not."""
    grant = admitted(token("t2", NOW + 1), to=served("t1"))

    after = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    assert (live_of(after), spare_of(after)) == ("t2", "t1")
    assert after.access == ()
    assert after.epoch > grant.epoch


def test_a_newer_but_narrower_token_never_costs_the_grant_a_scope() -> None:
    """It becomes the spare, and the wider one goes on serving."""
    grant = admitted(token("t2", NOW + 1), to=served("t1", CAL, DRIVE))

    after = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    assert (live_of(after), spare_of(after)) == ("t1", "t2")
    assert after.granted == (CAL, DRIVE)
    assert after.epoch == grant.epoch


def test_a_newer_token_without_a_sign_in_scope_is_not_narrower() -> None:
    """Only scopes that open data count when two tokens are compared."""
    grant = admitted(token("t2", NOW + 1), to=served("t1", CAL, "openid"))

    after = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    assert live_of(after) == "t2"


def test_an_older_token_that_proves_itself_is_the_spare() -> None:
    """However wide, a token from before the live one does not displace it."""
    grant = admitted(token("t0", NOW - 1), to=served("t1"))

    after = lifecycle.prove(grant, mark_of("t0"), (CAL, DRIVE), NOW)

    assert (live_of(after), spare_of(after)) == ("t1", "t0")


def test_of_two_spares_the_wider_is_kept() -> None:
    """A second narrower token does not push a wider spare out."""
    grant = served("t1", CAL, DRIVE, MAIL)
    grant = admitted(token("t2", NOW + 1), token("t3", NOW + 2), to=grant)
    grant = lifecycle.prove(grant, mark_of("t2"), (CAL, DRIVE), NOW)

    after = lifecycle.prove(grant, mark_of("t3"), (CAL,), NOW)

    assert spare_of(after) == "t2"


def test_a_narrower_token_is_kept_though_an_outdone_one_is_wider() -> None:
    """Of a narrower one that just proved itself and an old wide spare, the old one goes.

    Google may have ended everything from before, and then the newest is all that the user has left.
    """
    grant = admitted(token("t2", NOW + 1), to=served("t1", CAL, DRIVE))
    grant = lifecycle.prove(grant, mark_of("t2"), (CAL, DRIVE), NOW)
    assert (live_of(grant), spare_of(grant)) == ("t2", "t1")
    grant = admitted(token("t3", NOW + 2), to=grant)

    grant = lifecycle.prove(grant, mark_of("t3"), (CAL,), NOW)

    after = lifecycle.fall(grant, mark_of("t2"), "unknown", NOW)
    assert (after.state, spare_of(after)) == (State.UNVERIFIED, "t3")


def test_the_spare_is_tried_before_the_grant_is_declared_dead() -> None:
    """When the live token dies the grant is `unverified` and the spare's turn has come."""
    grant = admitted(token("t2", NOW + 1), to=served("t1"))
    grant = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    after = lifecycle.fall(grant, mark_of("t2"), "unknown", NOW)

    assert after.state is State.UNVERIFIED
    assert [t.mark for t in lifecycle.order_of_trial(after)] == [mark_of("t1")]


def test_a_grant_is_dead_only_when_every_token_has_fallen() -> None:
    """The last token's fall makes it `reauth_required`, with the reason told."""
    grant = served("t1")

    after = lifecycle.fall(grant, mark_of("t1"), "testing_mode", NOW)

    assert (after.state, after.reason) == (State.REAUTH_REQUIRED, "testing_mode")
    assert after.access == ()


def test_a_token_seen_before_changes_nothing() -> None:
    """A repeated capture, with any time, gives the very same grant."""
    grant = lifecycle.fall(served("t1"), mark_of("t1"), "unknown", NOW)

    assert lifecycle.admit(grant, token("t1", NOW + 100), NOW + 100) == grant


def test_a_held_token_that_is_seen_no_more_does_not_compete_with_itself() -> None:
    """`seen` has an end; a token that is still held is known without it."""
    grant = replace(served("t1"), seen=())

    assert lifecycle.admit(grant, token("t1", NOW + 1), NOW) == grant


def test_what_is_remembered_of_tokens_has_an_end() -> None:
    """The newest marks are kept, and as many candidates as Google lets live."""
    grant = admitted(*(token(f"t{n}", NOW + n) for n in range(lifecycle.SEEN_KEPT + 10)))

    assert len(grant.seen) == lifecycle.SEEN_KEPT
    assert len(grant.candidates) == lifecycle.CANDIDATES_KEPT
    assert f"t{lifecycle.SEEN_KEPT + 9}" in names(grant)


def test_an_import_counts_as_no_consent() -> None:
    """Only what Google minted for a login counts towards its cap."""
    grant = admitted(token("t1"), token("t2", source=Source.IMPORT))

    assert grant.consents == 1


def test_candidates_have_their_turn_in_the_order_of_their_grants() -> None:
    """A wide token and a later narrow one, both unproven: the wide one ends up serving."""
    grant = admitted(token("wide", NOW), token("narrow", NOW + 1))
    assert [t.sealed for t in lifecycle.order_of_trial(grant)] == [b"wide", b"narrow"]

    grant = lifecycle.prove(grant, mark_of("wide"), (CAL, DRIVE), NOW)
    assert [t.sealed for t in lifecycle.contenders(grant)] == [b"narrow"]
    grant = lifecycle.prove(grant, mark_of("narrow"), (CAL,), NOW)

    assert live_of(grant) == "wide"


def test_older_candidates_come_last() -> None:
    """What is older than the live token has its turn after all that is proven."""
    grant = admitted(token("new", NOW + 1), token("old", NOW - 1), to=served("live"))

    order = [t.sealed for t in lifecycle.order_of_trial(grant)]

    assert order == [b"new", b"live", b"old"]


def test_a_forged_token_never_displaces_the_live_one() -> None:
    """A newer token that Google refuses as foreign is set aside, and the live one serves."""
    grant = admitted(token("forged", NOW + 5), to=served("t1"))

    refused = lifecycle.refuse(grant, mark_of("forged"), "wrong_client", NOW)
    fallen = lifecycle.fall(grant, mark_of("forged"), "wrong_account", NOW)

    for after in (refused, fallen):
        assert live_of(after) == "t1"
        assert after.state is State.ACTIVE
        assert after.epoch == grant.epoch


def test_only_a_foreign_token_blocks_the_grant() -> None:
    """A grant whose one token is another client's is `blocked` with that reason, and keeps it."""
    grant = lifecycle.refuse(admitted(token("t1")), mark_of("t1"), "wrong_client", NOW)

    assert (grant.state, grant.reason) == (State.BLOCKED, "wrong_client")
    assert names(grant) == {"t1"}
    assert lifecycle.order_of_trial(grant) == ()


def test_a_newer_proven_token_makes_a_blocked_grant_active() -> None:
    """Where the live one is refused, any proven one takes over, whatever its scopes."""
    grant = lifecycle.refuse(served("t1", CAL, DRIVE), mark_of("t1"), "admin_policy", NOW)
    grant = admitted(token("t2", NOW + 1), to=grant)

    after = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    assert (after.state, live_of(after), spare_of(after)) == (State.ACTIVE, "t2", "t1")


def test_a_proof_of_a_token_that_was_forgotten_meanwhile_brings_nothing_back() -> None:
    """A refresh that ends late finds its token gone and leaves the grant as it is."""
    grant = served("t1")

    assert lifecycle.prove(grant, mark_of("gone"), (CAL, DRIVE), NOW) == grant


def test_a_rotation_loses_no_token() -> None:
    """The rotated token serves, the old one is the spare, and the former spare is still held."""
    grant = admitted(token("t2", NOW + 1), to=served("t1"))
    grant = lifecycle.prove(grant, mark_of("t2"), (CAL,), NOW)

    rotated = replace(token("t3", NOW + 2, Source.ROTATION), scopes=(CAL,))
    after = lifecycle.rotate(grant, rotated, NOW)

    assert (live_of(after), spare_of(after)) == ("t3", "t2")
    assert names(after) == {"t1", "t2", "t3"}
    assert after.state is State.ACTIVE


def test_a_rotation_does_not_outrank_a_consent_given_meanwhile() -> None:
    """What came in while the old token was rotated is tried, and what was compared before is not.

    Tokens of a consent that is older than another one's must not be tried again at each rotation.
    """
    grant = lifecycle.prove(
        admitted(token("narrow", NOW + 1), to=served("t1", CAL, DRIVE)),
        mark_of("narrow"),
        (CAL,),
        NOW,
    )
    for name in ("t2", "t3"):
        rotated = replace(token(name, NOW, Source.ROTATION), scopes=(CAL, DRIVE))
        grant = lifecycle.rotate(grant, rotated, NOW)
        assert lifecycle.contenders(grant) == ()

    grant = admitted(token("new", NOW + 1), to=grant)

    assert [t.mark for t in lifecycle.contenders(grant)] == [mark_of("new")]
    after = lifecycle.prove(grant, mark_of("new"), (CAL, DRIVE), NOW)
    assert live_of(after) == "new"


def test_a_proof_that_shows_lost_scopes_drops_the_cached_tokens() -> None:
    """An access token for "all scopes" means those of its time."""
    grant = served("t1", CAL, DRIVE)

    after = lifecycle.prove(grant, mark_of("t1"), (CAL,), NOW)

    assert after.access == ()
    assert after.granted == (CAL,)


def test_one_access_token_is_kept_for_each_scope_set() -> None:
    """The newer replaces the older of its set; those that are over go; the number has an end."""
    grant = served("t1")
    for n in range(lifecycle.ACCESS_KEPT + 5):
        fresh = replace(access(f"a{n}", NOW + 100 + n), scopes=(f"s{n}",))
        grant = lifecycle.keep_access(grant, fresh, NOW)
    grant = lifecycle.keep_access(grant, access("again"), NOW)

    assert len(grant.access) == lifecycle.ACCESS_KEPT
    assert [a.token.reveal() for a in grant.access if a.scopes is None] == ["again"]
    after = lifecycle.keep_access(grant, access("later", NOW + 9000), NOW + 5000)
    assert [a.token.reveal() for a in after.access] == ["later"]


def test_dropping_an_access_token_leaves_the_others() -> None:
    """A token that Google rejects goes alone."""
    grant = served("t1")
    other = replace(access("other"), scopes=(CAL,))
    grant = lifecycle.keep_access(grant, other, NOW)

    after = lifecycle.drop_access(grant, grant.access[1])

    assert after.access == (other,)


def _failure(grant: Grant) -> Failure:
    return Failure(
        code="upstream_unavailable",
        public="Try again.",
        reason=None,
        retry_after=3,
        scopes=None,
        epoch=grant.epoch,
        until=NOW + 3,
    )


def test_a_shared_failure_ends_with_a_success_or_another_serving_token() -> None:
    """What was shared for one state of the grant is not told of the next."""
    grant = lifecycle.share_failure(served("t1"), _failure(served("t1")))

    assert lifecycle.keep_access(grant, access("fresh"), NOW).failure is None
    assert lifecycle.fall(grant, mark_of("t1"), "unknown", NOW).failure is None
    assert admitted(token("t2", NOW + 1), to=grant).failure is not None


@pytest.mark.parametrize("state", [State.REAUTH_REQUIRED, State.REVOKED, State.MISSING])
def test_a_capture_revives_whatever_has_ended(state: State) -> None:
    """From any state without tokens a new one makes the grant `unverified`, then `active`."""
    grant = admitted(token("t1"), to=replace(blank(), state=state, reason="old"))

    assert (grant.state, grant.reason) == (State.UNVERIFIED, None)
    after = lifecycle.prove(grant, mark_of("t1"), (CAL,), NOW)
    assert (after.state, after.reason) == (State.ACTIVE, None)
