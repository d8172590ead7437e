"""The connections page in a browser: its one-time link, its session, its forms.

Owns the session's cookie and the proof that a form is the session's own. What is shown and done is
`bridge.connect.connections`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, request

from bridge.connect.connection_pages import (
    ConnectionsClosed,
    Done,
    ForeignForm,
    Welcome,
)
from bridge.connect.connections import Connections
from bridge.connect.invitations import PAGE_PATH
from bridge.connect.pages import Unknown
from bridge.errors import BridgeError, Code
from bridge.model import UserSession
from bridge.secret import Secret
from bridge.services import Services
from bridge.vault.user_sessions import SESSION_LIVES_S, UserSessions
from bridge.web.pages.headers import protected
from bridge.web.pages.origin import is_foreign
from bridge.web.pages.render import render

_SEE_OTHER: Final = 303
_LONGEST_FORM: Final = 4096
_TOKEN_FIELD: Final = "csrf"  # noqa: S105 - a field's name


@dataclass(frozen=True, slots=True)
class _Session:
    """A session that was proven, and what its forms carry."""

    user: UserSession
    cookie: str
    form_token: str


@dataclass(frozen=True, slots=True)
class ConnectionsSite:
    """The views."""

    connections: Connections
    sessions: UserSessions
    public_url: str

    def welcome(self, text: str) -> Response:
        """Show a button: whatever follows links by itself, such as a mail scanner, presses none."""
        link = self.sessions.link(text)
        if link is None:
            return render(Unknown())
        app = self.connections.app(link.tenant)
        if self.sessions.is_open(link):
            return render(Welcome(app=app, back=link.return_to, form=f"{PAGE_PATH}/{text}"))
        if link.is_used and self._session() is not None:
            return _to(PAGE_PATH)
        return render(ConnectionsClosed(app=app, back=link.return_to))

    def open(self, text: str) -> Response:
        """Open a session, in this browser only."""
        if is_foreign(request.environ, self.public_url):
            return render(ForeignForm(retry=f"{PAGE_PATH}/{text}"))
        cookie = self.sessions.open(text)
        if cookie is None:
            return self.welcome(text)
        response = _to(PAGE_PATH)
        self._set(response, cookie)
        return response

    def show(self) -> Response:
        """Show the accounts."""
        return self._shown(
            lambda its: render(self.connections.show(its.user, its.form_token, _done()))
        )

    def choose(self, grant: str) -> Response:
        """Show the two ways of disconnecting."""
        return self._shown(
            lambda its: render(self.connections.disconnecting(its.user, grant, its.form_token))
        )

    def forget(self, grant: str) -> Response:
        """Disconnect here."""
        return self._done(lambda its: _listing(self.connections.forget(its.user, grant)))

    def revoke(self, grant: str) -> Response:
        """Disconnect here and at Google."""
        return self._done(lambda its: _listing(self.connections.revoke(its.user, grant)))

    def reconnect(self, grant: str) -> Response:
        """Go to the page that says why it asks."""
        return self._done(lambda its: _to(self.connections.reconnect(its.user, grant).reveal()))

    def connect(self) -> Response:
        """Go to the page that says why it asks, for an account of the user's choice."""
        return self._done(lambda its: _to(self.connections.connect(its.user).reveal()))

    def _shown(self, show: Callable[[_Session], Response]) -> Response:
        session = self._session()
        if session is None:
            return render(ConnectionsClosed())
        try:
            return show(session)
        except BridgeError as error:
            if error.code not in {Code.GRANT_MISSING, Code.CONFLICT}:
                raise
            # It was disconnected meanwhile, in another tab or by the app.
            return _to(PAGE_PATH)

    def _done(self, act: Callable[[_Session], Response]) -> Response:
        def checked(session: _Session) -> Response:
            request.max_content_length = _LONGEST_FORM
            token = request.form.get(_TOKEN_FIELD, "")
            is_own = self.sessions.is_own_form(session.cookie, token)
            if not is_own or is_foreign(request.environ, self.public_url):
                app = self.connections.app(session.user.tenant)
                return render(ForeignForm(app=app, back=session.user.return_to, retry=PAGE_PATH))
            return act(session)

        return self._shown(checked)

    def _session(self) -> _Session | None:
        cookie = request.cookies.get(self._cookie)
        user = self.sessions.find(cookie)
        if user is None or cookie is None:
            return None
        return _Session(user, cookie, self.sessions.form_token(cookie))

    @property
    def _cookie(self) -> str:
        # The prefix makes browsers refuse it from another host and over http (RFC 6265bis section
        # 4.1.3.2), so that nobody can plant one; http is for development only.
        return "__Host-connections" if self._is_secure else "connections"

    @property
    def _is_secure(self) -> bool:
        return self.public_url.startswith("https://")

    def _set(self, response: Response, cookie: Secret) -> None:
        response.set_cookie(
            self._cookie,
            cookie.reveal(),
            max_age=SESSION_LIVES_S,
            path="/",
            secure=self._is_secure,
            httponly=True,
            # Lax and not Strict: the app's own link leads here.
            samesite="Lax",
        )


def connections_pages(services: Services) -> Blueprint:
    """Return the routes of the connections page."""
    site = ConnectionsSite(
        services.connections, services.user_sessions, services.settings.public_url
    )
    routes = Blueprint("connections", __name__, url_prefix=PAGE_PATH)
    routes.get("")(site.show)
    routes.post("/connect")(site.connect)
    routes.get("/<grant>/disconnect")(site.choose)
    routes.post("/<grant>/forget")(site.forget)
    routes.post("/<grant>/revoke")(site.revoke)
    routes.post("/<grant>/reconnect")(site.reconnect)
    routes.get("/<text>")(site.welcome)
    routes.post("/<text>")(site.open)
    return routes


def _done() -> Done | None:
    given = request.args.get("done")
    return next((done for done in Done if done == given), None)


def _listing(done: Done) -> Response:
    return _to(f"{PAGE_PATH}?done={done.value}")


def _to(path: str) -> Response:
    return protected(Response(status=_SEE_OTHER, headers={"Location": path}))
