"""Captures and bindings find each other in any order, and only where Google proved the account."""

from __future__ import annotations

from itertools import permutations

import pytest

from bridge.capture.joining import Joining
from bridge.model import State
from bridge.sandbox.records import TokenAnswer
from bridge.vault.inbox import BINDING
from tests.capture.idp import Idp, Message
from tests.capture.racing import at_once
from tests.kit import CALENDAR, DAY, OTHER, World


def test_a_capture_serves_its_binding(bridge_world: World, idp: Idp) -> None:
    """What a login captured is served to the subject that it is bound to."""
    assert bridge_world.hook(idp.capture(idp.sign_in())) == {"result": "captured"}
    assert bridge_world.hook(idp.bind()) == {"result": "bound"}

    assert bridge_world.read("u1", CALENDAR).account.sub == idp.account.sub
    assert idp.unbound() == []


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_does_not_matter(bridge_world: World, idp: Idp, order: tuple[int, ...]) -> None:
    """Two captures and two bindings of one login, in any order, end in the same grant."""
    tokens = [idp.sign_in(), idp.sign_in()]
    messages = [idp.capture(tokens[0]), idp.capture(tokens[1]), idp.bind(), idp.bind()]

    for place in order:
        bridge_world.hook(messages[place])

    assert idp.held() == idp.marks(*tokens)
    assert idp.unbound() == []


def test_capture_and_binding_at_once_are_joined(bridge_world: World, idp: Idp) -> None:
    """Of ten logins whose capture and binding arrive at the same moment, all are joined."""
    for n in range(10):
        tokens = idp.sign_in()
        capture, bind = idp.capture(tokens, f"l{n}"), idp.bind(login_id=f"l{n}")
        at_once(lambda m=capture: bridge_world.hook(m), lambda m=bind: bridge_world.hook(m))  # type: ignore[misc] # a lambda's default binds m
        assert idp.held() >= idp.marks(tokens)
    assert idp.unbound() == []


def _cut_off(monkeypatch: pytest.MonkeyPatch, world: World, message: Message) -> None:
    """Have a message committed, and the bridge die before it joins."""

    def dies(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Joining, "join", dies)
        with pytest.raises(KeyboardInterrupt):
            world.hook(message, message_id="cut-off")


def test_upkeep_joins_what_a_crash_left(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge that died between commit and join joins in its next round of upkeep."""
    tokens = idp.sign_in()
    bridge_world.hook(idp.capture(tokens))
    _cut_off(monkeypatch, bridge_world, idp.bind())
    assert bridge_world.grants_of("u1") == []

    bridge_world.services.upkeep.rare()

    assert idp.held() == idp.marks(tokens)


def test_a_repetition_joins_what_a_crash_left(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adapter, left without an answer, repeats its message, and that joins too."""
    tokens = idp.sign_in()
    bridge_world.hook(idp.bind())
    message = idp.capture(tokens)
    _cut_off(monkeypatch, bridge_world, message)

    assert bridge_world.hook(message, message_id="cut-off") == {"result": "captured"}
    assert idp.held() == idp.marks(tokens)


def _without_id_token(tokens: TokenAnswer) -> TokenAnswer:
    return TokenAnswer(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        scope=tokens.scope,
        refresh_token=tokens.refresh_token,
    )


def test_a_capture_without_an_id_token_is_never_claimed(bridge_world: World, idp: Idp) -> None:
    """Nobody's word but Google's makes a capture a subject's."""
    answer = bridge_world.hook(idp.capture(_without_id_token(idp.sign_in())))
    assert answer == {"result": "captured", "reason": "id_token_missing"}
    assert bridge_world.hook(idp.bind()) == {"result": "waiting"}

    bridge_world.services.upkeep.rare()

    assert bridge_world.grants_of("u1") == []
    assert len(idp.unbound()) == 1


def test_an_id_token_that_comes_second_is_enough(bridge_world: World, idp: Idp) -> None:
    """The same refresh token captured once more, with its ID token this time, is claimed."""
    tokens = idp.sign_in()
    bridge_world.hook(idp.capture(_without_id_token(tokens)))
    bridge_world.hook(idp.bind())

    bridge_world.hook(idp.capture(tokens))

    assert idp.held() == idp.marks(tokens)


def test_a_contradicted_capture_is_never_claimed(bridge_world: World, idp: Idp) -> None:
    """A victim's account named beside the attacker's ID token attaches nothing to anybody."""
    theirs = idp.sign_in(account=bridge_world.account())
    answer = bridge_world.hook(idp.capture(theirs))
    assert answer == {"result": "quarantined", "reason": "id_token_contradicts"}
    assert bridge_world.hook(idp.bind()) == {"result": "waiting"}

    bridge_world.services.upkeep.rare()

    assert bridge_world.grants_of("u1") == []
    assert len(idp.unbound()) == 1


def test_an_id_token_for_another_client_contradicts(bridge_world: World, idp: Idp) -> None:
    """An ID token that was issued to another client proves no login at this one."""
    tokens = idp.sign_in(client=bridge_world.data_client)
    assert bridge_world.hook(idp.capture(tokens))["result"] == "quarantined"


def test_a_binding_claims_its_own_account_alone(bridge_world: World, idp: Idp) -> None:
    """A binding that names another account than the capture's claims nothing."""
    bridge_world.hook(idp.capture(idp.sign_in()))

    answer = bridge_world.hook(idp.bind(account={"sub": bridge_world.account().sub}))

    assert answer == {"result": "waiting"}
    assert bridge_world.grants_of("u1") == []


def test_a_binding_of_another_tenant_claims_nothing(bridge_world: World, idp: Idp) -> None:
    """The same login id in another tenant is another login."""
    bridge_world.hook(idp.capture(idp.sign_in()))

    answer = bridge_world.hook(idp.bind(tenant=OTHER), tenant=OTHER)

    assert answer == {"result": "waiting"}
    assert bridge_world.grants_of("u1", OTHER) == []


def test_a_login_is_bound_to_one_subject(bridge_world: World, idp: Idp) -> None:
    """Of two subjects bound to one login at once, one is taken and the other refused."""
    answers = at_once(
        lambda: bridge_world.post_hook(idp.bind("u1")),
        lambda: bridge_world.post_hook(idp.bind("u2")),
    )
    bridge_world.hook(idp.capture(idp.sign_in()))

    assert sorted(answer.status_code for answer in answers) == [200, 400]
    [refused] = [answer for answer in answers if answer.status_code == 400]
    assert refused.get_json()["field"] == "subject"
    assert len(bridge_world.grants_of("u1")) + len(bridge_world.grants_of("u2")) == 1


def test_a_binding_that_has_claimed_says_so(bridge_world: World, idp: Idp) -> None:
    """Said again in a message of its own, a binding is still `bound`, and is kept once."""
    bridge_world.hook(idp.capture(idp.sign_in()))
    bridge_world.hook(idp.bind())

    assert bridge_world.hook(idp.bind()) == {"result": "bound"}
    assert idp.rows(BINDING) == 1


def test_bindings_that_have_claimed_are_no_longer_looked_after(
    bridge_world: World, idp: Idp
) -> None:
    """After its claim a binding is left out of upkeep, and is gone after a day."""
    waiting = bridge_world.services.hook.inbox.waiting_partitions
    bridge_world.hook(idp.bind())
    assert len(list(waiting())) == 1
    bridge_world.hook(idp.capture(idp.sign_in()))
    assert list(waiting()) == []

    bridge_world.clock.advance(DAY + 60)
    bridge_world.services.upkeep.rare()

    assert idp.rows(BINDING) == 0


def test_a_login_without_a_refresh_token_leaves_a_missing_grant(
    bridge_world: World, idp: Idp
) -> None:
    """Capture and binding without a refresh token tell that one is missing, until one comes."""
    bare = idp.sign_in(offline=False)
    assert bridge_world.hook(idp.capture(bare)) == {"result": "no_refresh_token"}
    assert bridge_world.hook(idp.bind()) == {"result": "bound"}
    assert bridge_world.grant_of("u1").state is State.MISSING

    bridge_world.hook(idp.capture(idp.sign_in(), "l2"))
    bridge_world.hook(idp.bind(login_id="l2"))

    assert bridge_world.grant_of("u1").state is State.UNVERIFIED


def test_a_login_without_a_refresh_token_leaves_a_held_one_alone(
    bridge_world: World, idp: Idp
) -> None:
    """The everyday login, to which Google gives no refresh token, changes no grant."""
    bridge_world.grant("u1", account=idp.account)
    bridge_world.read("u1", CALENDAR)
    before = bridge_world.grant_of("u1")

    bridge_world.hook(idp.capture(idp.sign_in(offline=False)))
    bridge_world.hook(idp.bind())

    assert bridge_world.grant_of("u1") == before


def test_a_login_that_was_given_up_leaves_its_token_to_the_next_one(
    bridge_world: World, idp: Idp
) -> None:
    """Who gives up between Google and the IdP's own first pages gets no refresh token again."""
    given_up = idp.sign_in()
    bridge_world.hook(idp.capture(given_up, "l1"))
    again = idp.sign_in(prompt="")
    assert again.refresh_token is None
    bridge_world.hook(idp.capture(again, "l2"))

    bridge_world.hook(idp.bind("u1", "l2"))

    assert idp.held() == idp.marks(given_up)
    assert bridge_world.read("u1", CALENDAR).account.sub == idp.account.sub


def test_a_late_binding_still_claims_what_another_subject_was_given(
    bridge_world: World, idp: Idp
) -> None:
    """Two users of the IdP with one Google account: neither goes without."""
    first, second = idp.sign_in(), idp.sign_in(prompt="")
    bridge_world.hook(idp.capture(first, "l1"))
    bridge_world.hook(idp.capture(second, "l2"))
    bridge_world.hook(idp.bind("u2", "l2"))

    bridge_world.hook(idp.bind("u1", "l1"))

    assert idp.held("u1") == idp.held("u2") == idp.marks(first)
    assert idp.unbound() == []


def test_what_was_left_from_before_a_parting_is_not_taken_along(
    bridge_world: World, idp: Idp
) -> None:
    """Whoever unlinked the account since has it back only by a consent from after that."""
    bridge_world.hook(idp.capture(idp.sign_in(), "l1"))
    bridge_world.clock.advance(10)
    bridge_world.hook(idp.unlinked())
    bridge_world.clock.advance(10)
    bridge_world.hook(idp.capture(idp.sign_in(prompt=""), "l2"))

    bridge_world.hook(idp.bind("u1", "l2"))

    assert idp.held() == set()


def test_unclaimed_captures_are_swept_after_ninety_days(bridge_world: World, idp: Idp) -> None:
    """A capture that nobody claims is kept for ninety days, is then gone, and is never revoked."""
    tokens = idp.sign_in()
    bridge_world.hook(idp.capture(tokens))
    bridge_world.clock.advance(89 * DAY)
    bridge_world.services.upkeep.rare()
    assert len(idp.unbound()) == 1

    bridge_world.clock.advance(2 * DAY)
    bridge_world.services.upkeep.rare()

    assert idp.unbound() == []
    [alive] = bridge_world.google.refresh_tokens(idp.account)
    assert alive.token == tokens.refresh_token
