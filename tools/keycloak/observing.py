"""The demo's diary, which also notes the logins that it sees at Google.

The sandbox's own IdP writes a diary; Keycloak does not. What its logins brought shows at the
stand-in for Google, and that is looked at whenever the diary is written or read.
"""

from __future__ import annotations

import threading
from typing import Final

from bridge.clock import Clock
from bridge.sandbox.diary import BROUGHT, KEPT, Actor, Diary, Entry, Kind
from bridge.sandbox.records import Account, Client
from bridge.sandbox.state import SandboxGoogle

_CODE: Final = "authorization_code"


class ObservingDiary(Diary):
    """A diary that knows of logins without being told."""

    def __init__(self, clock: Clock, google: SandboxGoogle, client: Client) -> None:
        super().__init__(clock)
        self._google = google
        self._client = client
        self._seen: dict[str, tuple[int, frozenset[str]]] = {}
        self._observing = threading.Lock()

    def write(
        self, actor: Actor, kind: Kind, email: str, text: str, *, said: str = "", word: str = ""
    ) -> None:
        """Note something, after what was seen before it."""
        self._observe()
        super().write(actor, kind, email, text, said=said, word=word)

    def entries(self) -> tuple[Entry, ...]:
        """Return all that happened, what was just seen as well."""
        self._observe()
        return tuple(super().entries())

    def _observe(self) -> None:
        with self._observing:
            for account in self._google.accounts.all():
                self._observe_account(account)

    def _observe_account(self, account: Account) -> None:
        logins = self._google.stats().count(
            grant_type=_CODE, client_id=self._client.client_id, sub=account.sub, outcome="ok"
        )
        held = frozenset(it.token for it in self._google.refresh_tokens(account, self._client))
        seen, held_before = self._seen.get(account.sub, (0, frozenset()))
        self._seen[account.sub] = logins, held | held_before
        brought = len(held - held_before)
        for number in range(logins - seen):
            # Of several since the last look, the last ones brought the tokens: before a forced
            # consent there is a login without.
            is_brought = number >= logins - seen - brought
            first_name = account.name.partition(" ")[0]
            gave = "a refresh token" if is_brought else "no refresh token"
            text = f"{first_name} came from Google, which gave {gave}."
            word = BROUGHT if is_brought else KEPT
            super().write(Actor.IDP, Kind.SIGNED_IN, account.email, text, word=word)
