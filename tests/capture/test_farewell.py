"""Whoever leaves stays gone, however late and in whatever order the messages about it come."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bridge.model import UNKNOWN_TIME, State
from bridge.store.base import Query
from tests.capture.idp import Idp, Message
from tests.capture.racing import PausedCommits, at_once
from tests.kit import CALENDAR, DAY, TENANT, World, token_fields


def _deleted(world: World, idp: Idp, subject: str = "u1") -> None:
    [grant] = world.grants_of(subject)
    world.services.admin.forget(world.caller(), grant.id)


def _rows(world: World) -> list[str]:
    """Return the states of all grants in the store, the forgotten among them."""
    return [row.state for row in world.services.store.list(Query("grant", tenant=TENANT))]


@pytest.mark.parametrize("kind", ["unlinked", "user_deleted"])
def test_a_farewell_forgets(bridge_world: World, idp: Idp, kind: str) -> None:
    """After it the subject has no grant, and Google was not asked to revoke anything."""
    bridge_world.hook(idp.login(idp.sign_in()))

    answer = bridge_world.hook({"type": kind, "tenant": TENANT, "subject": "u1"})

    assert answer == {"result": "forgotten"}
    assert bridge_world.grants_of("u1") == []
    assert len(bridge_world.google.refresh_tokens(idp.account)) == 1


def test_unlinking_one_account_leaves_the_others(bridge_world: World, idp: Idp) -> None:
    """`unlinked` with an account is about that one alone."""
    bridge_world.hook(idp.login(idp.sign_in()))
    other = bridge_world.account()
    bridge_world.login("u1", other, idp.sign_in(account=other))

    bridge_world.hook(idp.unlinked(account={"sub": idp.account.sub}))

    assert bridge_world.grant_of("u1").account.sub == other.sub


def test_a_forgotten_grant_names_nobody(bridge_world: World, idp: Idp) -> None:
    """What is left to shut late messages out holds no subject, account or token, and expires."""
    bridge_world.hook(idp.login(idp.sign_in()))
    ref = bridge_world.services.grants.find(TENANT, "u1")[0].ref

    bridge_world.hook(idp.user_deleted())

    left = bridge_world.services.grants.at(ref)
    assert left is not None
    assert (left.record.state, left.record.subject, left.record.account.sub) == (
        State.FORGOTTEN,
        "",
        "",
    )
    assert left.record.tokens == ()
    bridge_world.clock.advance(91 * DAY)
    bridge_world.services.upkeep.rare()
    assert _rows(bridge_world) == []


LATE: list[Any] = [
    pytest.param("login", id="login"),
    pytest.param("capture-bind", id="capture, then bind"),
    pytest.param("bind-capture", id="bind, then capture"),
]


def _messages(idp: Idp, how: str, tokens: Any) -> list[Message]:
    if how == "login":
        return [idp.login(tokens)]
    pair = [idp.capture(tokens), idp.bind()]
    return pair if how == "capture-bind" else pair[::-1]


@pytest.mark.parametrize("how", LATE)
@pytest.mark.parametrize("offline", [True, False])
def test_late_messages_bring_nobody_back(
    bridge_world: World, idp: Idp, how: str, *, offline: bool
) -> None:
    """A login from before a deletion, told after it, leaves no trace of the user's grant."""
    messages = _messages(idp, how, idp.sign_in(offline=offline))
    bridge_world.clock.advance(60)
    bridge_world.hook(idp.user_deleted())

    for message in messages:
        assert bridge_world.post_hook(message).status_code == 200

    assert bridge_world.grants_of("u1") == []
    assert _rows(bridge_world) == []


@pytest.mark.parametrize("how", LATE)
def test_a_capture_that_was_claimed_late_stays_out(bridge_world: World, idp: Idp, how: str) -> None:
    """The first half of a login before the farewell, the other half after it: still shut out."""
    messages = _messages(idp, how, idp.sign_in())
    for message in messages[:-1]:
        bridge_world.hook(message)
    bridge_world.clock.advance(60)
    bridge_world.hook(idp.unlinked())

    bridge_world.hook(messages[-1])

    assert bridge_world.grants_of("u1") == []


def test_a_late_farewell_spares_a_newer_login(bridge_world: World, idp: Idp) -> None:
    """An `unlinked` that happened before the latest login forgets what was from before it."""
    old = idp.sign_in()
    bridge_world.hook(idp.login(old))
    bridge_world.clock.advance(60)
    occurred_at = idp.now
    bridge_world.clock.advance(60)
    new = idp.sign_in()
    bridge_world.hook(idp.login(new))

    bridge_world.hook(idp.unlinked(occurred_at=occurred_at))

    assert idp.held() == idp.marks(new)
    assert bridge_world.read("u1", CALENDAR).account.sub == idp.account.sub


def test_a_farewell_from_the_future_is_from_now(bridge_world: World, idp: Idp) -> None:
    """An adapter whose clock is ahead cannot shut later logins out."""
    bridge_world.hook(idp.unlinked(occurred_at=idp.now + 10 * DAY))
    bridge_world.clock.advance(60)
    tokens = idp.sign_in()

    assert bridge_world.hook(idp.login(tokens))["result"] == "captured"
    assert idp.held() == idp.marks(tokens)


def test_who_links_again_is_served_again(bridge_world: World, idp: Idp) -> None:
    """A login after the farewell brings the same grant id back, and the old token stays out."""
    old = idp.sign_in()
    bridge_world.hook(idp.login(old))
    before = bridge_world.grant_of("u1")
    bridge_world.hook(idp.unlinked())
    bridge_world.clock.advance(60)
    new = idp.sign_in()

    assert bridge_world.hook(idp.login(new))["result"] == "captured"
    assert bridge_world.hook(idp.login(old))["result"] == "known"

    assert bridge_world.grant_of("u1").id == before.id
    assert idp.held() == idp.marks(new)


def test_an_unknown_time_is_from_before_every_farewell(bridge_world: World, idp: Idp) -> None:
    """A token of which nobody knows the time stays out once its subject has left."""
    bridge_world.hook(idp.unlinked())
    bridge_world.clock.advance(60)
    fields = token_fields(idp.sign_in())
    del fields["id_token"]

    answer = bridge_world.hook(idp.login(None, tokens=fields, obtained_at=None))

    assert answer["result"] == "shut_out"
    assert UNKNOWN_TIME == 0
    assert bridge_world.grants_of("u1") == []


def test_a_later_farewell_counts_for_a_grant_that_was_forgotten_before(
    bridge_world: World, idp: Idp
) -> None:
    """A login from between a `DELETE` and the user's deletion is shut out by the latter."""
    bridge_world.hook(idp.login(idp.sign_in()))
    _deleted(bridge_world, idp)
    bridge_world.clock.advance(60)
    between = idp.login(idp.sign_in())
    bridge_world.clock.advance(60)
    bridge_world.hook(idp.user_deleted())

    assert bridge_world.hook(between)["result"] == "shut_out"
    assert bridge_world.grants_of("u1") == []


def test_other_subjects_of_the_account_are_not_concerned(bridge_world: World, idp: Idp) -> None:
    """Two subjects may share a Google account; the deletion of one leaves the other's grant."""
    tokens = idp.sign_in()
    bridge_world.hook(idp.login(tokens))
    bridge_world.hook(idp.login(tokens, subject="u2"))

    bridge_world.hook(idp.user_deleted())

    assert idp.held("u2") == idp.marks(tokens)


def test_a_deleted_users_needs_are_forgotten(bridge_world: World, idp: Idp) -> None:
    """What backends asked in vain for a deleted user is nobody's to keep."""
    needs = bridge_world.services.needs
    needs.note(TENANT, "u1", bridge_world.client.client_id, (CALENDAR,))
    bridge_world.hook(idp.user_deleted())
    assert list(needs.of(TENANT, "u1")) == []


@pytest.mark.parametrize("ahead", [0, 120])
def test_deleting_a_grant_drops_tokens_that_a_faster_clock_dated(
    bridge_world: World, idp: Idp, ahead: int
) -> None:
    """`DELETE` and `unlinked` drop what is held, also where Google's clock is ahead of ours."""
    bridge_world.hook(idp.login(idp.sign_in(iat=idp.now + ahead)))
    _deleted(bridge_world, idp)
    assert bridge_world.grants_of("u1") == []

    bridge_world.hook(idp.login(idp.sign_in(iat=idp.now + ahead + 1), subject="u2"))
    bridge_world.hook(idp.unlinked("u2"))
    assert bridge_world.grants_of("u2") == []


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize("how", LATE)
def test_a_farewell_between_reading_and_writing_is_noticed(
    bridge_world: World, idp: Idp, monkeypatch: pytest.MonkeyPatch, how: str, *, offline: bool
) -> None:
    """A user who is deleted while a login's write is on its way does not come back by it."""
    *first, last = _messages(idp, how, idp.sign_in(offline=offline))
    for message in first:
        bridge_world.hook(message)
    bridge_world.clock.advance(60)
    store = bridge_world.services.store
    paused = PausedCommits(store.commit, "late")
    monkeypatch.setattr(
        type(store), "commit", lambda _, ops, guard=None: paused(ops, guard), raising=True
    )
    thread = threading.Thread(target=bridge_world.hook, args=(last,), name="late")

    thread.start()
    assert paused.reached.wait(10)
    bridge_world.hook(idp.user_deleted())
    paused.go_on.set()
    thread.join(10)

    assert bridge_world.grants_of("u1") == []


def test_farewells_and_logins_at_once_leave_nothing(bridge_world: World, idp: Idp) -> None:
    """Whatever the threads do, nothing from before the farewell is held in the end."""
    for n in range(10):
        subject = f"u{n}"
        logins = [idp.login(idp.sign_in(), subject=subject) for _ in range(2)]
        bridge_world.clock.advance(5)
        farewell = idp.user_deleted(subject)
        at_once(*[lambda m=m: bridge_world.post_hook(m) for m in (*logins, farewell)])
        assert bridge_world.grants_of(subject) == []
