"""What a decision about consent depends on, and what it comes to: values without behaviour.

Owns the words: the login, the rounds that could be run at it, what is known of the user, and the
reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.config.tenants import Recovery
from bridge.model import Grant, Need, Order, Round

UNDER_WAY_S: Final = 600
"""How long a user may take at Google; whoever is not back by then has abandoned the round."""

WINDOW_S: Final = 24 * 3600
"""How far back rounds that came to nothing are counted."""


class Reason(StrEnum):
    """Why a login goes on, or why not."""

    ORDERED = "ordered"
    NEEDED = "needed"
    REQUIRED = "required_scopes"
    NO_GRANT = "no_usable_grant"

    UNKNOWN_CLIENT = "unknown_client"
    RETURNED = "returned"
    CANNOT_REDIRECT = "cannot_redirect"
    LATE = "late"
    OBSERVE = "observe"
    USABLE = "grant_usable"
    NO_EVIDENCE = "no_evidence"
    NOT_MET = "not_met_by_login"
    BLOCKED = "blocked"
    REVOKING = "revoking"
    SESSION_CONTROL = "session_control"
    CLIENT_FAULT = "client_fault"
    ASKED = "asked_in_this_login"
    UNDER_WAY = "under_way"
    RESTING = "resting"
    TOO_MANY = "too_many_rounds"
    CAP_REACHED = "cap_reached"


FORCING: Final = frozenset({Reason.ORDERED, Reason.NEEDED, Reason.REQUIRED, Reason.NO_GRANT})


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a login.

    Attributes:
        reason: why; it alone tells whether consent is forced.
        client_id: the client that consent is asked for.
        scopes: what is asked for, beside what the account has granted already.
        orders: ids of the orders behind it.
    """

    reason: Reason
    client_id: str | None = None
    scopes: frozenset[str] = frozenset()
    orders: tuple[str, ...] = ()

    @property
    def forces(self) -> bool:
        """Whether the user must consent once more."""
        return self.reason in FORCING


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A round that could be run at this login.

    Attributes:
        client_id: whose consent it would ask for.
        account: the `sub` of whoever would consent, if that matters.
        scopes: what it would ask for; None is whatever is wanted.
        serves: clients whose needs it would meet.
        is_main: the app works with this client's grants, so that it counts if there is none.
        has_capture: this login's refresh token for it is here, and waits for its binding.
        is_faulty: Google refuses the client itself.
        minted: how many refresh tokens Google has given for account and client.
    """

    client_id: str
    account: str | None
    scopes: frozenset[str] | None
    serves: frozenset[str]
    is_main: bool
    has_capture: bool = False
    is_faulty: bool = False
    minted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The login under way.

    Attributes:
        login, message: keyed hashes; empty where there is none yet.
        is_returned: the user is back from a consent in this login.
        can_redirect: the IdP can send the user to Google in this login.
        is_late: nobody waits for the answer any more.
        scopes: what the IdP says it asks Google for.
    """

    login: str = ""
    message: str = ""
    is_returned: bool = False
    can_redirect: bool = True
    is_late: bool = False
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a decision depends on.

    Attributes:
        now: Unix seconds.
        policy, rest_s, required: the tenant's `recovery`, rest and `required_scopes`.
        occasion: the login.
        offers: rounds that could be run, the first first; none for a client that is not known.
        grants: all of the subject's, as they are after this login.
        needs: what backends asked for in vain.
        orders: those that are in force, mean this subject by name or filter, and are not fulfilled.
        rounds: the subject's last round for each client, settled as far as can be told.
    """

    now: int
    policy: Recovery
    rest_s: int
    required: frozenset[str]
    occasion: Occasion
    offers: tuple[Offer, ...]
    grants: tuple[Grant, ...]
    needs: tuple[Need, ...]
    orders: tuple[Order, ...]
    rounds: Mapping[str, Round]
