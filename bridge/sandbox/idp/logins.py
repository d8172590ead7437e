"""Logins under way: from the app's request, over Google and perhaps a consent, back to the app.

Owns what happens next. The pages and cookies are the app's; what the bridge is told is `hook`'s.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from bridge.sandbox.diary import BROUGHT, KEPT, Actor, Diary, Kind
from bridge.sandbox.idp.hook import HookClient, HookReply
from bridge.sandbox.idp.login_return import Expected, ForgedReturnError, read_return
from bridge.sandbox.idp.people import People, Person
from bridge.sandbox.idp.provider import Wanted
from bridge.sandbox.idp.settings import CONTINUE_PATH, IdpSettings
from bridge.sandbox.relying_party import Attempt, RelyingParty, SignInFailedError

_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One login.

    Attributes:
        id: random, and the cookie that ties the login to its browser.
        wanted: what the app asked for.
        attempt: the trip to Google.
        person: who it is, once Google has told.
        return_state: goes out to the bridge's consent page and must come back.
        has_returned: whether there was a round of consent in this login.
    """

    id: str
    wanted: Wanted
    attempt: Attempt | None = None
    person: Person | None = None
    return_state: str = ""
    has_returned: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The browser must go to a URL before the login can end."""

    url: str


@dataclass(frozen=True, slots=True)
class Done:
    """The login is over, and this is who it is."""

    login: Login
    person: Person


class Logins:
    """Takes logins from step to step."""

    def __init__(
        self, settings: IdpSettings, google: RelyingParty, hook: HookClient, diary: Diary
    ) -> None:
        self._settings = settings
        self._google = google
        self._hook = hook
        self._diary = diary
        self._people = People()
        self._lock = threading.Lock()
        self._logins: OrderedDict[str, Login] = OrderedDict()

    @property
    def people(self) -> People:
        """The users that signed in."""
        return self._people

    def begin(self, wanted: Wanted) -> Login:
        """Return a new login."""
        return self._keep(Login(id=secrets.token_urlsafe(), wanted=wanted))

    def find(self, login_id: str | None) -> Login:
        """Return a login by its browser's cookie.

        Raises:
            SignInFailedError: there is none.
        """
        with self._lock:
            login = self._logins.get(login_id or "")
        if login is None:
            raise SignInFailedError("This sign-in was not begun in this browser, or is over.")
        return login

    def to_google(self, login: Login, **parameters: str) -> Elsewhere:
        """Send the browser to Google; offline access is asked for at every login."""
        url, attempt = self._google.begin(access_type="offline", **parameters)
        self._keep(replace(login, attempt=attempt))
        return Elsewhere(url)

    def from_google(self, login: Login, answer: Mapping[str, str]) -> Elsewhere | Done:
        """Go on with what Google answered: tell the bridge, and do as it says.

        Raises:
            SignInFailedError: Google's answer cannot be used.
        """
        signed_in = self._google.finish(answer, login.attempt)
        person = self._people.of(signed_in.claims)
        login = self._keep(replace(login, attempt=None, person=person))
        reply = self._told(login, person, signed_in.tokens)
        if reply is None or reply.decision != "consent" or login.has_returned:
            return self._done(login, person)
        return self._to_consent(login, person, reply)

    def from_consent(self, login: Login, query: Mapping[str, str]) -> Done:
        """Go on after the bridge's consent page, whatever came of it there.

        Raises:
            SignInFailedError: the bridge did not say so, or not about this login.
        """
        person = login.person
        if person is None or not login.return_state:
            raise SignInFailedError("Nobody was sent to the consent page in this sign-in.")
        expected = Expected(
            issuer=self._settings.bridge.issuer,
            audience=self._settings.origin + CONTINUE_PATH,
            subject=person.subject,
            state=login.return_state,
        )
        try:
            status = read_return(
                query.get("session_token", ""),
                query.get("state", ""),
                expected,
                self._settings.bridge.return_secret,
            )
        except ForgedReturnError:
            raise SignInFailedError("The way back from the consent page was not signed.") from None
        self._diary.write(
            Actor.IDP,
            Kind.RETURNED,
            person.email,
            f"{_first(person)} is back from the bridge's page, and the login goes on:",
            said=status,
        )
        login = self._keep(replace(login, has_returned=True, return_state=""))
        self._hook.decide({"type": "decide", **self._facts(login, person)})
        return self._done(login, person)

    def _told(self, login: Login, person: Person, tokens: Mapping[str, Any]) -> HookReply | None:
        facts = self._facts(login, person)
        account = {"sub": person.google_sub, "email": person.email}
        if person.hd:
            account["hd"] = person.hd
        client = {"client_id": self._settings.google.client_id}
        brought = "refresh_token" in tokens
        try:
            reply = self._hook.login(
                {"type": "login", **facts, **client, "account": account}, tokens
            )
        except requests.RequestException:
            reply = None
        self._note(person, reply, brought=brought)
        return reply

    def _note(self, person: Person, reply: HookReply | None, *, brought: bool) -> None:
        gave = "gave a refresh token" if brought else "gave no refresh token this time"
        if reply is None:
            text = f"{_first(person)} signed in. The bridge did not answer; the login goes on."
            self._diary.write(Actor.IDP, Kind.HOOK_FAILED, person.email, text)
            return
        said = " · ".join(filter(None, (reply.result, reply.decision, reply.reason)))
        text = f"{_first(person)} signed in; Google {gave}. The bridge answered the hook:"
        word = BROUGHT if brought else KEPT
        self._diary.write(Actor.IDP, Kind.SIGNED_IN, person.email, text, said=said, word=word)

    def _to_consent(self, login: Login, person: Person, reply: HookReply) -> Elsewhere:
        if reply.consent_url is None:
            login = self._keep(replace(login, has_returned=True))
            return self.to_google(login, prompt="consent", login_hint=person.google_sub)
        state = secrets.token_urlsafe()
        self._keep(replace(login, return_state=state))
        self._diary.write(
            Actor.IDP,
            Kind.SENT_TO_CONSENT,
            person.email,
            f"{_first(person)} is sent to the bridge's page in the middle of the login.",
        )
        return Elsewhere(with_query(reply.consent_url, state=state))

    def _facts(self, login: Login, person: Person) -> dict[str, Any]:
        return {
            "tenant": self._settings.bridge.tenant,
            "subject": person.subject,
            "account": {"sub": person.google_sub},
            "login": {
                # Not the id itself: whoever knows that has the browser's place in this login.
                "id": hashlib.sha256(login.id.encode()).hexdigest()[:32],
                "app": self._settings.app.client_id,
                "can_redirect": True,
                "returned": login.has_returned,
                "client_id": self._settings.google.client_id,
                "scopes": list(self._settings.google.scopes),
            },
        }

    def _done(self, login: Login, person: Person) -> Done:
        with self._lock:
            self._logins.pop(login.id, None)
        return Done(login, person)

    def _keep(self, login: Login) -> Login:
        with self._lock:
            self._logins[login.id] = login
            while len(self._logins) > _KEPT:
                self._logins.popitem(last=False)
        return login


def with_query(url: str, **more: str) -> str:
    """Return a URL with parameters added to its query."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query), *more.items()])).geturl()


def _first(person: Person) -> str:
    return person.name.partition(" ")[0] or person.email
