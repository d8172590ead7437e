"""A sandbox Google in a process of its own, with accounts that have consented already.

`python -m bench.google PORT ACCOUNTS FILE` writes who they are into FILE and serves until told to
stop; the control API does the rest.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from bench.setup import GRANTED, GoogleApp
from bridge.model import Account
from bridge.sandbox import SandboxGoogle, serve_google


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
    """Return the client and the accounts of a sandbox."""
    people = msgspec.json.decode(path.read_bytes(), type=People)
    app = GoogleApp(people.client_id, people.client_secret, f"http://127.0.0.1:{port}")
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
