"""Whether a login goes on or a consent is forced: one pure function over everything that is known.

Owns the order of the rules. Evidence comes first, then what stands in the way of acting on it, so
that the reason names an obstacle only where there was something to ask for.
"""

from __future__ import annotations

from typing import Final

from bridge.config.tenants import Recovery
from bridge.consent.evidence import View
from bridge.consent.situation import WINDOW_S, Decision, Offer, Reason, Situation
from bridge.model import Grant, Outcome, Round, State

MOST_ROUNDS: Final = 3
CAP: Final = 100
"""Refresh tokens that Google keeps alive per account and client; one more ends the oldest."""

# Of several rounds' reasons not to be run, what is told: the one that says most.
_SAYS_LITTLE: Final = (Reason.NOT_MET, Reason.USABLE, Reason.NO_EVIDENCE)


def decide(situation: Situation) -> Decision:
    """Return what is to become of a login."""
    occasion = situation.occasion
    if not situation.offers:
        return Decision(Reason.UNKNOWN_CLIENT)
    if occasion.is_returned:
        return Decision(Reason.RETURNED)
    if not occasion.can_redirect:
        return Decision(Reason.CANNOT_REDIRECT)
    if occasion.is_late:
        return Decision(Reason.LATE)
    if situation.policy is Recovery.OBSERVE:
        return Decision(Reason.OBSERVE)
    decisions = [_decide(situation, offer) for offer in situation.offers]
    forcing = next((found for found in decisions if found.forces), None)
    return forcing or min(decisions, key=_silence)


def _silence(decision: Decision) -> int:
    return _SAYS_LITTLE.index(decision.reason) + 1 if decision.reason in _SAYS_LITTLE else 0


def _decide(situation: Situation, offer: Offer) -> Decision:
    view = View(situation, offer)
    evidence = view.evidence()
    if not evidence.forces:
        return evidence
    obstacle = _obstacle(situation, offer, view, evidence)
    return Decision(obstacle) if obstacle else evidence


def _obstacle(situation: Situation, offer: Offer, view: View, evidence: Decision) -> Reason | None:
    beyond = [] if view.works else [_beyond_consent(grant) for grant in view.own]
    if beyond and all(beyond):
        return beyond[0]
    if offer.is_faulty:
        return Reason.CLIENT_FAULT
    message = situation.occasion.message
    if message and any(last.message == message for last in situation.rounds.values()):
        return None  # the same message once more gets the same answer
    if found := _history(situation):
        return found
    is_full = offer.minted >= CAP and evidence.reason is not Reason.ORDERED
    return Reason.CAP_REACHED if is_full else None


def _history(situation: Situation) -> Reason | None:
    """Return why this user is not to be asked now, by what came of asking before."""
    now, login = situation.now, situation.occasion.login
    rounds = situation.rounds.values()
    if login and any(login in (last.login, *last.logins) for last in rounds):
        return Reason.ASKED
    if any(last.outcome is None for last in rounds):
        return Reason.UNDER_WAY
    if any(_rests(last, now, situation.rest_s) for last in rounds):
        return Reason.RESTING
    recent = sum(abs(now - time) < WINDOW_S for last in rounds for time in last.times)
    return Reason.TOO_MANY if recent >= MOST_ROUNDS else None


def _rests(last: Round, now: int, rest_s: int) -> bool:
    if last.outcome not in (Outcome.DENIED, Outcome.ABANDONED):
        return False
    return now - (last.settled_at or last.asked_at) < rest_s


def _beyond_consent(grant: Grant) -> Reason | None:
    """Return why no consent of the user would mend a grant; None if one might."""
    if grant.state is State.BLOCKED:
        return Reason.BLOCKED
    if grant.state is State.REVOKING:
        return Reason.REVOKING
    if grant.state is State.REAUTH_REQUIRED and grant.reason == "session_control":
        return Reason.SESSION_CONTROL
    return None
