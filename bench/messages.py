"""What an IdP's adapter tells of logins: signed hook messages, each of a new account."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.setup import GRANTED, TENANT, Setup, random_subject
from bench.wire import hook_message
from bridge.sandbox import SandboxGoogle
from bridge.sandbox.records import Client


class Login(NamedTuple):
    """A user's first login: who it was, what Google gave, and the message that tells of it."""

    subject: str
    refresh_token: str
    message: bytes


class Messages:
    """Logins of new users of the sandbox, as an IdP's adapter tells of them."""

    def __init__(self, google: SandboxGoogle, client: Client, setup: Setup) -> None:
        self._google = google
        self._client = client
        self._setup = setup

    def captures(self) -> Iterator[bytes]:
        """Yield `capture` messages without end."""
        while True:
            _, about = self._login()
            message = {"type": "capture", "login_id": secrets.token_hex(8)}
            yield hook_message(self._setup, message | about)

    def logins(self) -> Iterator[Login]:
        """Yield `login` messages without end, which bring their users' tokens too."""
        while True:
            subject = random_subject()
            refresh_token, about = self._login()
            login = {"id": secrets.token_hex(8), "scopes": list(GRANTED)}
            message = {"type": "login", "subject": subject, "login": login}
            yield Login(subject, refresh_token, hook_message(self._setup, message | about))

    def _login(self) -> tuple[str, dict[str, object]]:
        account = self._google.accounts.create()
        answer = self._google.login(account, self._client, GRANTED, prompt="consent")
        return answer.refresh_token or "", {
            "tenant": TENANT,
            "account": {"sub": account.sub, "email": account.email},
            "client_id": self._client.client_id,
            "tokens": answer.as_json(),
            "obtained_at": int(time.time()),
        }
