"""What a test tells a replica to do, and what the replica tells back."""

from __future__ import annotations

from typing import Literal

import msgspec

from tests.kit import CALENDAR

Point = Literal["call", "answer", "look", "write"]
"""Where a refresh can be: about to call, answered by Google, about to read again, about to write.

Google itself holds its answer back; at the other three the replica stops.
"""

Deed = Literal["read", "hook", "revoke", "forget", "stop", "go"]


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a replica's standard input.

    Attributes:
        do: `stop` has the next refresh stop at `point`, `go` lets it go on.
        shift: seconds by which the replica's clock is ahead from now on.
        subject, scope: whose token to read, and with what.
        grant: which one to revoke or forget.
        message, message_id: what the hook gets.
        point: where to stop.
    """

    do: Deed
    shift: float
    subject: str = ""
    scope: str = CALENDAR
    grant: str = ""
    message: str = ""
    message_id: str = ""
    point: Point = "call"


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a replica's standard output.

    Attributes:
        of: what it is about; `at` says that a refresh has stopped.
        refused: the error's code; empty if it went well.
    """

    of: Literal["ready", "at"] | Deed
    refused: str = ""
