"""What happened in a demo, in the words of who did it; the page beside the sample app tells it.

Owns facts, no tokens: a refresh token is there or not, and that is all that is said of it.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.clock import Clock

BROUGHT: Final = "brought"
KEPT: Final = "kept"
"""Words of a sign-in: whether Google handed out a refresh token, or the former one has to do."""

_MOST: Final = 500


class Actor(StrEnum):
    """Who did something."""

    APP = "Planner"
    IDP = "Identity provider"
    GOOGLE = "Google"
    USER = "User"
    ADMIN = "Admin"


class Kind(StrEnum):
    """What was done."""

    SIGNED_IN = "signed_in"
    SENT_TO_CONSENT = "sent_to_consent"
    RETURNED = "returned"
    HOOK_FAILED = "hook_failed"
    READ = "read"
    WRITTEN = "written"
    REFUSED = "refused"
    BROKEN = "broken"
    CONNECTED = "connected"
    NOT_CONNECTED = "not_connected"
    SIGNED_OUT = "signed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened.

    Attributes:
        at: Unix time.
        actor: who did it.
        kind: what.
        email: of the Google account that it is about.
        text: the same for people.
        said: the bridge's own words in it.
        word: a detail for machines: of a sign-in BROUGHT or KEPT, of a refusal the problem's code,
            of a loss its way.
    """

    at: float
    actor: Actor
    kind: Kind
    email: str
    text: str
    said: str = ""
    word: str = ""


class Diary:
    """Entries in the order in which things happened; the oldest are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=_MOST)

    def write(
        self,
        actor: Actor,
        kind: Kind,
        email: str,
        text: str,
        *,
        said: str = "",
        word: str = "",
    ) -> None:
        """Add an entry; one that only repeats the account's last is left out."""
        entry = Entry(
            at=self._clock.now(),
            actor=actor,
            kind=kind,
            email=email,
            text=text,
            said=said,
            word=word,
        )
        with self._lock:
            if kind not in {Kind.READ, Kind.REFUSED} or not self._repeats(entry):
                self._entries.append(entry)

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries, the oldest first."""
        with self._lock:
            return tuple(self._entries)

    def _repeats(self, entry: Entry) -> bool:
        # A page that is loaded again reads again; that is no news.
        last = next((e for e in reversed(self._entries) if e.email == entry.email), None)
        return last is not None and (last.kind, last.said) == (entry.kind, entry.said)
