"""A bridge with a recovery policy, and an IdP that asks it at each login and does as it is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError
from bridge.model import Grant, Round
from bridge.sandbox import SandboxServer
from bridge.sandbox.records import Account, Client, TokenAnswer
from tests.kit import CALENDAR, HOUR, SIGN_IN, TENANT, ShiftedClock, World

SCOPES = f"{SIGN_IN} {CALENDAR}"


class Scene(World):
    """A world whose first tenant has settings of one's own."""

    def __init__(self, folder: Path, server: SandboxServer, clock: ShiftedClock) -> None:
        self.extra: dict[str, str] = {}
        self.data_purpose = "signin"
        super().__init__(folder, server, clock)

    def _tenant(self, name: str, secret: str, *clients: Client) -> Iterator[str]:
        extra = self.extra if name == TENANT else {}
        for line in super()._tenant(name, secret, *clients):
            yield line
            if line.startswith("hook_secrets"):
                yield from (f"{option} = {value}" for option, value in extra.items())
            if line == f'client_secret = "{self.data_client.secrets[0]}"':
                yield f'purpose = "{self.data_purpose}"'

    def set(self, **extra: str) -> None:
        """Restart the bridge with these settings of the tenant, as TOML writes their values."""
        self.extra |= extra
        self.restart()

    def policy(self, recovery: str) -> None:
        self.set(recovery=f'"{recovery}"')

    def user(self, subject: str = "u1") -> User:
        return User(self, self.account(), subject)

    def rounds(self, subject: str) -> dict[str, Round]:
        return self.services.consenting.deciding.rounds.last(TENANT, subject)


@dataclass
class User:
    """A user of the IdP with one Google account, whose IdP does as the bridge tells it."""

    scene: Scene
    account: Account
    subject: str

    def google(self, scopes: str = SCOPES, **more: Any) -> TokenAnswer:
        """Sign in at Google, which gives a refresh token at the first consent alone."""
        return self.scene.sign_in(self.account, scopes, **({"prompt": ""} | more))

    def signs_in(self, scopes: str = SCOPES, **facts: Any) -> Any:
        """Sign in without a consent that Google does not ask for; the hook's answer."""
        return self.tells(self.google(scopes), scopes, **facts)

    def consents(self, login_id: str, scopes: str = SCOPES, **more: Any) -> Any:
        """Come back from Google with a forced consent; the hook's answer."""
        tokens = self.google(scopes, prompt="consent", **more)
        return self.tells(tokens, scopes, login_id, returned=True)

    def tells(
        self, tokens: TokenAnswer, scopes: str = SCOPES, login_id: str = "", **facts: Any
    ) -> Any:
        """Have the IdP tell of a login, and ask about it."""
        login = {"can_redirect": True, "scopes": scopes.split()} | facts
        login["id"] = login_id or secrets.token_hex(4)
        return self.scene.login(self.subject, self.account, tokens, login=login)

    def asks(self, login_id: str = "", *, message_id: str | None = None, **facts: Any) -> Any:
        """Have the IdP ask about a login, without tokens."""
        login = {"can_redirect": True, "scopes": SCOPES.split()} | facts
        login["id"] = login_id or secrets.token_hex(4)
        message = {
            "type": "decide",
            "tenant": TENANT,
            "subject": self.subject,
            "account": {"sub": self.account.sub},
            "login": {"client_id": self.scene.client.client_id} | login,
        }
        return self.scene.hook(message, message_id=message_id)

    def loses_tokens(self) -> None:
        """Have Google end every refresh token, and a backend notice."""
        self.scene.google.kill_refresh_tokens(self.account)
        self.scene.clock.advance(2 * HOUR)
        assert self.reads() == "reauth_required"

    def reads(self, *scopes: str) -> str:
        """Have a backend ask for a token; `ok`, or why not."""
        try:
            self.scene.read(self.subject, *scopes)
        except BridgeError as error:
            return error.code.value
        return "ok"

    @property
    def screens(self) -> int:
        """How many consent screens the account has seen, the first one too."""
        seen = self.scene.google.stats().consent_screens
        return sum(n for (sub, _), n in seen.items() if sub == self.account.sub)

    @property
    def grant(self) -> Grant:
        return self.scene.grant_of(self.subject)


@contextmanager
def scene(folder: Path, **settings: str) -> Iterator[Scene]:
    """Run a bridge for as long as the context lasts, its first tenant with these settings."""
    clock = ShiftedClock()
    with SandboxServer(clock=clock) as server:
        made = Scene(folder, server, clock)
        try:
            made.set(**settings)
            yield made
        finally:
            made.close()
