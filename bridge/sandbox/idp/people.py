"""The IdP's users, made at their first login, and their sessions."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user: `subject` is the IdP's permanent id, `google_sub` the account they sign in with."""

    subject: str
    google_sub: str
    email: str
    name: str
    hd: str | None


class People:
    """Users and sessions, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_google: dict[str, Person] = {}
        self._sessions: dict[str, Person] = {}

    def of(self, claims: Mapping[str, Any]) -> Person:
        """Return the user of a Google ID token, made if need be."""
        sub = str(claims["sub"])
        with self._lock:
            known = self._by_google.get(sub)
            person = Person(
                subject=known.subject if known else f"user-{secrets.token_hex(6)}",
                google_sub=sub,
                email=str(claims.get("email", "")),
                name=str(claims.get("name", "")),
                hd=claims.get("hd"),
            )
            self._by_google[sub] = person
        return person

    def start_session(self, person: Person) -> str:
        """Return a new session's id."""
        session = secrets.token_urlsafe()
        with self._lock:
            self._sessions[session] = person
        return session

    def of_session(self, session: str | None) -> Person | None:
        """Return whose session it is."""
        with self._lock:
            return self._sessions.get(session or "")

    def end_session(self, session: str | None) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session or "", None)
