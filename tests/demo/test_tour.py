"""The tour ticks what happened, not what was pressed."""

from __future__ import annotations

from bridge.clock import SystemClock
from bridge.sandbox import SandboxGoogle
from bridge.sandbox.diary import BROUGHT, KEPT, Actor, Diary, Kind
from bridge.sandbox.sample_app.tour import ANN, ANN_AT_WORK, BOB, Tour

FIRST, AGAIN, LOSE, BYSTANDER, SECOND, DISCONNECT = range(6)


class Told:
    """A tour over what a test says that happened."""

    def __init__(self) -> None:
        self.diary = Diary(SystemClock())
        self.google = SandboxGoogle()
        self.client = self.google.clients.create()
        self.tour = Tour(self.diary, self.google, self.client)

    def say(self, kind: Kind, word: str = "", email: str = ANN) -> None:
        said = str(len(self.diary.entries()))
        self.diary.write(Actor.APP, kind, email, "text", said=said, word=word)

    def done(self, step: int) -> bool:
        return self.tour.steps()[step].done


def test_the_first_step_that_is_not_done_is_the_current_one() -> None:
    """One at a time, from the first to none."""
    told = Told()
    assert [step.current for step in told.tour.steps()] == [True] + [False] * 5
    told.say(Kind.READ)
    assert [step.current for step in told.tour.steps()] == [False, True] + [False] * 4


def test_a_first_sign_in_is_not_the_second_one() -> None:
    """Only a login without a new refresh token shows that the first was kept."""
    told = Told()
    told.say(Kind.SIGNED_IN, BROUGHT)
    assert not told.done(AGAIN)
    told.say(Kind.SIGNED_IN, KEPT)
    assert told.done(AGAIN)


def test_a_loss_counts_once_it_was_seen_and_mended() -> None:
    """Broken, refused, and served again, in this order, for each of the three ways."""
    told = Told()
    for way in ("google", "user", "admin"):
        told.say(Kind.BROKEN, way)
        told.say(Kind.READ)
        assert not told.done(LOSE)
        told.say(Kind.REFUSED, "grant_missing" if way == "admin" else "reauth_required")
        told.say(Kind.READ)
    assert told.done(LOSE)
    assert all(is_done for _, is_done in told.tour.steps()[LOSE].parts)


def test_an_order_is_not_a_loss() -> None:
    """What still works was not lost."""
    told = Told()
    told.say(Kind.BROKEN, "order")
    told.say(Kind.READ)
    assert not any(is_done for _, is_done in told.tour.steps()[LOSE].parts)


def test_the_second_user_must_be_left_alone() -> None:
    """A consent that the bridge asked Bob for leaves the step open for ever."""
    told = Told()
    told.say(Kind.SIGNED_IN, BROUGHT, BOB)
    told.say(Kind.SIGNED_IN, KEPT, BOB)
    assert told.done(BYSTANDER)
    told.say(Kind.SENT_TO_CONSENT, email=BOB)
    assert not told.done(BYSTANDER)


def test_a_second_account_is_connected_before_it_is_disconnected() -> None:
    """Refusals from before do not count."""
    told = Told()
    told.say(Kind.REFUSED, "grant_missing")
    told.say(Kind.CONNECTED, email=ANN_AT_WORK)
    assert told.done(SECOND)
    assert not told.done(DISCONNECT)
    told.say(Kind.REFUSED, "grant_missing", ANN_AT_WORK)
    assert told.done(DISCONNECT)


def test_a_page_that_is_loaded_again_is_no_news() -> None:
    """The same reading twice is one entry; another account's in between makes no difference."""
    told = Told()
    for email in (ANN, BOB, ANN):
        told.diary.write(Actor.APP, Kind.READ, email, "text")
    assert [entry.email for entry in told.tour.latest()] == [BOB, ANN]


def test_google_counts_screens_and_refreshes() -> None:
    """The table has the accounts that were used, with what Google counted."""
    told = Told()
    account = told.google.accounts.create(ANN)
    told.google.accounts.create(BOB)
    told.google.login(account, told.client, "openid email")
    [row] = told.tour.counted()
    assert (row.email, row.screens, row.refreshes, row.refresh_tokens) == (ANN, 1, 0, 1)
