"""The table of decisions: every policy, every kind of evidence, every obstacle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.config.tenants import Recovery
from bridge.consent.decision import CAP, decide
from bridge.consent.situation import UNDER_WAY_S, Reason, Situation
from bridge.model import Filter, Outcome, State
from tests.consent.situations import (
    CALENDAR,
    CLIENT,
    DATA,
    DAY,
    DRIVE,
    NOW,
    OTHER_SUB,
    WEEK,
    grant,
    last_round,
    need,
    offer,
    order,
    situation,
    token,
)

DEAD = State.REAUTH_REQUIRED
OBSERVE, ORDERED, NEEDED, ALWAYS = Recovery
BROKEN = (State.MISSING, State.REAUTH_REQUIRED, State.REVOKED)
WORKING = (State.ACTIVE, State.UNVERIFIED)

# What speaks for asking a user whose grant is dead, and the weakest policy that listens to it.
EVIDENCE: dict[str, tuple[dict[str, Any], Recovery, Reason]] = {
    "nothing": ({}, ALWAYS, Reason.NO_GRANT),
    "need": ({"needs": (need(CALENDAR),)}, NEEDED, Reason.NEEDED),
    "required": ({"required": frozenset({CALENDAR})}, NEEDED, Reason.REQUIRED),
    "order": ({"orders": (order(),)}, ORDERED, Reason.ORDERED),
}


@pytest.mark.parametrize("policy", Recovery)
@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("evidence", EVIDENCE)
def test_a_policy_forces_on_its_evidence_and_on_nothing_less(
    policy: Recovery, state: State, evidence: str
) -> None:
    """`observe` forces never, `ordered` by an order, `needed` also by needs, `always` anyway."""
    given, weakest, reason = EVIDENCE[evidence]
    listens = policy is not OBSERVE and list(Recovery).index(policy) >= list(Recovery).index(
        weakest
    )

    decision = decide(situation(grant(state), policy=policy, **given))

    assert decision.forces is listens
    if listens:
        assert (decision.reason, decision.client_id) == (reason, CLIENT)


@pytest.mark.parametrize("policy", Recovery)
@pytest.mark.parametrize("state", WORKING)
def test_nobody_is_asked_while_a_token_works(policy: Recovery, state: State) -> None:
    """Neither by an order nor by a need that the grant meets."""
    known = situation(
        grant(state, CALENDAR),
        policy=policy,
        orders=(order(), order(Filter(state=state), id="o2")),
        needs=(need(CALENDAR),),
        required=frozenset({CALENDAR}),
    )
    assert decide(known).reason is (Reason.OBSERVE if policy is OBSERVE else Reason.USABLE)


def test_a_user_without_any_grant_counts_as_one_without_a_usable_one() -> None:
    """Who was never seen is asked under `always`."""
    assert decide(situation()).reason is Reason.NO_GRANT


@pytest.mark.parametrize(("policy", "forces"), [(ORDERED, False), (NEEDED, True), (ALWAYS, True)])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"needs": (need(CALENDAR, DRIVE),)}, Reason.NEEDED),
        ({"required": frozenset({CALENDAR, DRIVE})}, Reason.REQUIRED),
    ],
)
def test_scopes_that_a_working_grant_lacks_are_evidence(
    policy: Recovery, *, forces: bool, given: dict[str, Any], reason: Reason
) -> None:
    """A working grant without a scope that is needed is widened, if the round asks for it."""
    known = situation(
        grant(State.ACTIVE, CALENDAR), policy=policy, offers=(offer(CALENDAR, DRIVE),), **given
    )
    assert decide(known).forces is forces
    if forces:
        assert decide(known).reason is reason


def test_only_what_the_round_would_ask_for_counts() -> None:
    """A need that this login would not meet does not force it."""
    known = situation(grant(State.ACTIVE, CALENDAR), needs=(need(DRIVE),))
    assert decide(known).reason is Reason.NOT_MET


def test_a_dead_grant_is_not_mended_under_needed_by_a_round_for_other_scopes() -> None:
    """The need is for Drive, the login asks for the calendar: it goes on."""
    known = situation(grant(DEAD), policy=NEEDED, needs=(need(DRIVE),))
    assert decide(known).reason is Reason.NOT_MET


def test_a_round_by_the_bridge_asks_for_whatever_is_wanted() -> None:
    """It names the scopes of need, settings and login."""
    known = situation(
        grant(DEAD),
        policy=NEEDED,
        needs=(need(DRIVE),),
        required=frozenset({CALENDAR}),
        offers=(offer(scopes=None),),
        occasion={"scopes": frozenset({"openid"})},
    )
    assert decide(known).scopes == {DRIVE, CALENDAR, "openid"}


def test_a_captured_token_that_waits_for_its_binding_is_a_token() -> None:
    """In the middle of a login the capture is there before the grant."""
    known = situation(grant(DEAD), needs=(need(CALENDAR),), offers=(offer(has_capture=True),))
    assert decide(known).reason is Reason.USABLE


def test_a_candidate_may_grant_what_is_lacking() -> None:
    """Who has just consented to more is not asked again before a refresh has told."""
    widened = grant(State.ACTIVE, CALENDAR, candidates=(token("new", NOW - 1, None),))
    known = situation(widened, needs=(need(DRIVE),), offers=(offer(CALENDAR, DRIVE),))
    assert decide(known).reason is Reason.USABLE


def test_a_need_that_another_grant_has_come_to_meet_is_none() -> None:
    """It was noted for the sign-in client; since then the data client's grant serves it."""
    connected = grant(State.ACTIVE, CALENDAR, client_id=DATA, changed_at=NOW - 60)
    known = situation(grant(State.MISSING), connected, policy=NEEDED, needs=(need(CALENDAR),))
    assert decide(known).reason is Reason.NO_EVIDENCE


def test_a_need_that_passed_another_grant_over_stays_one() -> None:
    """The backend named this client, although the other one's grant served already."""
    connected = grant(State.ACTIVE, CALENDAR, client_id=DATA, changed_at=NOW - WEEK)
    known = situation(grant(State.MISSING), connected, policy=NEEDED, needs=(need(CALENDAR),))
    assert decide(known).reason is Reason.NEEDED


def test_another_account_that_works_does_not_keep_this_one_from_recovering() -> None:
    """Grants are of an account: the one that signs in is looked at."""
    known = situation(grant(DEAD), grant(State.ACTIVE, CALENDAR, sub=OTHER_SUB))
    assert decide(known).reason is Reason.NO_GRANT


def test_where_the_account_is_not_named_any_that_works_will_do() -> None:
    """An IdP that does not say who signs in must not make somebody consent in vain."""
    known = situation(
        grant(DEAD), grant(State.ACTIVE, CALENDAR, sub=OTHER_SUB), offers=(offer(account=None),)
    )
    assert decide(known).reason is Reason.USABLE


# Orders


@pytest.mark.parametrize(
    ("wanted", "held", "forces"),
    [
        (Filter(), grant(DEAD), True),
        (Filter(), None, True),
        (Filter(state=DEAD), grant(DEAD), True),
        (Filter(state=DEAD), grant(State.MISSING), False),
        (Filter(state=DEAD), None, False),
        (Filter(reason="testing_mode"), grant(DEAD, reason="testing_mode"), True),
        (Filter(reason="testing_mode"), grant(DEAD, reason="unknown"), False),
        (Filter(no_usable_grant=True), grant(DEAD), True),
        (Filter(no_usable_grant=True), None, True),
        (Filter(missing_scope=CALENDAR), grant(DEAD), True),
        (Filter(missing_scope=DRIVE), grant(DEAD), False),  # this round would not ask for it
        (Filter(idle_since=NOW), grant(DEAD), True),
        (Filter(idle_since=NOW - DAY), grant(DEAD, refreshed_at=NOW), False),
    ],
)
def test_an_order_means_whom_its_filter_means(wanted: Filter, held: Any, *, forces: bool) -> None:
    """And nobody else."""
    known = situation(*([held] if held else []), policy=ORDERED, orders=(order(wanted),))
    assert decide(known).forces is forces


def test_an_order_for_users_without_a_usable_grant_looks_at_all_of_them() -> None:
    """Another client's grant that works is one."""
    known = situation(
        grant(DEAD),
        grant(State.ACTIVE, CALENDAR, client_id=DATA),
        policy=ORDERED,
        orders=(order(Filter(no_usable_grant=True)),),
    )
    assert not decide(known).forces


@pytest.mark.parametrize("state", WORKING)
def test_a_working_grant_is_asked_for_only_by_an_order_that_says_so(state: State) -> None:
    """`include_active` is needed, and then every policy but `observe` asks."""
    for policy in (ORDERED, NEEDED, ALWAYS):
        known = situation(grant(state, CALENDAR), policy=policy, orders=(order(),))
        assert not decide(known).forces
        asked = replace(known, orders=(order(include_active=True),))
        assert decide(asked).reason is Reason.ORDERED


def test_who_consented_since_an_order_was_made_is_not_asked_for_it() -> None:
    """However the consent came about."""
    renewed = grant(State.ACTIVE, live=token("new", NOW - 60, (CALENDAR,)))
    known = situation(renewed, orders=(order(include_active=True),))
    assert decide(known).reason is Reason.USABLE


def test_a_decision_names_all_orders_behind_it() -> None:
    """So that one consent fulfils them all."""
    orders = (order(), order(Filter(state=DEAD), id="o2"), order(Filter(state=State.MISSING)))
    assert decide(situation(grant(DEAD), orders=orders)).orders == ("o1", "o2")


# A tenant with a client for data


def data_offers(**more: Any) -> dict[str, Any]:
    main = offer(client_id=DATA, account=None, scopes=None, serves=frozenset({DATA, CLIENT}))
    signing_in = offer(scopes=None, is_main=False)
    return {"offers": (main, signing_in), **more}


def test_consent_is_asked_for_the_client_that_the_app_works_with() -> None:
    """A sign-in client that never has a token does not count as one that lost it."""
    known = situation(grant(State.MISSING), **data_offers())
    assert (decide(known).reason, decide(known).client_id) == (Reason.NO_GRANT, DATA)


def test_a_working_data_grant_of_any_account_is_enough() -> None:
    """Data may be another account's than the one that signs in."""
    connected = grant(State.ACTIVE, CALENDAR, client_id=DATA, sub=OTHER_SUB)
    known = situation(grant(State.MISSING), connected, **data_offers())
    assert decide(known).reason is Reason.USABLE


def test_a_round_for_signing_in_does_not_stand_for_the_data_client() -> None:
    """An IdP that can only ask for its own client forces nobody under `always`."""
    known = situation(grant(State.MISSING), offers=(offer(is_main=False),))
    assert decide(known).reason is Reason.NO_EVIDENCE


def test_a_need_of_the_sign_in_client_is_met_at_the_data_client() -> None:
    """A backend that names no client had its need noted there."""
    known = situation(policy=NEEDED, needs=(need(CALENDAR),), **data_offers())
    assert (decide(known).reason, decide(known).client_id) == (Reason.NEEDED, DATA)


# Obstacles


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (grant(State.BLOCKED, reason="admin_policy_enforced"), Reason.BLOCKED),
        (grant(State.BLOCKED, reason="wrong_client"), Reason.BLOCKED),
        (grant(State.REVOKING), Reason.REVOKING),
        (grant(DEAD, reason="session_control"), Reason.SESSION_CONTROL),
    ],
)
@pytest.mark.parametrize("evidence", EVIDENCE)
def test_what_consent_does_not_mend_is_left_alone(held: Any, reason: Reason, evidence: str) -> None:
    """Whatever speaks for asking."""
    assert decide(situation(held, **EVIDENCE[evidence][0])).reason is reason


@pytest.mark.parametrize("evidence", EVIDENCE)
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"occasion": {"is_returned": True}}, Reason.RETURNED),
        ({"occasion": {"can_redirect": False}}, Reason.CANNOT_REDIRECT),
        ({"occasion": {"is_late": True}}, Reason.LATE),
        ({"offers": ()}, Reason.UNKNOWN_CLIENT),
        ({"offers": (offer(is_faulty=True),)}, Reason.CLIENT_FAULT),
        ({"rounds": (last_round(login="login", outcome=Outcome.GIVEN),)}, Reason.ASKED),
        ({"rounds": (last_round(logins=("login",), outcome=Outcome.GIVEN),)}, Reason.ASKED),
        ({"rounds": (last_round(asked_at=NOW - 5),)}, Reason.UNDER_WAY),
        ({"rounds": (last_round(client_id=DATA, asked_at=NOW - 5),)}, Reason.UNDER_WAY),
        (
            {"rounds": (last_round(outcome=Outcome.DENIED, settled_at=NOW - WEEK + 1),)},
            Reason.RESTING,
        ),
        (
            {"rounds": (last_round(outcome=Outcome.ABANDONED, settled_at=NOW - DAY),)},
            Reason.RESTING,
        ),
        (
            {"rounds": (last_round(outcome=Outcome.GIVEN, times=(NOW, NOW - 9, NOW - DAY + 1)),)},
            Reason.TOO_MANY,
        ),
    ],
)
def test_an_obstacle_keeps_everybody_from_being_asked(
    evidence: str, given: dict[str, Any], reason: Reason
) -> None:
    """Orders too."""
    assert decide(situation(grant(DEAD), **(EVIDENCE[evidence][0] | given))).reason is reason


@pytest.mark.parametrize(
    "over",
    [
        last_round(outcome=Outcome.DENIED, settled_at=NOW - WEEK),
        last_round(outcome=Outcome.ABANDONED, settled_at=NOW - WEEK),
        last_round(outcome=Outcome.GIVEN),
        last_round(outcome=Outcome.GIVEN, times=(NOW, NOW - DAY, NOW - DAY - 1)),
    ],
)
def test_an_obstacle_passes(over: Any) -> None:
    """After the rest, after a consent that did not last, and after a day."""
    assert decide(situation(grant(DEAD), rounds=(over,))).forces


def test_google_s_cap_stops_all_but_an_order() -> None:
    """At a hundred refresh tokens one more would end one."""
    full = (offer(minted=CAP),)
    assert decide(situation(grant(DEAD), offers=full)).reason is Reason.CAP_REACHED
    assert decide(situation(grant(DEAD), offers=(offer(minted=CAP - 1),))).forces
    assert decide(situation(grant(DEAD), offers=full, orders=(order(),))).forces


def test_the_same_message_gets_the_same_answer() -> None:
    """Its own round is no obstacle to it."""
    own = last_round(login="login", message="message", asked_at=NOW - UNDER_WAY_S // 2)
    assert decide(situation(grant(DEAD), rounds=(own,))).forces


def test_what_a_user_left_unticked_is_not_asked_for_again_at_once() -> None:
    """A consent to a part is a refusal of the rest; later it may be asked for again."""
    partly = last_round(outcome=Outcome.GIVEN, wanted=(CALENDAR, DRIVE))
    known = situation(
        grant(State.ACTIVE, CALENDAR),
        needs=(need(DRIVE),),
        offers=(offer(CALENDAR, DRIVE),),
        rounds=(partly,),
    )
    assert decide(known).reason is Reason.RESTING
    assert decide(replace(known, now=NOW + WEEK)).reason is Reason.NEEDED


def test_a_grant_that_died_after_a_consent_is_recovered_without_rest() -> None:
    """Nobody refused anything."""
    given = last_round(outcome=Outcome.GIVEN, asked_at=NOW - 3600)
    known: Situation = situation(grant(DEAD), needs=(need(CALENDAR),), rounds=(given,))
    assert decide(known).reason is Reason.NEEDED
