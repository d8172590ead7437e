"""How a reader comes for a token: to stay until it has it, or to leave and come back.

Owns the two, and what a reader takes along that leaves. A server's thread leaves: while Google is
asked it answers others, and thousands who wait for one token cost no thread at all.
"""

from __future__ import annotations

from typing import Final

import msgspec

from bridge.errors import BridgeError
from bridge.tokens.flights import Flight


class Awaited(msgspec.Struct, frozen=True):
    """What a reader that has left waits for.

    Attributes:
        flight: the refresh under way.
        shares: whether its failure is the reader's too; not of one whose old token is still valid.
    """

    flight: Flight
    shares: bool


class Left(Exception):  # noqa: N818 - nothing went wrong
    """A reader has left: it is to come back once a flight has landed.

    To be kept is what it waits for; this one holds on to the whole stack that it came through.
    """

    def __init__(self, awaited: Awaited) -> None:
        super().__init__()
        self.awaited = awaited


class Visit(msgspec.Struct, frozen=True):
    """How a reader comes.

    Attributes:
        leaves: rather than wait it raises `Left`.
        times: how often it has come back.
        failure: of the flight that it came back from.
    """

    leaves: bool
    times: int = 0
    failure: BridgeError | None = None

    def after(self, awaited: Awaited) -> Visit:
        """Return the visit that follows, once the flight has landed."""
        failure = awaited.flight.error if awaited.shares else None
        return Visit(self.leaves, self.times + 1, failure)

    def check(self) -> None:
        """Raise the failure of the flight that the reader came back from.

        Raises:
            BridgeError: a copy; the same for all who waited for it.
        """
        if self.failure is not None:
            raise self.failure.again()


STAYS: Final = Visit(leaves=False)
LEAVES: Final = Visit(leaves=True)
