"""The tour: what to click, which of it has been done, and what the numbers at Google say.

Owns steps and their evidence. A step is done when the diary shows it, not when a button was
pressed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.sandbox.diary import KEPT, Diary, Entry, Kind
from bridge.sandbox.records import Client
from bridge.sandbox.state import SandboxGoogle

_SHOWN: Final = 14
_TWICE: Final = 2
ANN: Final = "ann@gmail.com"
BOB: Final = "bob@gmail.com"
ANN_AT_WORK: Final = "ann@work.example"

_FIRST: Final = (
    f"Press “Sign in”, continue with Google, choose {ANN} and allow. Google shows its consent "
    "screen this once and gives the identity provider a refresh token; its hook passes it on, "
    "encrypted. Planner's backend then asks the bridge for an access token."
)
_AGAIN: Final = (
    "No consent screen, and Google gives no refresh token this time: where an identity provider "
    "keeps the tokens itself, that is how they get lost. The bridge kept the first."
)
_LOSE: Final = (
    "Break Ann's access in one of the three ways below. Then sign out and in again: she is asked "
    "to consent once, in the middle of the login, and her calendar is back."
)
_BOB: Final = (
    f"Sign out, sign in as {BOB} (Google's own first consent), sign out, sign in as Bob again. "
    "Whatever became of Ann's access, Bob sees no consent screen a second time."
)
_SECOND: Final = (
    f"Signed in as Ann, press “Connect another account” and choose {ANN_AT_WORK}. It belongs to "
    "Ann only once Planner's backend has redeemed what her browser brought back."
)
_DISCONNECT: Final = "Press “Manage connected accounts”: forget it here, or revoke it at Google."


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step as the page shows it; `parts` are what it consists of, with what is done of it."""

    title: str
    what: str
    done: bool
    current: bool = False
    parts: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What Google counted for an account."""

    email: str
    screens: int
    refreshes: int
    refresh_tokens: int


class Tour:
    """The story of Ann, with Bob as the second user."""

    def __init__(self, diary: Diary, google: SandboxGoogle, client: Client) -> None:
        self._diary = diary
        self._google = google
        self._client = client

    def steps(self) -> Sequence[Step]:
        """Return the steps, the first that is not done marked as the current one."""
        told = self._diary.entries()
        ann = [entry for entry in told if entry.email == ANN]
        found = False
        steps = []
        for title, what, parts in _script(told, ann):
            done = all(is_done for _, is_done in parts)
            current = not done and not found
            found = found or current
            shown = parts if len(parts) > 1 else ()
            steps.append(Step(title=title, what=what, done=done, current=current, parts=shown))
        return steps

    def latest(self) -> Sequence[Entry]:
        """Return what happened last, the newest first."""
        return self._diary.entries()[: -_SHOWN - 1 : -1]

    def counted(self) -> Sequence[Counted]:
        """Return Google's counters for the accounts that were used."""
        stats = self._google.stats()
        rows = []
        for account in self._google.accounts.all():
            screens = stats.consent_screens.get((account.sub, self._client.client_id), 0)
            tokens = self._google.refresh_tokens(account, self._client)
            if screens or tokens:
                row = Counted(
                    email=account.email,
                    screens=screens,
                    refreshes=stats.count(grant_type="refresh_token", sub=account.sub),
                    refresh_tokens=len(tokens),
                )
                rows.append(row)
        return rows


_Parts = tuple[tuple[str, bool], ...]


def _script(told: Sequence[Entry], ann: Sequence[Entry]) -> Iterable[tuple[str, str, _Parts]]:
    """Yield each step's title, what to do, and what it consists of."""
    kept = any(entry.kind is Kind.SIGNED_IN and entry.word == KEPT for entry in ann)
    losses = (
        ("as Google: the tokens die", _recovered(ann, "google")),
        ("as the user: access is taken away", _recovered(ann, "user")),
        ("as an admin: the grant is forgotten", _recovered(ann, "admin")),
    )
    gone = _after(told, lambda entry: entry.kind is Kind.CONNECTED, _is_gone)
    yield "Sign in as Ann, and see her calendar", _FIRST, (("", _any(ann, Kind.READ)),)
    yield "Sign out, and sign in as Ann again", _AGAIN, (("", kept),)
    yield "Lose the token, and get it back", _LOSE, losses
    yield "Meanwhile: Bob is never asked", _BOB, (("", _bob_is_left_alone(told)),)
    yield "Connect a second account", _SECOND, (("", _any(told, Kind.CONNECTED)),)
    yield "Disconnect it", _DISCONNECT, (("", gone),)


def _any(entries: Iterable[Entry], kind: Kind) -> bool:
    return any(entry.kind is kind for entry in entries)


def _after(
    entries: Sequence[Entry], first: Callable[[Entry], bool], then: Callable[[Entry], bool]
) -> bool:
    for place, entry in enumerate(entries):
        if first(entry):
            return any(map(then, entries[place + 1 :]))
    return False


def _is_gone(entry: Entry) -> bool:
    return entry.kind is Kind.REFUSED and entry.word in {"grant_missing", "reauth_required"}


def _recovered(ann: Sequence[Entry], way: str) -> bool:
    """Tell whether the access was broken in this way, and then served again."""
    for place, entry in enumerate(ann):
        if entry.kind is Kind.BROKEN and entry.word == way:
            return _after(ann[place:], _is_gone, lambda e: e.kind is Kind.READ)
    return False


def _bob_is_left_alone(told: Sequence[Entry]) -> bool:
    bob = [entry for entry in told if entry.email == BOB]
    logins = [entry for entry in bob if entry.kind is Kind.SIGNED_IN]
    return len(logins) >= _TWICE and logins[-1].word == KEPT and not _any(bob, Kind.SENT_TO_CONSENT)
