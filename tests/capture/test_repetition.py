"""A message counts once, however often and however much at once it is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.store.base import Ref, Row, StoreUnavailableError
from bridge.vault.inbox import GUARD, MESSAGE
from tests.capture.idp import Idp
from tests.capture.racing import at_once
from tests.kit import OTHER, World


def test_a_repeated_message_gets_the_recorded_answer(bridge_world: World, idp: Idp) -> None:
    """The same id and body, hours later, get the first answer and change nothing."""
    message = idp.login(idp.sign_in())
    first = bridge_world.post_hook(message, message_id="m1")
    before = bridge_world.grant_of("u1")

    bridge_world.clock.advance(7200)
    again = bridge_world.post_hook(message, message_id="m1")

    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert json.loads(first.data)["result"] == "captured"
    assert bridge_world.grant_of("u1") == before


def test_an_id_with_another_body_is_a_conflict(bridge_world: World, idp: Idp) -> None:
    """The same id with another body is refused, though it is about another account."""
    bridge_world.hook(idp.login(idp.sign_in()), message_id="m1")
    other = idp.login(idp.sign_in(), subject="u2", account={"sub": "42"})

    refused = bridge_world.post_hook(other, message_id="m1")

    assert refused.status_code == 409
    assert refused.get_json()["code"] == "message_conflict"
    assert bridge_world.grants_of("u2") == []


def test_the_order_of_members_makes_another_body(bridge_world: World, idp: Idp) -> None:
    """A body is its bytes: the same members in another order are another body."""
    message = idp.bind()
    bridge_world.hook(message, message_id="m1")
    turned = json.dumps(message, sort_keys=True).encode()
    assert turned != json.dumps(message).encode()

    assert bridge_world.post_hook(turned, message_id="m1").status_code == 409


def test_message_ids_are_a_tenants_own(bridge_world: World, idp: Idp) -> None:
    """Another tenant may use the same id for something else."""
    bridge_world.hook(idp.login(idp.sign_in()), message_id="m1")
    theirs = {"type": "user_deleted", "tenant": OTHER, "subject": "u1"}

    answer = bridge_world.hook(theirs, message_id="m1", tenant=OTHER)

    assert answer == {"result": "forgotten"}
    assert len(bridge_world.grants_of("u1")) == 1


def test_duplicates_at_once_make_one_record_and_one_answer(bridge_world: World, idp: Idp) -> None:
    """Of eight equal messages at once, all get the same answer, and one is recorded."""
    message = idp.login(idp.sign_in())

    answers = at_once(*[lambda: bridge_world.post_hook(message, message_id="m1")] * 8)

    assert {(answer.status_code, answer.data) for answer in answers} == {(200, answers[0].data)}
    assert answers[0].get_json()["result"] == "captured"
    assert (idp.rows(MESSAGE), idp.rows(GUARD), len(idp.held())) == (1, 1, 1)


def test_of_different_bodies_at_once_under_one_id_one_wins(bridge_world: World, idp: Idp) -> None:
    """Of six subjects' messages under one id, one is taken and the others are conflicts."""
    tokens = idp.sign_in()
    messages = [idp.login(tokens, subject=f"u{n}") for n in range(6)]

    answers = at_once(*[lambda m=m: bridge_world.post_hook(m, message_id="m1") for m in messages])

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert sum(len(bridge_world.grants_of(f"u{n}")) for n in range(6)) == 1


@pytest.mark.parametrize("reads", range(1, 7))
def test_another_body_s_answer_is_never_given(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    """Wherever between its reads another body of the same account takes its id, it is a conflict.

    The recorded answer was looked for after the id's body, and was the other's by then.
    """
    tokens = idp.sign_in()
    first, second = idp.login(tokens, subject="u1"), idp.login(tokens, subject="u2")
    get = type(bridge_world.services.store).get
    left = reads

    def overtaken(store: Any, ref: Ref) -> Row | None:
        nonlocal left
        row = get(store, ref)
        left -= 1
        if not left:
            assert bridge_world.hook(first, message_id="m1")["result"] == "captured"
        return row

    monkeypatch.setattr(type(bridge_world.services.store), "get", overtaken)

    answer = bridge_world.post_hook(second, message_id="m1")

    assert left <= 0
    assert answer.status_code == 409
    assert bridge_world.grants_of("u2") == []


def test_different_logins_of_one_account_at_once_all_count(bridge_world: World, idp: Idp) -> None:
    """Six logins of one account at once leave six refresh tokens in one grant."""
    signed_in = [idp.sign_in() for _ in range(6)]

    answers = at_once(*[lambda t=t: bridge_world.hook(idp.login(t)) for t in signed_in])

    assert [answer["result"] for answer in answers] == ["captured"] * 6
    assert idp.held() == idp.marks(*signed_in)


def test_an_answer_is_on_disk(bridge_world: World, idp: Idp) -> None:
    """A bridge that starts anew on the same files knows the message and the token."""
    message = idp.login(idp.sign_in())
    first = bridge_world.post_hook(message, message_id="m1")
    held = idp.held()

    bridge_world.restart()

    assert bridge_world.post_hook(message, message_id="m1").data == first.data
    assert idp.held() == held


def test_what_could_not_be_written_is_not_answered(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is down a capture is refused as retryable; repeated, it is taken."""
    message = idp.login(idp.sign_in())

    def down(*_: object) -> None:
        raise StoreUnavailableError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(type(bridge_world.services.store), "commit", down)
        refused = bridge_world.post_hook(message, message_id="m1")
    taken = bridge_world.post_hook(message, message_id="m1")

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert taken.get_json()["result"] == "captured"


def test_a_refused_message_can_be_mended_under_its_id(bridge_world: World, idp: Idp) -> None:
    """A message that was refused for its form leaves nothing behind: its id is free."""
    wrong = idp.login(idp.sign_in()) | {"acount": {}}
    assert bridge_world.post_hook(wrong, message_id="m1").status_code == 400

    assert bridge_world.post_hook(idp.login(idp.sign_in()), message_id="m1").status_code == 200
