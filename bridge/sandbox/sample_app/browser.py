"""The browser in front of the sample app: its session and where it is sent next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from flask import Response, make_response, redirect, request

from bridge.sandbox.sample_app.members import Member, Members, Session

_COOKIE: Final = "planner_session"


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser of the request at hand."""

    members: Members

    def session(self) -> Session:
        """Return its session, an empty one if it has none."""
        return self.members.session(request.cookies.get(_COOKIE))

    def member(self) -> Member | None:
        """Return who is signed in."""
        return self.members.member(self.session())

    def notice(self) -> str:
        """Return what is to be said once."""
        session = self.session()
        if session.notice:
            told = replace(session, notice="")
            self.members.keep(told, request.cookies.get(_COOKIE))
        return session.notice

    def forget(self) -> None:
        """End its session."""
        self.members.end(request.cookies.get(_COOKIE))

    def sent(self, url: str, session: Session) -> Response:
        """Send it elsewhere, with a new session."""
        response = make_response(redirect(url, HTTPStatus.SEE_OTHER))
        session_id = self.members.keep(session)
        # Lax, as the IdP and the bridge send the browser back by a top-level GET.
        response.set_cookie(_COOKIE, session_id, httponly=True, samesite="Lax")
        return response

    def home(self, session: Session) -> Response:
        """Send it to the start page, with a new session."""
        return self.sent("/", session)

    def told(self, notice: str) -> Response:
        """Send it to the start page, where something is said once."""
        self.members.keep(replace(self.session(), notice=notice), request.cookies.get(_COOKIE))
        return make_response(redirect("/", HTTPStatus.SEE_OTHER))
