"""Ways to lose a token, on purpose: as Google, as the user, as an admin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bridge.sandbox.diary import Actor, Diary, Kind
from bridge.sandbox.records import Client
from bridge.sandbox.sample_app.bridge_client import BridgeClient, Problem
from bridge.sandbox.sample_app.members import Member
from bridge.sandbox.state import SandboxGoogle


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way as the page offers it."""

    button: str
    what: str


WAYS: Final[Mapping[str, Way]] = MappingProxyType(
    {
        "google": Way(
            button="As Google: let the tokens die",
            what="A changed password, six months of silence, a security event. Google tells "
            "nobody, and the consent stays: a plain new login brings no refresh token.",
        ),
        "user": Way(
            button="As the user: remove the app",
            what="On Google's own page of connected apps. Tokens and consent are gone.",
        ),
        "admin": Way(
            button="As an admin: forget the grant",
            what="The bridge forgets; Google still counts the consent as given.",
        ),
        "order": Way(
            button="As an admin: order a new consent",
            what="Nothing is lost: the user is asked once at the next login, working grant or not.",
        ),
    }
)


class Breaker:
    """Breaks one member's access to the account that they sign in with."""

    def __init__(
        self, google: SandboxGoogle, client: Client, admin: BridgeClient, diary: Diary
    ) -> None:
        self._google = google
        self._client = client
        self._admin = admin
        self._diary = diary

    def act(self, way: str, member: Member, grant: str | None) -> Problem | None:
        """Break it; None if it is done.

        Args:
            way: one of `WAYS`.
            member: whose access.
            grant: the grant that served the member's calendar last.
        """
        name, account = member.first_name, member.accounts[0]
        match way:
            case "google":
                self._google.kill_refresh_tokens(account.sub, self._client)
                self._google.kill_access_tokens(account.sub, self._client)
                actor, problem, text = Actor.GOOGLE, None, "Google let all tokens die."
            case "user":
                self._google.revoke_as_user(account.sub, self._client)
                actor, problem, text = Actor.USER, None, f"{name} removed the app at Google."
            case "admin":
                problem = self._admin.forget(grant or "")
                actor, text = Actor.ADMIN, f"An admin forgot {name}'s grant."
            case _:
                problem = self._admin.order(member.subject, "Ordered in the demo.")
                actor, text = Actor.ADMIN, f"An admin ordered a new consent of {name}."
        if problem is None:
            self._diary.write(actor, Kind.BROKEN, account.email, text, word=way)
        return problem
