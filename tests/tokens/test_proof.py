"""What a first refresh must prove, and that nothing unproven displaces what serves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.errors import Code
from bridge.model import State
from bridge.sandbox.canned import CannedAnswer
from tests.kit import CALENDAR, DRIVE, HOUR, MAIL, World
from tests.tokens.support import (
    BOTH,
    ONLY_CALENDAR,
    calls,
    capture,
    is_live,
    mark_of,
    proven,
    refusal,
    told,
)

DATA_ONLY = f"{CALENDAR} {DRIVE}"  # without `openid` no ID token comes with a refresh
FORGED = "1//0forged-refresh-token-that-google-never-issued"


def refreshed(bridge: World, subject: str, *scopes: str) -> None:
    """Let the access token end, and read."""
    bridge.clock.advance(2 * HOUR)
    bridge.read(subject, *(scopes or (CALENDAR,)))


def tokeninfos(bridge: World) -> int:
    return bridge.google.stats().endpoints.get("tokeninfo", 0)


@pytest.mark.parametrize("scopes", [BOTH, DATA_ONLY], ids=["openid", "data only"])
def test_a_foreign_token_never_displaces_the_live_one(bridge_world: World, scopes: str) -> None:
    """Another account's refresh token, claimed for this one, is found out and dropped."""
    account, live = proven(bridge_world, "u1", scopes)
    stranger = bridge_world.account()
    foreign = bridge_world.google.mint_refresh_token(stranger, bridge_world.client, scopes)
    told(bridge_world, "u1", account, refresh_token=foreign)

    refreshed(bridge_world, "u1")

    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, live)
    assert mark_of(bridge_world, foreign) not in {t.mark for t in grant.tokens}
    assert grant.account.sub == account.sub


@pytest.mark.parametrize("scopes", [BOTH, DATA_ONLY], ids=["openid", "data only"])
def test_a_foreign_token_is_never_served_from(bridge_world: World, scopes: str) -> None:
    """A grant whose only token is another account's serves nothing."""
    account, stranger = bridge_world.account(), bridge_world.account()
    foreign = bridge_world.google.mint_refresh_token(stranger, bridge_world.client, scopes)
    told(bridge_world, "u1", account, refresh_token=foreign)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert (error.code, error.reason) == (Code.REAUTH_REQUIRED, "wrong_account")
    assert bridge_world.grant_of("u1").access == ()


def test_a_forged_token_never_displaces_the_live_one(bridge_world: World) -> None:
    """A made-up refresh token is dropped at its first refresh; the same read is served."""
    account, live = proven(bridge_world, "u1")
    told(bridge_world, "u1", account, refresh_token=FORGED)

    refreshed(bridge_world, "u1")

    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, live)
    assert len(grant.tokens) == 1


def test_another_clients_token_never_displaces_the_live_one(bridge_world: World) -> None:
    """A token of another Google client is set aside, kept, and not tried again."""
    account, live = proven(bridge_world, "u1")
    token = bridge_world.google.mint_refresh_token(account, bridge_world.data_client, BOTH)
    told(bridge_world, "u1", account, refresh_token=token)
    refreshed(bridge_world, "u1")
    before = calls(bridge_world)

    refreshed(bridge_world, "u1")

    assert calls(bridge_world) - before == 1
    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, live)
    assert [c.verdict for c in grant.candidates] == ["wrong_client"]


def test_a_grant_with_another_clients_token_alone_is_blocked(bridge_world: World) -> None:
    """`wrong_client` blocks this grant; its client's circuit stays closed."""
    account = bridge_world.account()
    token = bridge_world.google.mint_refresh_token(account, bridge_world.data_client, BOTH)
    told(bridge_world, "u1", account, refresh_token=token)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert (error.code, error.reason) == (Code.BLOCKED, "wrong_client")
    proven(bridge_world, "u2")


def test_a_newer_but_narrower_token_never_costs_a_scope(bridge_world: World) -> None:
    """A newer token without Drive becomes the spare; Drive goes on being served."""
    account, live = proven(bridge_world, "u1")
    narrow = capture(bridge_world, "u1", account, ONLY_CALENDAR)

    refreshed(bridge_world, "u1", DRIVE)

    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, live)
    assert grant.spare is not None
    assert grant.spare.mark == mark_of(bridge_world, narrow)


def test_a_newer_token_of_other_scopes_never_costs_a_scope(bridge_world: World) -> None:
    """Neither wider nor narrower: what serves goes on serving all that it did."""
    account, live = proven(bridge_world, "u1")
    capture(bridge_world, "u1", account, f"{ONLY_CALENDAR} {MAIL}")

    refreshed(bridge_world, "u1", DRIVE)

    assert is_live(bridge_world, bridge_world.grant_of("u1"), live)


def test_a_newer_and_wider_token_takes_over(bridge_world: World) -> None:
    """A re-consent takes effect with the next refresh; the old token stays as the spare."""
    account, old = proven(bridge_world, "u1", ONLY_CALENDAR)
    new = capture(bridge_world, "u1", account, BOTH)

    refreshed(bridge_world, "u1", DRIVE)

    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, new)
    assert grant.spare is not None
    assert grant.spare.mark == mark_of(bridge_world, old)


def test_an_older_token_that_comes_late_is_tried_before_death_only(bridge_world: World) -> None:
    """A late message's older token is not used while the live one works, and saves its death."""
    account = bridge_world.account()
    now = bridge_world.clock.now()
    older = bridge_world.sign_in(account, BOTH, iat=now - 3000)
    live = capture(bridge_world, "u1", account, BOTH, iat=now - 1000)
    bridge_world.read("u1", CALENDAR)
    bridge_world.login("u1", account, older)
    refreshed(bridge_world, "u1")
    assert is_live(bridge_world, bridge_world.grant_of("u1"), live)

    bridge_world.google.kill_refresh_tokens(account, refresh_token=live)
    refreshed(bridge_world, "u1")

    assert older.refresh_token is not None
    assert is_live(bridge_world, bridge_world.grant_of("u1"), older.refresh_token)


def test_the_spare_is_tried_before_a_grant_is_declared_dead(bridge_world: World) -> None:
    """The live token's death brings the spare in within the same read; then both are dead."""
    account, live = proven(bridge_world, "u1")
    spare = capture(bridge_world, "u1", account, ONLY_CALENDAR)
    refreshed(bridge_world, "u1")
    bridge_world.google.kill_refresh_tokens(account, refresh_token=live)

    refreshed(bridge_world, "u1")

    assert is_live(bridge_world, bridge_world.grant_of("u1"), spare)
    bridge_world.google.kill_refresh_tokens(account)
    bridge_world.clock.advance(2 * HOUR)
    error = refusal(lambda: bridge_world.read("u1", CALENDAR))
    assert error.code is Code.REAUTH_REQUIRED
    assert bridge_world.grant_of("u1").tokens == ()


def test_an_unproven_grant_that_gets_no_answer_is_not_served_nor_lost(bridge_world: World) -> None:
    """Without an answer of Google's a first capture stays unverified, and serves afterwards."""
    account = bridge_world.account()
    token = capture(bridge_world, "u1", account, BOTH)
    bridge_world.google.set_down("503")
    error = refusal(lambda: bridge_world.read("u1", CALENDAR))
    bridge_world.google.set_down(None)
    bridge_world.clock.advance(60)

    assert error.code is Code.UPSTREAM_UNAVAILABLE
    assert bridge_world.grant_of("u1").state is State.UNVERIFIED
    bridge_world.read("u1", CALENDAR)
    assert is_live(bridge_world, bridge_world.grant_of("u1"), token)


def without_scope(**more: Any) -> CannedAnswer:
    body = {"access_token": "ya29.n", "expires_in": 3599} | more
    return CannedAnswer(status=200, body=json.dumps(body))


def test_tokeninfo_tells_the_scopes_that_a_first_answer_leaves_out(bridge_world: World) -> None:
    """An answer without `scope` (RFC 6749 section 5.1) does not leave a grant without scopes."""
    account = bridge_world.account()
    token = capture(bridge_world, "u1", account, DATA_ONLY)
    served = bridge_world.google.tokens.refresh(bridge_world.client, token)
    answer = without_scope(access_token=served.access_token)
    bridge_world.google.inject("token", answer)

    assert set(bridge_world.read("u1", DRIVE).scope.split()) == {CALENDAR, DRIVE}
    assert tokeninfos(bridge_world) == 1


def test_tokeninfo_is_asked_once_and_only_for_what_is_unproven(bridge_world: World) -> None:
    """A token without an ID token is looked up at its first refresh; with one, never."""
    proven(bridge_world, "u1", BOTH)
    assert tokeninfos(bridge_world) == 0
    proven(bridge_world, "u2", DATA_ONLY)
    refreshed(bridge_world, "u2")

    assert tokeninfos(bridge_world) == 1


def test_a_proven_token_keeps_its_scopes_where_an_answer_leaves_them_out(
    bridge_world: World,
) -> None:
    """For the live token, no `scope` means what it is known for; nobody is asked."""
    proven(bridge_world, "u1", DATA_ONLY)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", without_scope())
    before = tokeninfos(bridge_world)

    assert set(bridge_world.read("u1", DRIVE).scope.split()) == {CALENDAR, DRIVE}
    assert tokeninfos(bridge_world) == before


def test_a_candidate_is_not_believed_while_tokeninfo_does_not_answer(bridge_world: World) -> None:
    """No answer is no proof: the live token serves, the candidate waits."""
    account, live = proven(bridge_world, "u1", DATA_ONLY)
    candidate = capture(bridge_world, "u1", account, f"{DATA_ONLY} {MAIL}")
    bridge_world.google.inject("tokeninfo", "html_503", times=None)

    refreshed(bridge_world, "u1")

    grant = bridge_world.grant_of("u1")
    assert is_live(bridge_world, grant, live)
    bridge_world.google.clear_faults()
    refreshed(bridge_world, "u1")
    assert is_live(bridge_world, bridge_world.grant_of("u1"), candidate)


def test_a_clock_that_is_off_ends_no_grant(bridge_world: World) -> None:
    """An ID token that looks expired or not yet valid says nothing against a live token."""
    _, live = proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    real = bridge_world.services.clock.now
    stale = bridge_world.google.identity.id_token(
        bridge_world.google.accounts.get(bridge_world.grant_of("u1").account.sub),
        _access(bridge_world, live),
        issued_at=real() - 3 * HOUR,
    )
    early = bridge_world.google.identity.id_token(
        bridge_world.google.accounts.get(bridge_world.grant_of("u1").account.sub),
        _access(bridge_world, live),
        issued_at=real() + HOUR,
    )
    for id_token in (stale, early, "not.an.id-token"):
        bridge_world.google.inject("token", without_scope(id_token=id_token, scope=BOTH))
        refreshed(bridge_world, "u1")
        assert is_live(bridge_world, bridge_world.grant_of("u1"), live)


def test_keys_that_cannot_be_had_end_no_grant(bridge_world: World) -> None:
    """While Google's signing keys cannot be fetched, a proven grant serves; labels can wait."""
    _, live = proven(bridge_world, "u1")
    bridge_world.restart()
    bridge_world.google.inject("certs", "html_503", times=None)

    refreshed(bridge_world, "u1")

    assert is_live(bridge_world, bridge_world.grant_of("u1"), live)


def test_a_candidate_is_proven_by_tokeninfo_while_keys_cannot_be_had(bridge_world: World) -> None:
    """Without keys an ID token proves nothing; tokeninfo tells account and client as well."""
    account = bridge_world.account()
    token = capture(bridge_world, "u1", account, BOTH)
    bridge_world.restart()
    bridge_world.google.inject("certs", "html_503", times=None)

    bridge_world.read("u1", CALENDAR)

    assert is_live(bridge_world, bridge_world.grant_of("u1"), token)
    assert tokeninfos(bridge_world) == 1


def test_labels_follow_google_and_the_account_does_not_change(bridge_world: World) -> None:
    """A renamed address shows after the next refresh; the `sub` stays."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.google.accounts.rename(account, "new@gmail.com")

    refreshed(bridge_world, "u1")

    label = bridge_world.grant_of("u1").account
    assert (label.sub, label.email) == (account.sub, "new@gmail.com")


def test_a_rotated_token_takes_over_with_all_scopes(bridge_world: World) -> None:
    """A refresh token that comes with a narrow refresh is not taken for a narrow one."""
    proven(bridge_world, "u1")
    bridge_world.google.configure(rotate_refresh_tokens=True)
    bridge_world.clock.advance(2 * HOUR)

    bridge_world.read("u1", CALENDAR, caller=bridge_world.caller(scopes=[CALENDAR]))
    refreshed(bridge_world, "u1", DRIVE)
    refreshed(bridge_world, "u1", DRIVE)

    assert {CALENDAR, DRIVE} <= set(bridge_world.grant_of("u1").granted)


def test_rotation_of_a_narrower_token_does_not_go_on_for_ever(bridge_world: World) -> None:
    """A spare that is rotated at every trial costs a few calls, and the live one serves on."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.google.configure(rotate_refresh_tokens=True)
    capture(bridge_world, "u1", account, ONLY_CALENDAR)

    for _ in range(3):
        before = calls(bridge_world)
        refreshed(bridge_world, "u1", DRIVE)
        assert calls(bridge_world) - before <= 3


def _access(bridge: World, token: str) -> Any:
    served = bridge.google.tokens.refresh(bridge.client, token)
    found = bridge.google.tokens.bearer(served.access_token)
    assert found is not None
    return found[0]
