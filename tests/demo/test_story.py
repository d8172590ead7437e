"""The demo's story in a real browser: each of its claims, and the tour from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bridge.cli.demo.stage import Stage
from bridge.sandbox.records import Account
from bridge.sandbox.sample_app.tour import ANN, ANN_AT_WORK, BOB
from bridge.store.recent import KEPT_S
from tests.demo.conftest import Visitor, screens

pytestmark = pytest.mark.slow

Enter = Callable[[], Visitor]
Create = Callable[[str], Account]
STEPS = 6
WAYS = ["As Google", "As the user", "forget the grant"]


def wait_for_the_next_second() -> None:
    """Leave this second: Google dates consents in seconds, so one in it counts as before and after.

    A consent of the second in which a grant was forgotten is shut out with it, and one of the
    second in which an order was made has fulfilled it.
    """
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.02)


def consent_where_asked(visitor: Visitor) -> None:
    """Go through the bridge's page, if there is one, and allow at Google."""
    if visitor.sees_button("Continue to Google"):
        visitor.press("Continue to Google")
    visitor.press("Allow")


def test_signing_in_again_needs_no_consent_and_keeps_the_token(
    visitor: Enter, person: Create, stage: Stage
) -> None:
    """Google hands out a refresh token once; the second login brings none, and nothing is lost."""
    account, user = person("cleo"), visitor()
    user.join(account.email)
    user.sign_in_again(account.email)
    assert user.sees_calendar_of(account.email)
    assert screens(stage, account) == 1
    assert "gave no refresh token this time" in user.page.content()


@pytest.mark.parametrize("way", WAYS)
def test_a_lost_token_is_recovered_by_one_consent(
    visitor: Enter, person: Create, stage: Stage, way: str
) -> None:
    """However it was lost, the next login asks this user once, and a second user never."""
    account, bystander = person("dora"), person("eric")
    user, other = visitor(), visitor()
    user.join(account.email)
    other.join(bystander.email)
    user.press(way)
    assert user.sees_button("Reconnect now")
    assert not user.sees_calendar_of(account.email)
    other.sign_in_again(bystander.email)
    assert other.sees_calendar_of(bystander.email)
    wait_for_the_next_second()
    user.sign_in_again(account.email)
    consent_where_asked(user)
    assert user.sees_calendar_of(account.email)
    user.sign_in_again(account.email)
    assert user.sees_calendar_of(account.email)
    assert (screens(stage, account), screens(stage, bystander)) == (2, 1)


def test_an_ordered_consent_is_asked_for_once(visitor: Enter, person: Create, stage: Stage) -> None:
    """An admin's order asks a user whose grant works, at the next login and never again."""
    account, user = person("fay"), visitor()
    user.join(account.email)
    wait_for_the_next_second()
    user.press("order a new consent")
    assert user.sees_calendar_of(account.email)
    user.sign_in_again(account.email)
    consent_where_asked(user)
    user.sign_in_again(account.email)
    assert user.sees_calendar_of(account.email)
    assert screens(stage, account) == 2


def test_who_denies_is_signed_in_and_left_in_peace(
    visitor: Enter, person: Create, stage: Stage
) -> None:
    """A denial ends on a page with a way on, and the next login does not ask again."""
    account, user = person("gil"), visitor()
    user.join(account.email)
    user.press("As Google")
    user.sign_in_again(account.email)
    user.press("Continue to Google")
    user.press("Cancel")
    user.follow("Back to Planner")
    assert user.sees_button("Reconnect now")
    user.sign_in_again(account.email)
    assert user.sees_button("Reconnect now")
    assert screens(stage, account) == 2


def test_a_broken_account_is_reconnected_from_within_the_app(
    visitor: Enter, person: Create, stage: Stage
) -> None:
    """A connect link mends it without a new login."""
    account, user = person("hal"), visitor()
    user.join(account.email)
    user.press("As Google")
    user.press("Reconnect now")
    consent_where_asked(user)
    assert user.sees_calendar_of(account.email)
    assert screens(stage, account) == 2


@pytest.mark.parametrize("way", ["Forget here", "End it at Google"])
def test_a_second_account_is_connected_and_disconnected(
    visitor: Enter, person: Create, stage: Stage, way: str
) -> None:
    """It is read beside the first one, and gone from the app when its user disconnects it."""
    account, second, user = person("ida"), person("jon"), visitor()
    user.join(account.email)
    connect_another(user, second.email)
    assert user.sees_calendar_of(account.email)
    assert user.sees_calendar_of(second.email)
    disconnect(user, second.email, way)
    assert user.sees_calendar_of(account.email)
    assert not user.sees_calendar_of(second.email)
    alive = stage.google.refresh_tokens(second, stage.client)
    assert bool(alive) is (way == "Forget here")


def test_an_appointment_is_written_to_google(visitor: Enter, person: Create, stage: Stage) -> None:
    """What the app adds is in the user's calendar at Google."""
    account, user = person("kim"), visitor()
    user.join(account.email)
    user.page.get_by_label("New appointment").fill("Sail round the world")
    user.press("Add")
    assert user.page.get_by_text("Sail round the world").count() == 1
    [event] = stage.google.workspace.events(account.sub)
    assert event["summary"] == "Sail round the world"


def test_no_refresh_token_reaches_a_browser(visitor: Enter, person: Create, stage: Stage) -> None:
    """Neither tokens nor codes are in a page or an address at which the app ends."""
    account, user = person("lea"), visitor()
    user.join(account.email)
    [token] = stage.google.refresh_tokens(account, stage.client)
    shown = user.page.content() + user.page.url
    assert token.token not in shown
    assert "ya29." not in shown
    assert "code=" not in shown


def test_the_tour_can_be_followed_to_its_end(visitor: Enter, stage: Stage) -> None:
    """Every step is ticked; Ann is asked once for each loss, and Bob once in all."""
    user = visitor()
    first_sign_in(user)
    user.sign_in_again(ANN)
    for way in WAYS:
        user.press(way)
        user.look(f"broken-{WAYS.index(way)}")
        wait_for_the_next_second()
        user.sign_in_again(ANN)
        consent_where_asked(user)
        assert user.sees_calendar_of(ANN)
    user.sign_in_again(BOB)
    user.press("Allow")
    user.sign_in_again(BOB)
    user.sign_in_again(ANN)
    connect_another(user, ANN_AT_WORK)
    user.look("second-account")
    disconnect(user, ANN_AT_WORK, "Forget here")
    user.look("end")
    assert user.page.locator(".steps > li").count() == STEPS
    assert user.page.locator(".steps > li.done").count() == STEPS
    assert user.page.get_by_text("That was the tour").count() == 1
    counted = {email: screens(stage, stage.google.accounts.get(email)) for email in (ANN, BOB)}
    assert counted == {ANN: 1 + len(WAYS), BOB: 1}


def first_sign_in(user: Visitor) -> None:
    """Sign Ann in, looking at every page on the way."""
    user.open()
    user.look("start")
    user.press("Sign in")
    user.look("identity-provider")
    user.press("Continue with Google")
    user.look("google-accounts")
    user.press(ANN)
    user.look("google-consent")
    user.press("Allow")
    user.look("calendar")


def connect_another(user: Visitor, email: str) -> None:
    """Connect a second account by a link."""
    user.press("Connect another account")
    user.press("Continue to Google")
    user.press(email)
    user.press("Allow")


def disconnect(user: Visitor, email: str, way: str) -> None:
    """Disconnect an account on the bridge's connections page, and go back to the app."""
    user.press("Manage connected accounts")
    user.press("Show my connections")
    user.follow(f"Disconnect {email}")
    user.press(way)
    # The listener that serves tokens is another process, which knows within the second.
    user.page.wait_for_timeout(KEPT_S * 1000)
    user.follow("Back to Planner")
