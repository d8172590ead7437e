"""A refresh held at Google while the grant changes: what comes late never overwrites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.errors import Code
from bridge.model import Grant, State
from bridge.services import Services, build
from bridge.tokens.wire import TokenAnswer, TokenRequest
from bridge.vault import endings
from tests.kit import CALENDAR, DRIVE, HOUR, TENANT, World
from tests.tokens.support import (
    BOTH,
    ONLY_CALENDAR,
    Later,
    calls,
    capture,
    held,
    is_live,
    mark_of,
    proven,
    refusal,
    under_way,
)

TIMES = pytest.mark.parametrize("turn", range(30))
TERM_IS_OVER_S = 4


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> str:
    return f"u-{request.node.name}"


@pytest.fixture(scope="module")
def other(shared_world: World) -> Iterator[Services]:
    """Another process's services on the same store."""
    services = build(shared_world.settings, shared_world.clock)
    yield services
    services.close()


@pytest.fixture(autouse=True)
def _as_google_is(shared_world: World) -> Iterator[None]:
    yield
    shared_world.google.release_holds()
    shared_world.google.clear_faults()
    shared_world.google.configure(rotate_refresh_tokens=False)


def expired(bridge: World, subject: str) -> str:
    """Make a live grant whose access token is over; return its refresh token."""
    _, token = proven(bridge, subject)
    bridge.clock.advance(2 * HOUR)
    return token


def read_in_other(other: Services, bridge: World, subject: str) -> TokenAnswer:
    """Read in the other process once the first one's lease is over, as after a long pause."""
    bridge.clock.advance(TERM_IS_OVER_S)
    request = TokenRequest(tenant=TENANT, subject=subject, scopes=(CALENDAR,))
    return other.tokens.read(bridge.caller(), request)


@TIMES
def test_a_late_refresh_leaves_a_reconsent_in_place(
    shared_world: World, subject: str, turn: int
) -> None:
    """A capture during a refresh is not written over: it is compared, and takes over."""
    account, old = proven(shared_world, subject)
    shared_world.clock.advance(2 * HOUR)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    new = capture(shared_world, subject, account, BOTH)
    hold.release()

    assert reading.outcome().scope
    grant = shared_world.grant_of(subject)
    assert {t.mark for t in grant.tokens} == {mark_of(shared_world, t) for t in (old, new)}
    shared_world.clock.advance(2 * HOUR)
    shared_world.read(subject, CALENDAR)
    assert is_live(shared_world, shared_world.grant_of(subject), new)


@TIMES
def test_a_late_refresh_does_not_undo_a_revoke(
    shared_world: World, subject: str, turn: int
) -> None:
    """A grant revoked during a refresh stays revoked, without an access token."""
    expired(shared_world, subject)
    grant = shared_world.grant_of(subject)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.services.admin.revoke(shared_world.caller(), grant.id, dry_run=False)
    hold.release()

    assert refusal(reading.outcome).code is Code.REAUTH_REQUIRED
    after = shared_world.grant_of(subject)
    assert (after.state, after.access, after.tokens) == (State.REVOKED, (), ())


@TIMES
def test_a_late_refresh_does_not_bring_a_forgotten_grant_back(
    shared_world: World, subject: str, turn: int
) -> None:
    """A grant forgotten during a refresh stays forgotten, and its reader is told of no grant."""
    expired(shared_world, subject)
    grant = shared_world.grant_of(subject)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.services.admin.forget(shared_world.caller(), grant.id)
    hold.release()

    assert refusal(reading.outcome).code is Code.GRANT_MISSING
    assert shared_world.grants_of(subject) == []
    assert _remains(shared_world, grant).state is State.FORGOTTEN


@TIMES
def test_a_late_refresh_does_not_undo_a_death(
    shared_world: World, other: Services, subject: str, turn: int
) -> None:
    """A grant that another process found dead meanwhile stays dead."""
    expired(shared_world, subject)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.google.inject("token", "invalid_grant")
    assert refusal(lambda: read_in_other(other, shared_world, subject)).code is Code.REAUTH_REQUIRED
    hold.release()

    assert refusal(reading.outcome).code is Code.REAUTH_REQUIRED
    after = shared_world.grant_of(subject)
    assert (after.state, after.access) == (State.REAUTH_REQUIRED, ())


@TIMES
def test_a_late_refresh_does_not_overwrite_another_process_s(
    shared_world: World, other: Services, subject: str, turn: int
) -> None:
    """Where a lost lease lets two calls happen, one write does; both readers get its token."""
    expired(shared_world, subject)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    winner = read_in_other(other, shared_world, subject)
    hold.release()

    assert reading.outcome().access_token == winner.access_token
    assert [a.token for a in shared_world.grant_of(subject).access] == [winner.access_token]


@TIMES
def test_a_late_invalid_grant_does_not_kill_what_another_process_refreshed(
    shared_world: World, other: Services, subject: str, turn: int
) -> None:
    """An `invalid_grant` that arrives after another process's success changes nothing."""
    token = expired(shared_world, subject)
    shared_world.google.inject("token", "invalid_grant")
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    winner = read_in_other(other, shared_world, subject)
    hold.release()

    assert reading.outcome().access_token == winner.access_token
    assert is_live(shared_world, shared_world.grant_of(subject), token)


@TIMES
def test_an_invalid_grant_does_not_kill_a_grant_with_a_new_candidate(
    shared_world: World, subject: str, turn: int
) -> None:
    """A capture that comes while the live token is dying serves the very reader that waits."""
    account, _ = proven(shared_world, subject)
    shared_world.clock.advance(2 * HOUR)
    shared_world.google.inject("token", "invalid_grant")
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    new = capture(shared_world, subject, account, ONLY_CALENDAR)
    hold.release()

    assert reading.outcome().scope
    assert is_live(shared_world, shared_world.grant_of(subject), new)


def test_a_proof_of_a_candidate_forgotten_meanwhile_counts_for_nothing(
    shared_world: World, subject: str
) -> None:
    """A token dropped while its first refresh runs is not brought back; the next one serves."""
    account = shared_world.account()
    now = shared_world.clock.now()
    old = capture(shared_world, subject, account, BOTH, iat=now - 60)
    new = capture(shared_world, subject, account, BOTH, iat=now - 5)
    hold = held(shared_world, refresh_token=old)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    [found] = shared_world.services.grants.find(TENANT, subject)
    at = int(now - 30)
    shared_world.services.grants.update(found.ref, lambda g: endings.forget(g, at, int(now)))
    hold.release()

    assert reading.outcome().scope
    grant = shared_world.grant_of(subject)
    assert is_live(shared_world, grant, new)
    assert mark_of(shared_world, old) not in {t.mark for t in grant.tokens}


def test_a_rotated_token_that_comes_late_is_kept_as_a_candidate(
    shared_world: World, other: Services, subject: str
) -> None:
    """A new refresh token in an answer that came too late is not lost: the old one may be dead."""
    expired(shared_world, subject)
    shared_world.google.configure(rotate_refresh_tokens=True)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.google.inject("token", "internal_failure", times=3)
    assert refusal(lambda: read_in_other(other, shared_world, subject)).retry_after
    hold.release()
    reading.join()
    shared_world.clock.advance(60)

    assert shared_world.read(subject, DRIVE).scope
    assert shared_world.grant_of(subject).state is State.ACTIVE


def test_a_rotated_token_is_not_admitted_to_a_grant_forgotten_meanwhile(
    shared_world: World, subject: str
) -> None:
    """A forgotten grant gets no token back, not even a new one."""
    expired(shared_world, subject)
    grant = shared_world.grant_of(subject)
    shared_world.google.configure(rotate_refresh_tokens=True)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.services.admin.forget(shared_world.caller(), grant.id)
    shared_world.clock.advance(2)
    hold.release()

    assert refusal(reading.outcome).code is Code.GRANT_MISSING
    assert _remains(shared_world, grant).tokens == ()


def test_a_stale_reader_whose_token_ends_while_it_tries_waits_for_a_new_one(
    shared_world: World, subject: str
) -> None:
    """An early refresh that outlasts the old token does not hand the expired one out."""
    proven(shared_world, subject)
    shared_world.clock.advance(HOUR - 8)
    shared_world.google.inject("token", "internal_failure", times=None)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.clock.advance(9)
    hold.release()

    assert refusal(reading.outcome).code is Code.UPSTREAM_UNAVAILABLE


def test_a_stale_reader_of_a_grant_forgotten_meanwhile_gets_nothing(
    shared_world: World, subject: str
) -> None:
    """The old token is not handed out for a grant that is gone, and no need is noted of nobody."""
    proven(shared_world, subject)
    grant = shared_world.grant_of(subject)
    shared_world.clock.advance(HOUR - 100)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.services.admin.forget(shared_world.caller(), grant.id)
    hold.release()

    assert refusal(reading.outcome).code is Code.GRANT_MISSING
    assert shared_world.services.needs.of(TENANT, "") == []


def test_a_lease_that_was_lost_is_not_needed_to_write(shared_world: World, subject: str) -> None:
    """A refresh longer than its lease, which nobody took, is written all the same."""
    expired(shared_world, subject)
    before = calls(shared_world)
    hold = held(shared_world)
    reading = Later(lambda: shared_world.read(subject, CALENDAR))
    under_way(hold)
    shared_world.clock.advance(TERM_IS_OVER_S)
    hold.release()

    assert reading.outcome().access_token == shared_world.read(subject, CALENDAR).access_token
    assert calls(shared_world) - before == 1


def _remains(bridge: World, grant: Grant) -> Grant:
    """Return what is left of a grant that no caller sees any more."""
    [kept] = [
        found.record for found in bridge.services.grants.everywhere() if found.record.id == grant.id
    ]
    return kept
