"""What a request comes down to: whose grant, which scopes, how long it must last.

Owns the checks that need no store: exactly one way to name the grant, scopes that exist and that
the caller may have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from bridge.errors import Action, BridgeError, Code, invalid
from bridge.google.scopes import SIGN_IN, covering, normalise, scopes_for
from bridge.model import Caller, Grant
from bridge.tokens.wire import TokenRequest

_REMEMBERED: Final = (
    256  # sets of scopes: few are in use, and each takes longer to make than to find
)


class Demand(msgspec.Struct, frozen=True):
    """A request that is in order.

    Attributes:
        caller: who asks.
        request: as it came.
        scopes: all of these are needed; normalised.
    """

    caller: Caller
    request: TokenRequest
    scopes: frozenset[str]

    @property
    def wanted(self) -> frozenset[str]:
        """What to ask a user for who has granted nothing yet."""
        return self.lacking(frozenset())

    def lacking(self, reach: frozenset[str]) -> frozenset[str]:
        """Return the scopes to ask the user for, given what a token may carry; empty is enough.

        Raises:
            BridgeError: `forbidden`; no scope that opens an action is in the caller's allowance.
        """
        if not self.request.actions:
            return self.scopes - reach
        covered = covering(self.request.actions, reach, allowed=self.caller.scopes)
        if covered.refused:
            raise _beyond(f"the action {covered.refused[0]}", "actions")
        return covered.ask

    def reach(self, grant: Grant) -> frozenset[str]:
        """Return what a token of this grant may carry for this caller: granted ∩ its allowance.

        The sign-in scopes never count as wider: Google puts them into every token that has them.
        """
        return _within(grant.granted, self.caller.scopes)

    def no_grant(self) -> BridgeError:
        """Return the error for a grant that is not there, or not for this caller."""
        return no_grant(self.wanted)


@lru_cache(maxsize=_REMEMBERED)
def _with_sign_in(allowed: frozenset[str]) -> frozenset[str]:
    return allowed | SIGN_IN


@lru_cache(maxsize=_REMEMBERED)
def _within(granted: tuple[str, ...], allowed: frozenset[str] | None) -> frozenset[str]:
    return frozenset(granted) if allowed is None else _with_sign_in(allowed).intersection(granted)


def demand_of(caller: Caller, request: TokenRequest) -> Demand:
    """Check a request on its own.

    Raises:
        BridgeError: `invalid_request` with the field; `forbidden` for a scope that the caller may
            not have; `grant_missing` for a tenant it may not see.
    """
    if "token" not in caller.permissions:
        raise BridgeError(Code.FORBIDDEN, "This caller may not ask for tokens.")
    _check_names(request)
    scopes = normalise(request.scopes)
    for position, action in enumerate(request.actions):
        scopes_for(action, field=f"actions[{position}]")
    if caller.scopes is not None and not scopes <= _with_sign_in(caller.scopes):
        raise _beyond("a scope", f"scopes[{_first_beyond(request.scopes, caller.scopes)}]")
    demand = Demand(caller, request, scopes)
    is_hidden = request.tenant is not None and not caller.sees(request.tenant)
    if request.actions or is_hidden:
        # An action that no allowed scope opens is refused first, whoever the subject is.
        missing = demand.no_grant()
        if is_hidden:
            # Word for word the answer for a subject that does not exist: tenants are not to be
            # guessed.
            raise missing
    return demand


def _first_beyond(scopes: Sequence[str], allowed: frozenset[str]) -> int:
    is_beyond = (not normalise([scope]) <= allowed | SIGN_IN for scope in scopes)
    return next(position for position, beyond in enumerate(is_beyond) if beyond)


def no_grant(wanted: Collection[str]) -> BridgeError:
    """Return the error for a grant that is not there; a user mends it by granting `wanted`."""
    return BridgeError(
        Code.GRANT_MISSING,
        "There is no grant for this subject. It appears when the user signs in with Google, "
        "or connects an account.",
        action=Action("connect", tuple(sorted(wanted))),
    )


def _check_names(request: TokenRequest) -> None:
    if (request.subject is None) == (request.grant is None):
        raise invalid("Give `subject` or `grant`, one of them.", field="subject")
    if request.subject is not None and request.tenant is None:
        raise invalid("A `subject` needs its `tenant`.", field="tenant")
    if bool(request.scopes) == bool(request.actions):
        raise invalid("Give `scopes` or `actions`, one of them and not empty.", field="scopes")


def _beyond(what: str, field: str) -> BridgeError:
    return BridgeError(
        Code.FORBIDDEN,
        f"This caller may not have {what}; an admin widens its allowance.",
        field=field,
    )
