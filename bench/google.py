"""A sandbox Google in a process of its own, with accounts that have consented already.

`python -m bench.google PORT ACCOUNTS FILE` writes who they are into FILE and serves until told to
stop; the control API does the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import msgspec
import requests

from bench.setup import GRANTED, GoogleApp
from bridge.model import Account
from bridge.sandbox import SandboxGoogle, serve_google

_TIMEOUT_S: Final = 10


class Person(msgspec.Struct, frozen=True):
    """An account and the refresh token that its consent brought."""

    sub: str
    email: str
    refresh_token: str

    @property
    def account(self) -> Account:
        """The account as a hook tells of it."""
        return Account(sub=self.sub, email=self.email)


class People(msgspec.Struct, frozen=True):
    """The client that all of them consented to, and themselves."""

    client_id: str
    client_secret: str
    persons: list[Person]


def read_people(path: Path, port: int) -> tuple[GoogleApp, list[Person]]:
    """Return the client and the accounts of a sandbox, which has answered a refresh then.

    Its first one takes ten times as long as those that follow: what it makes once, it makes then.
    Google has made it before.
    """
    people = msgspec.json.decode(path.read_bytes(), type=People)
    app = GoogleApp(people.client_id, people.client_secret, f"http://127.0.0.1:{port}")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": people.persons[0].refresh_token,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    requests.post(f"{app.base_url}/token", data=form, timeout=_TIMEOUT_S).raise_for_status()
    return app, people.persons


def main() -> None:
    """Serve until told to stop."""
    port, accounts, path = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])

    def populate(_url: str, google: SandboxGoogle) -> None:
        client = google.clients.create(project="111122223333")
        persons = []
        for _ in range(accounts):
            account = google.accounts.create()
            token = google.mint_refresh_token(account, client, GRANTED)
            persons.append(Person(account.sub, account.email, token))
        people = People(client.client_id, client.secrets[0], persons)
        whole = path.with_suffix(".part")
        whole.write_bytes(msgspec.json.encode(people))
        whole.replace(path)

    serve_google(port=port, on_ready=populate)


if __name__ == "__main__":
    main()
