"""The sample app's database: who signs in here, which accounts they connected, who is signed in."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bridge.sandbox.relying_party import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedAccount:
    """A Google account of a member: all that an app needs to keep of it."""

    sub: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user; the first account is the one that they sign in with."""

    subject: str
    name: str
    accounts: tuple[ConnectedAccount, ...]

    @property
    def first_name(self) -> str:
        """How pages address them."""
        return self.name.partition(" ")[0]

    def account(self, sub: str) -> ConnectedAccount | None:
        """Return one of the member's own accounts."""
        return next((account for account in self.accounts if account.sub == sub), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser: on its way through a sign-in, or signed in; `notice` is shown once."""

    attempt: Attempt | None = None
    subject: str = ""
    notice: str = ""


class Members:
    """Members and sessions, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._sessions: dict[str, Session] = {}

    def sign_in(self, claims: Mapping[str, Any]) -> Member:
        """Return the member of the IdP's ID token, made if need be."""
        own = ConnectedAccount(sub=str(claims["google_sub"]), email=str(claims["email"]))
        subject = str(claims["sub"])
        with self._lock:
            known = self._members.get(subject)
            others = known.accounts[1:] if known else ()
            name = str(claims.get("name") or own.email)
            member = Member(subject=subject, name=name, accounts=(own, *others))
            self._members[subject] = member
        return member

    def connect(self, subject: str, account: ConnectedAccount) -> None:
        """Add an account to a member's."""
        with self._lock:
            member = self._members[subject]
            if member.account(account.sub) is None:
                more = (*member.accounts, account)
                self._members[subject] = replace(member, accounts=more)

    def drop(self, subject: str, sub: str) -> None:
        """Take an account off, but for the one that the member signs in with."""
        with self._lock:
            member = self._members[subject]
            own, *others = member.accounts
            kept = (own, *(account for account in others if account.sub != sub))
            self._members[subject] = replace(member, accounts=kept)

    def member(self, session: Session) -> Member | None:
        """Return who a session belongs to."""
        with self._lock:
            return self._members.get(session.subject)

    def session(self, session_id: str | None) -> Session:
        """Return a browser's session, an empty one if it has none."""
        with self._lock:
            return self._sessions.get(session_id or "", Session())

    def keep(self, session: Session, session_id: str | None = None) -> str:
        """Keep a session under its id, or under a new one; return the id."""
        session_id = session_id or secrets.token_urlsafe()
        with self._lock:
            self._sessions[session_id] = session
        return session_id

    def end(self, session_id: str | None) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session_id or "", None)
