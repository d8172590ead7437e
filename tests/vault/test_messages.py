"""Hook messages in any order, around reads, forgetting and revoking: the promise end to end."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import Grant, State
from bridge.sandbox.records import Account
from tests.kit import CALENDAR, DRIVE, HOUR, SIGN_IN, TENANT, World, token_fields

_WIDE = f"{SIGN_IN} {CALENDAR} {DRIVE}"


def _message(world: World, account: Account, scopes: str) -> dict[str, Any]:
    """Have a user consent now; return the message that tells of it, to be sent at any time."""
    world.clock.advance(60)
    return {
        "type": "login",
        "tenant": TENANT,
        "subject": "u1",
        "account": {"sub": account.sub},
        "client_id": world.client.client_id,
        "login": {"id": secrets.token_hex(8)},
        "tokens": token_fields(world.sign_in(account, scopes)),
        "obtained_at": int(world.clock.now()),
    }


def test_a_re_consent_takes_effect_at_the_next_read(bridge_world: World) -> None:
    """A backend that sent its user to consent need not wait until the old token expires."""
    account = bridge_world.account()
    bridge_world.hook(_message(bridge_world, account, f"{SIGN_IN} {CALENDAR}"))
    bridge_world.read("u1", CALENDAR)

    bridge_world.hook(_message(bridge_world, account, _WIDE))

    assert DRIVE in bridge_world.read("u1", DRIVE).scope


@pytest.mark.parametrize("reads", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_in_whatever_order_consents_arrive_the_widest_serves(
    bridge_world: World, order: tuple[int, ...], reads: tuple[bool, bool]
) -> None:
    """A narrower token, newer or older, read in between or not, never costs the grant a scope.

    Only where the newest alone was proven before, the older wide one waits until that one fails.
    """
    account = bridge_world.account()
    scopes = (f"{SIGN_IN} {CALENDAR}", _WIDE, f"{SIGN_IN} {CALENDAR}")
    messages = [_message(bridge_world, account, each) for each in scopes]

    for place, is_read in zip(order, (*reads, False), strict=True):
        bridge_world.hook(messages[place])
        if is_read:
            bridge_world.read("u1", CALENDAR)

    known_at_reads = [order[: place + 1] for place, is_read in enumerate(reads) if is_read]
    if any(2 in known and 1 not in known for known in known_at_reads):
        bridge_world.read("u1", CALENDAR)
        assert len(bridge_world.grant_of("u1").tokens) >= 2
    else:
        assert DRIVE in bridge_world.read("u1", DRIVE).scope
    bridge_world.clock.advance(2 * HOUR)
    assert CALENDAR in bridge_world.read("u1", CALENDAR).scope


def test_a_consent_that_comes_late_takes_effect_at_the_next_read(bridge_world: World) -> None:
    """Its message comes just after a refresh that is later than the consent itself."""
    account = bridge_world.account()
    first = _message(bridge_world, account, f"{SIGN_IN} {CALENDAR}")
    late = _message(bridge_world, account, _WIDE)
    bridge_world.clock.advance(60)
    bridge_world.hook(first)
    bridge_world.read("u1", CALENDAR)

    bridge_world.hook(late)

    assert DRIVE in bridge_world.read("u1", DRIVE).scope


def test_the_last_of_two_unread_consents_takes_effect_at_once(bridge_world: World) -> None:
    """Where two tokens wait unproven, the first read already has what the later one grants."""
    account = bridge_world.account()
    bridge_world.hook(_message(bridge_world, account, f"{SIGN_IN} {CALENDAR}"))
    bridge_world.hook(_message(bridge_world, account, _WIDE))
    bridge_world.clock.advance(HOUR)

    assert DRIVE in bridge_world.read("u1", DRIVE).scope


@pytest.mark.parametrize("times", [1, 3])
def test_repeated_messages_change_nothing(bridge_world: World, times: int) -> None:
    """The same tokens under new message ids leave the grant as it is, to the last field."""
    account = bridge_world.account()
    message = _message(bridge_world, account, _WIDE)
    bridge_world.hook(message)
    bridge_world.read("u1", CALENDAR)
    before = bridge_world.grant_of("u1")

    for _ in range(times):
        bridge_world.clock.advance(1)
        answer = bridge_world.hook(message | {"obtained_at": int(bridge_world.clock.now())})
        assert answer["result"] == "known"

    assert bridge_world.grant_of("u1") == before


@pytest.mark.parametrize("ending", ["forget", "revoke", "unlinked", "user_deleted"])
def test_no_message_from_before_an_ending_brings_a_token_back(
    bridge_world: World, ending: str
) -> None:
    """Old ones, repeated or never seen, in any order: only a consent from after it counts."""
    account = bridge_world.account()
    seen = _message(bridge_world, account, _WIDE)
    late = _message(bridge_world, account, _WIDE)
    undated = late | {"tokens": {"refresh_token": f"1//{secrets.token_hex(30)}"}}
    del undated["obtained_at"]
    bridge_world.hook(seen)
    bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(60)

    _end(bridge_world, ending, bridge_world.grant_of("u1"))

    for message in (late, undated, seen, late):
        bridge_world.hook(message)
        with pytest.raises(BridgeError) as ended:
            bridge_world.read("u1", CALENDAR)
        assert ended.value.code in {Code.GRANT_MISSING, Code.REAUTH_REQUIRED}
    for grant in bridge_world.grants_of("u1"):
        assert grant.tokens == ()
    bridge_world.hook(_message(bridge_world, account, _WIDE))
    assert DRIVE in bridge_world.read("u1", DRIVE).scope


def _end(world: World, how: str, grant: Grant) -> None:
    match how:
        case "forget":
            world.services.admin.forget(world.caller(), grant.id)
        case "revoke":
            world.services.admin.revoke(world.caller(), grant.id, dry_run=False)
        case "unlinked":
            account = {"account": {"sub": grant.account.sub}}
            world.hook({"type": how, "tenant": TENANT, "subject": "u1"} | account)
        case _:
            world.hook({"type": how, "tenant": TENANT, "subject": "u1"})


def test_a_foreign_or_forged_token_never_displaces_the_live_one(bridge_world: World) -> None:
    """Another client's, another account's and an invented token leave the live one serving."""
    account, stranger = bridge_world.account(), bridge_world.account()
    bridge_world.hook(_message(bridge_world, account, _WIDE))
    bridge_world.read("u1", CALENDAR)
    live = bridge_world.grant_of("u1").live
    message = _message(bridge_world, account, _WIDE)
    other_client = bridge_world.sign_in(account, client=bridge_world.other_client)
    other_account = bridge_world.sign_in(stranger)
    for refresh_token in (other_client.refresh_token, other_account.refresh_token, "1//forged"):
        bridge_world.clock.advance(60)
        now = int(bridge_world.clock.now())
        tokens = {"refresh_token": refresh_token}
        bridge_world.hook(message | {"tokens": tokens, "obtained_at": now})

    for _ in range(2):
        bridge_world.clock.advance(2 * HOUR)
        served = bridge_world.read("u1", DRIVE)
        assert served.account.sub == account.sub

    grant = bridge_world.grant_of("u1")
    assert grant.state is State.ACTIVE
    assert grant.live is not None
    assert live is not None
    assert grant.live.mark == live.mark


def test_a_revocation_that_is_carried_on_spares_a_new_consent(bridge_world: World) -> None:
    """Google took it, and the bridge was cut off: what the user consented to since stays."""
    account = bridge_world.account()
    bridge_world.hook(_message(bridge_world, account, _WIDE))
    bridge_world.read("u1", CALENDAR)
    grant = bridge_world.grant_of("u1")
    bridge_world.google.interference.set_down("503")
    with pytest.raises(BridgeError) as cut_off:
        bridge_world.services.admin.revoke(bridge_world.caller(), grant.id, dry_run=False)
    assert cut_off.value.code is Code.UPSTREAM_UNAVAILABLE
    bridge_world.google.interference.set_down(None)
    bridge_world.google.revoke_as_user(account, bridge_world.client)
    bridge_world.hook(_message(bridge_world, account, _WIDE))
    assert bridge_world.grant_of("u1").state is State.REVOKING

    bridge_world.clock.advance(60)
    bridge_world.services.upkeep.rare()

    assert bridge_world.grant_of("u1").state is State.UNVERIFIED
    assert DRIVE in bridge_world.read("u1", DRIVE).scope
