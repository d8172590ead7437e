"""One refresh, from its lease to its last write: what it began with, and what it may still try.

Owns whose turn it is among a grant's refresh tokens. Calls nobody and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.errors import BridgeError
from bridge.model import Grant, RefreshToken
from bridge.tokens.clients import Client
from bridge.vault import lifecycle


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A refresh under a lease.

    Attributes:
        grant: as read under the lease, then as this attempt wrote it.
        client: the Google client of the grant.
        scopes: the scope set wanted; None is all that is granted.
        fence: the lease's.
        until: when it should be over, by the monotonic clock.
        patient: whether its reader waits for a place at the client's rate.
        run: the caller's label, for the log.
        narrows: whether Google is asked for a part of what is granted.
        tried: marks of the refresh tokens that had their turn.
        failure: what kept a token from serving; raised if no other one does.
        is_served: whether the live token has given an access token; what is left is to compare
            newer ones with it.
    """

    grant: Grant
    client: Client
    scopes: tuple[str, ...] | None
    fence: int
    until: float
    patient: bool
    run: str | None
    narrows: bool = True
    tried: set[bytes] = field(default_factory=set)
    failure: BridgeError | None = None
    is_served: bool = False

    def take_next(self) -> RefreshToken | None:
        """Return the refresh token whose turn it is; it had its turn then."""
        order = (lifecycle.contenders if self.is_served else lifecycle.order_of_trial)(self.grant)
        token = next((token for token in order if token.mark not in self.tried), None)
        if token is not None:
            self.tried.add(token.mark)
        return token

    def narrowed_to(self, token: RefreshToken) -> frozenset[str] | None:
        """Return the scopes to ask for: all, from a token that must prove what it has."""
        if self.scopes is None or not self.narrows or not self.is_live(token):
            return None
        return frozenset(self.scopes)

    def is_live(self, token: RefreshToken) -> bool:
        """Tell whether a token is the one that serves."""
        return self.grant.live is not None and token.mark == self.grant.live.mark

    def is_unproven(self, token: RefreshToken) -> bool:
        """Tell whether a token must still prove itself."""
        return any(token.mark == candidate.mark for candidate in self.grant.candidates)

    def put_off(self, token: RefreshToken, error: BridgeError) -> None:
        """Leave a token for another time, for a reason that is likely to hold for others too.

        An unproven one must not keep a proven one from serving; where a proven one gets no answer,
        there is nothing left to try.
        """
        left = self.grant.candidates if self.is_unproven(token) else self.grant.tokens
        self.tried.update(t.mark for t in left)
        self.failure = error
