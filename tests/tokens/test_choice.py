"""Which grant a request means."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bridge.errors import Code
from bridge.model import State
from bridge.sandbox.records import Account
from bridge.tokens.wire import TokenAnswer, TokenRequest
from tests.kit import CALENDAR, DRIVE, HOUR, OTHER, TENANT, World
from tests.tokens.support import BOTH, ONLY_CALENDAR, capture, refusal


def connect(bridge: World, scopes: str = BOTH) -> Account:
    """Connect one more account to the subject, and prove it."""
    account = bridge.account()
    capture(bridge, "u1", account, scopes)
    bridge.read("u1", scopes.rsplit(maxsplit=1)[-1], account=account.sub)
    return account


def pinned(bridge: World, grant: str, **more: Any) -> TokenAnswer:
    request = TokenRequest(grant=grant, scopes=(CALENDAR,), **more)
    return bridge.services.tokens.read(bridge.caller(), request)


def test_several_accounts_are_ambiguous_until_one_is_named(bridge_world: World) -> None:
    """The bridge never picks between accounts: `account` or `grant` must."""
    first, second = connect(bridge_world), connect(bridge_world)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))
    named = bridge_world.read("u1", CALENDAR, account=second.sub)

    assert (error.code, error.field) == (Code.ACCOUNT_AMBIGUOUS, "account")
    assert named.account.sub == second.sub
    [of_first] = [g for g in bridge_world.grants_of("u1") if g.account.sub == first.sub]
    assert pinned(bridge_world, of_first.id).account.sub == first.sub


def test_an_account_that_cannot_serve_makes_nothing_ambiguous(bridge_world: World) -> None:
    """Of two accounts, the one that lost its grant or lacks the scope does not compete."""
    whole, narrow = connect(bridge_world), connect(bridge_world, ONLY_CALENDAR)

    assert bridge_world.read("u1", DRIVE).account.sub == whole.sub
    bridge_world.google.kill_refresh_tokens(whole)
    bridge_world.clock.advance(2 * HOUR)
    refusal(lambda: bridge_world.read("u1", DRIVE, account=whole.sub))
    assert bridge_world.read("u1", CALENDAR).account.sub == narrow.sub


def test_another_accounts_new_capture_does_not_disturb_who_is_served(bridge_world: World) -> None:
    """A candidate of an account that lacks the scope does not make a working read ambiguous."""
    whole, narrow = connect(bridge_world), connect(bridge_world, ONLY_CALENDAR)
    capture(bridge_world, "u1", narrow, BOTH)

    assert bridge_world.read("u1", DRIVE).account.sub == whole.sub


def test_of_two_clients_grants_the_one_that_suffices_serves(bridge_world: World) -> None:
    """One account, two Google clients: whichever grant holds the scopes is taken."""
    account = bridge_world.account()
    capture(bridge_world, "u1", account, ONLY_CALENDAR)
    capture(bridge_world, "u1", account, DRIVE, client=bridge_world.data_client)
    clients = {g.client_id: g.id for g in bridge_world.grants_of("u1")}

    calendar = bridge_world.read("u1", CALENDAR)
    drive = bridge_world.read("u1", DRIVE)

    assert calendar.grant == clients[bridge_world.client.client_id]
    assert drive.grant == clients[bridge_world.data_client.client_id]


def test_of_two_clients_grants_that_suffice_it_is_always_the_same(bridge_world: World) -> None:
    """Two grants of one account that both hold the scope are not taken in turns."""
    account = bridge_world.account()
    capture(bridge_world, "u1", account, BOTH)
    capture(bridge_world, "u1", account, BOTH, client=bridge_world.data_client)
    for client in (bridge_world.client, bridge_world.data_client):
        bridge_world.read("u1", CALENDAR, client=client.client_id)

    served = {bridge_world.read("u1", CALENDAR).grant for _ in range(5)}

    assert len(served) == 1


def test_of_grants_that_lack_a_scope_the_nearest_is_named(bridge_world: World) -> None:
    """What to ask for is told of the grant that lacks least."""
    account = bridge_world.account()
    capture(bridge_world, "u1", account, ONLY_CALENDAR, client=bridge_world.data_client)
    capture(bridge_world, "u1", account, "openid")
    for client, scope in ((bridge_world.client, "openid"), (bridge_world.data_client, CALENDAR)):
        bridge_world.read("u1", scope, client=client.client_id)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR, DRIVE))

    assert error.code is Code.INSUFFICIENT_SCOPE
    assert error.action is not None
    assert error.action.scopes == (DRIVE,)


def test_a_working_client_serves_while_the_other_is_blocked(bridge_world: World) -> None:
    """A grant that Google refuses does not stand before one that works."""
    account = bridge_world.account()
    capture(bridge_world, "u1", account, BOTH)
    capture(bridge_world, "u1", account, BOTH, client=bridge_world.data_client)
    bridge_world.google.inject(
        "token", "admin_policy_enforced", times=None, client=bridge_world.client
    )
    refusal(lambda: bridge_world.read("u1", CALENDAR, client=bridge_world.client.client_id))

    assert bridge_world.read("u1", CALENDAR).scope
    states = {g.client_id: g.state for g in bridge_world.grants_of("u1")}
    assert states[bridge_world.client.client_id] is State.BLOCKED


def test_a_blocked_grant_with_a_new_capture_is_tried(bridge_world: World) -> None:
    """A new refresh token of a blocked grant gets its first refresh, and may serve."""
    account = connect(bridge_world)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", "access_denied")
    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.BLOCKED
    assert refusal(lambda: bridge_world.read("u1", CALENDAR)).code is Code.BLOCKED

    capture(bridge_world, "u1", account, BOTH)

    assert bridge_world.read("u1", CALENDAR).scope


def test_a_blocked_grant_stays_blocked_when_its_new_capture_is_dead(bridge_world: World) -> None:
    """A candidate's death is not the blocked token's: that one is kept, and so is the block."""
    account = connect(bridge_world)
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.inject("token", "access_denied")
    refusal(lambda: bridge_world.read("u1", CALENDAR))
    dead = capture(bridge_world, "u1", account, BOTH)
    bridge_world.google.kill_refresh_tokens(account, refresh_token=dead)

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))

    assert (error.code, error.reason) == (Code.BLOCKED, "access_denied")
    assert len(bridge_world.grant_of("u1").tokens) == 1


def test_a_pinned_grant_is_of_the_account_and_client_that_are_named(bridge_world: World) -> None:
    """A pin and a name that contradict each other are no grant, rather than one of the two."""
    account, other = connect(bridge_world), connect(bridge_world)
    [grant] = [g for g in bridge_world.grants_of("u1") if g.account.sub == account.sub]

    assert pinned(bridge_world, grant.id, account=account.sub).grant == grant.id
    for wrong in (
        {"account": other.sub},
        {"client": bridge_world.data_client.client_id},
        {"tenant": OTHER},
    ):
        error = refusal(partial(pinned, bridge_world, grant.id, **wrong))
        assert error.code is Code.GRANT_MISSING


@pytest.mark.parametrize("grant", ["g_", "nonsense", "g_" + "x" * 32, "g_../../etc"])
def test_a_pin_that_is_none_is_no_grant(bridge_world: World, grant: str) -> None:
    """Any text may be pinned; what is no grant's id is a grant that is missing."""
    assert refusal(lambda: pinned(bridge_world, grant)).code is Code.GRANT_MISSING


def test_a_grant_under_revocation_is_not_served_and_captures_go_on(bridge_world: World) -> None:
    """While Google has not taken a revocation, readers are told to reconnect, not served."""
    account = connect(bridge_world)
    grant = bridge_world.grant_of("u1")
    bridge_world.google.inject("revocation", "html_503", times=None)
    revoke = bridge_world.services.admin.revoke
    refusal(lambda: revoke(bridge_world.caller(), grant.id, dry_run=False))

    error = refusal(lambda: bridge_world.read("u1", CALENDAR))
    capture(bridge_world, "u1", account, BOTH)

    assert (error.code, error.reason) == (Code.REAUTH_REQUIRED, "revoking")
    assert bridge_world.grant_of("u1").state is State.REVOKING
    assert bridge_world.grants_of("u1", TENANT)[0].candidates
