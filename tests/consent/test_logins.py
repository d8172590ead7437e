"""Decisions at the hook, from the message to the consent screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.consent.situation import Decision, Reason
from bridge.model import Outcome
from tests.consent.scene import SCOPES, Scene, User
from tests.kit import CALENDAR, DAY, DRIVE, MAIL, SIGN_IN

CONTINUE = "continue"
CONSENT = "consent"


def test_signing_in_again_and_again_asks_nobody(stage: Scene, user: User) -> None:
    """While the token works, no login is sent to Google."""
    stage.policy("always")
    for _ in range(5):
        stage.clock.advance(DAY)
        answer = user.signs_in()
        assert (answer["decision"], answer["reason"]) == (CONTINUE, "grant_usable")
    assert user.screens == 1


def test_a_lost_token_is_recovered_by_one_consent(stage: Scene, user: User) -> None:
    """A backend asks in vain, the next login is asked, and the one after it is not."""
    user.loses_tokens()

    asked = user.signs_in(login_id="l1")
    assert (asked["decision"], asked["reason"]) == (CONSENT, "needed")
    assert "consent_url" not in asked
    back = user.consents("l1")
    assert (back["result"], back["decision"], back["reason"]) == ("captured", CONTINUE, "returned")

    assert user.reads() == "ok"
    assert user.signs_in()["reason"] == "grant_usable"
    assert user.screens == 2
    assert stage.rounds("u1")[stage.client.client_id].outcome is Outcome.GIVEN


def test_a_lost_token_that_nobody_needs_is_left_lost(stage: Scene) -> None:
    """By default a backend must have asked."""
    user = stage.user()
    user.google()  # the consent went by before the bridge was there
    assert user.signs_in()["reason"] == "no_evidence"
    assert user.grant.state == "missing"


@pytest.mark.parametrize(
    ("recovery", "decision"),
    [("observe", CONTINUE), ("ordered", CONTINUE), ("needed", CONTINUE), ("always", CONSENT)],
)
def test_the_policy_says_whether_a_missing_token_is_reason_enough(
    stage: Scene, recovery: str, decision: str
) -> None:
    """Only under `always`."""
    stage.policy(recovery)
    user = stage.user()
    user.google()
    assert user.signs_in()["decision"] == decision


def test_a_scope_that_a_backend_asked_for_in_vain_is_asked_for(stage: Scene, user: User) -> None:
    """And served after that one consent, the old scope too."""
    assert user.reads(DRIVE) == "insufficient_scope"
    assert user.signs_in()["reason"] == "not_met_by_login"

    wider = f"{SCOPES} {DRIVE}"
    answer = user.asks("l2", scopes=wider.split())
    assert (answer["decision"], answer["reason"]) == (CONSENT, "needed")
    user.consents("l2", wider)

    assert [user.reads(DRIVE), user.reads(CALENDAR)] == ["ok", "ok"]
    assert user.signs_in()["reason"] == "grant_usable"


def test_a_scope_that_the_app_is_of_no_use_without_is_asked_for(stage: Scene, user: User) -> None:
    """Without any backend's asking."""
    stage.set(required_scopes=f'["{DRIVE}"]')
    assert user.signs_in()["reason"] == "not_met_by_login"
    wider = f"{SCOPES} {DRIVE}"
    assert user.asks(scopes=wider.split())["reason"] == "required_scopes"


def test_who_unticks_a_scope_is_not_asked_for_it_the_next_day(stage: Scene, user: User) -> None:
    """The token for the rest is taken, and the refusal of this one respected for a week."""
    wider = f"{SCOPES} {DRIVE} {MAIL}"
    assert user.reads(DRIVE) == "insufficient_scope"
    assert user.asks("l2", scopes=wider.split())["decision"] == CONSENT
    user.consents("l2", wider, unticked=DRIVE)
    assert [user.reads(MAIL), user.reads(DRIVE)] == ["ok", "insufficient_scope"]

    stage.clock.advance(DAY)
    assert user.asks(scopes=wider.split())["reason"] == "resting"
    stage.clock.advance(7 * DAY)
    assert user.reads(DRIVE) == "insufficient_scope"
    assert user.asks(scopes=wider.split())["decision"] == CONSENT


def test_who_refuses_is_left_alone_for_a_week(stage: Scene, user: User) -> None:
    """And asked again afterwards, if the need is still there."""
    user.loses_tokens()
    assert user.asks("l1")["decision"] == CONSENT
    assert user.asks("l1", returned=True)["reason"] == "returned"

    for _ in range(6):
        assert user.asks()["reason"] == "resting"
        stage.clock.advance(DAY)
    stage.clock.advance(DAY)
    assert user.reads() == "reauth_required"
    assert user.asks()["decision"] == CONSENT


def test_who_never_comes_back_is_left_alone_for_a_week(stage: Scene, user: User) -> None:
    """From the time when they stayed away, not from when it was noticed."""
    user.loses_tokens()
    assert user.asks("l1")["decision"] == CONSENT
    assert user.asks("l2")["reason"] == "under_way"
    stage.clock.advance(11 * 60)
    assert user.asks("l3")["reason"] == "resting"
    assert stage.rounds("u1")[stage.client.client_id].outcome is Outcome.ABANDONED
    stage.clock.advance(7 * DAY)
    assert user.asks("l4")["decision"] == CONSENT


def test_a_rest_that_nobody_saw_begin_is_over_all_the_same(stage: Scene, user: User) -> None:
    """Who stayed away for eight days is asked at once."""
    user.loses_tokens()
    assert user.asks("l1")["decision"] == CONSENT
    stage.clock.advance(8 * DAY)
    assert user.asks("l2")["decision"] == CONSENT


def test_the_days_of_rest_are_the_tenants_own(stage: Scene, user: User) -> None:
    """Changed afterwards, they count for those who rest already."""
    user.loses_tokens()
    user.asks("l1")
    user.asks("l1", returned=True)
    stage.clock.advance(3 * DAY)
    assert user.asks()["reason"] == "resting"
    stage.set(recovery_rest_days="2")
    assert user.asks()["decision"] == CONSENT


def test_a_token_whose_message_was_late_takes_the_refusal_back(stage: Scene, user: User) -> None:
    """The IdP could not deliver it in time; the user did consent."""
    user.loses_tokens()
    assert user.asks("l1")["decision"] == CONSENT
    tokens = user.google(prompt="consent")
    assert user.asks("l1", returned=True)["reason"] == "returned"
    assert stage.rounds("u1")[stage.client.client_id].outcome is Outcome.DENIED

    user.tells(tokens)
    user.asks()
    assert stage.rounds("u1")[stage.client.client_id].outcome is Outcome.GIVEN
    user.loses_tokens()
    assert user.asks()["decision"] == CONSENT


def test_three_rounds_without_a_token_that_works_are_enough_for_a_day(stage: Scene) -> None:
    """Consents whose tokens are dead on arrival must not send a user round and round."""
    stage.policy("always")
    user = stage.user()
    user.google()
    for number in range(3):
        assert user.asks(f"l{number}")["decision"] == CONSENT
        user.consents(f"l{number}")
        stage.google.kill_refresh_tokens(user.account)
        assert user.reads() == "reauth_required"
        stage.clock.advance(60)
    assert user.asks()["reason"] == "too_many_rounds"
    stage.clock.advance(DAY)
    assert user.asks()["decision"] == CONSENT


def test_rounds_that_bring_working_tokens_are_not_counted(stage: Scene, user: User) -> None:
    """Who loses the token five times a day is recovered five times."""
    for number in range(5):
        user.loses_tokens()
        assert user.asks(f"l{number}")["decision"] == CONSENT
        user.consents(f"l{number}")
        assert user.reads() == "ok"


def test_a_login_that_waited_in_a_queue_asks_nobody(stage: Scene, user: User) -> None:
    """Nobody waits for its answer, so that asking would count as an abandonment."""
    user.loses_tokens()
    tokens = user.google()
    login = {"id": "l1", "can_redirect": True, "scopes": SCOPES.split()}
    sent_late = {"login": login, "obtained_at": int(stage.clock.now()) - 600}
    assert stage.login("u1", user.account, tokens, **sent_late)["reason"] == "late"
    assert user.asks()["decision"] == CONSENT


def test_a_capture_of_this_login_is_seen_before_its_binding(stage: Scene, user: User) -> None:
    """An IdP that captures first and knows its user later is not sent to Google twice."""
    user.loses_tokens()
    tokens = user.google(prompt="consent")
    capture = {
        "type": "capture",
        "tenant": "acme",
        "login_id": "l1",
        "account": {"sub": user.account.sub},
        "client_id": stage.client.client_id,
        "tokens": {"refresh_token": tokens.refresh_token, "id_token": tokens.id_token},
        "obtained_at": int(stage.clock.now()),
    }
    assert stage.hook(capture)["result"] == "captured"
    assert user.asks("l1")["reason"] == "grant_usable"


def test_the_same_message_gets_the_same_answer(stage: Scene, user: User) -> None:
    """And one round is written down for both."""
    user.loses_tokens()
    first = user.asks("l1", message_id="m1")
    assert first["decision"] == CONSENT
    assert user.asks("l1", message_id="m1") == first
    assert user.asks("l1", message_id="m2")["reason"] == "asked_in_this_login"


@pytest.mark.parametrize("refusal", ["invalid_client", "deleted_client"])
def test_a_client_that_google_refuses_sends_nobody_there(
    stage: Scene, user: User, refusal: str
) -> None:
    """Its circuit is open: users would see an error of Google's."""
    user.loses_tokens()
    circuits = stage.services.consenting.deciding.minting.circuits
    client = stage.services.tokens.clients.find("acme", stage.client.client_id)
    assert client is not None
    circuits.open(client, refusal)
    assert user.asks()["reason"] == "client_fault"
    circuits.close(client)
    assert user.asks()["decision"] == CONSENT


def test_of_two_accounts_the_one_that_signs_in_is_recovered(stage: Scene, user: User) -> None:
    """The other one's working grant neither keeps it from being asked nor is asked itself."""
    stage.policy("always")
    second = User(stage, stage.account(), user.subject)
    second.google()
    assert user.asks()["reason"] == "grant_usable"
    assert second.asks()["reason"] == "no_usable_grant"


def test_an_unknown_account_or_client_is_not_forced(stage: Scene, user: User) -> None:
    """A client of nobody's is never asked for."""
    stage.policy("always")
    assert user.asks(client_id="999-x.apps.googleusercontent.com")["reason"] == "unknown_client"


def test_a_login_that_names_no_scopes_is_forced_by_no_need(stage: Scene, user: User) -> None:
    """The bridge cannot tell whether it would help; `always` wants any token at all."""
    user.loses_tokens()
    assert user.asks(scopes=[])["reason"] == "not_met_by_login"
    stage.policy("always")
    assert user.asks(scopes=[])["reason"] == "no_usable_grant"


def test_short_scope_names_are_understood(stage: Scene, user: User) -> None:
    """An IdP asks for `email`, Google grants its long name."""
    long_name = "https://www.googleapis.com/auth/userinfo.email"
    stage.set(required_scopes=f'["{long_name}"]')
    assert user.asks(scopes=f"{SIGN_IN} {CALENDAR}".split())["reason"] == "grant_usable"


def test_every_reason_is_told_to_the_adapters_author() -> None:
    """The page's tables have each of them, under what it stands for."""
    page = (Path(__file__).parents[2] / "hooks" / "README.md").read_text()
    _, consent, goes_on = re.split(
        r"^\| `(?:consent|continue)` because \| \|$", page, flags=re.MULTILINE
    )
    told = {"consent": consent, "continue": goes_on.partition("\nMore may come")[0]}
    for reason in Reason:
        decision = "consent" if Decision(reason).forces else "continue"
        assert f"`{reason}`" in told[decision].partition("\n\n")[0]
