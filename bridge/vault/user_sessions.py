"""Sessions on the connections page: the links that open them, and the browsers that hold them.

Owns the texts of both: 256 random bits each, found again by keyed hashes, so that a copy of the
store opens nothing. What is shown in a session is the connections page's business.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.model import SessionLink, UserSession
from bridge.secret import Secret
from bridge.store.base import Ref, StoreConflictError
from bridge.vault.records import Held, Index, Records

LINK: Final = "session_link"
SESSION: Final = "user_session"
LINK_LIVES_S: Final = 15 * 60
SESSION_LIVES_S: Final = 30 * 60
# Beyond its end a link says only that it is over.
_LINK_KEPT_S: Final = 24 * 3600

_TEXT_BYTES: Final = 32
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class UserSessions:
    """All of them."""

    records: Records
    clock: Clock

    def invite(
        self, tenant: str, subject: str, scopes: tuple[str, ...], return_to: str | None
    ) -> tuple[Secret, int]:
        """Make a link; return what opens it, and when it expires in Unix seconds."""
        text = Secret(secrets.token_urlsafe(_TEXT_BYTES))
        link = SessionLink(
            tenant=tenant,
            subject=subject,
            scopes=scopes,
            return_to=return_to,
            expires_at=int(self.clock.now()) + LINK_LIVES_S,
        )
        index = Index(tenant=tenant, expires_at=link.expires_at + _LINK_KEPT_S)
        self.records.store.commit([self.records.put(self._place(LINK, text), link, index)])
        return text, link.expires_at

    def link(self, text: str) -> SessionLink | None:
        """Return the link that a text names, used or expired or not; None if there is none."""
        held = self._link(text)
        return None if held is None else held.record

    def open(self, text: str) -> Secret | None:
        """Use a link up; return what the browser must bring from now on, None if it is too late.

        Of two that open it at once, one does.
        """
        held = self._link(text)
        if held is None or not self.is_open(held.record):
            return None
        used = self.records.replace(held, replace(held.record, is_used=True))
        try:
            self.records.store.commit([used])
        except StoreConflictError:
            return None
        return self._begin(held.record)

    def is_open(self, link: SessionLink) -> bool:
        """Tell whether a link can be opened still."""
        return not link.is_used and link.expires_at > self.clock.now()

    def find(self, cookie: str | None) -> UserSession | None:
        """Return the session that a browser's cookie proves, or None."""
        if cookie is None or not _TEXT.fullmatch(cookie):
            return None
        held = self.records.get(self._place(SESSION, Secret(cookie)), UserSession)
        if held is None or held.record.expires_at <= self.clock.now():
            return None
        return held.record

    def form_token(self, cookie: str) -> str:
        """Return what every form of a session carries: no other site can know it."""
        return self.records.keys.hasher.index("session-form", cookie)

    def is_own_form(self, cookie: str, token: str) -> bool:
        """Tell whether a form came from a page of this session."""
        return compare_digest(self.form_token(cookie).encode(), token.encode())

    def _begin(self, link: SessionLink) -> Secret:
        cookie = Secret(secrets.token_urlsafe(_TEXT_BYTES))
        session = UserSession(
            tenant=link.tenant,
            subject=link.subject,
            scopes=link.scopes,
            return_to=link.return_to,
            expires_at=int(self.clock.now()) + SESSION_LIVES_S,
        )
        index = Index(tenant=link.tenant, expires_at=session.expires_at)
        self.records.store.commit([self.records.put(self._place(SESSION, cookie), session, index)])
        return cookie

    def _link(self, text: str) -> Held[SessionLink] | None:
        if not _TEXT.fullmatch(text):
            return None
        return self.records.get(self._place(LINK, Secret(text)), SessionLink)

    def _place(self, kind: str, text: Secret) -> Ref:
        name = self.records.keys.hasher.index(kind, text.reveal())
        return Ref(kind, name, kind)
