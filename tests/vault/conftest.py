"""A vault without a bridge around it, and a hand in its SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.clock import Clock
from bridge.config.keys import KeyFile, generate
from bridge.model import Account, Cause, Grant, RefreshToken, Source
from bridge.secret import Secret
from bridge.services import material
from bridge.store.base import Op, Ref
from bridge.store.sqlite import SqliteStore
from bridge.vault.grants import Grants, Identity
from bridge.vault.inbox import Inbox
from bridge.vault.keys import Keys
from bridge.vault.needs import Needs
from bridge.vault.opening import Opening
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens
from bridge.vault.rotation import Rotation
from tests.kit import ShiftedClock


def unjournalled(_before: Grant | None, _after: Grant, _cause: Cause) -> Sequence[Op]:
    return ()


@dataclass
class Vault:
    """The vault's parts on one SQLite file, under keys that a test may change."""

    path: Path
    key_file: KeyFile = field(default_factory=lambda: generate(1_000))
    clock: Clock = field(default_factory=ShiftedClock)

    def __post_init__(self) -> None:
        self.keys = Keys(material(self.key_file))
        self.store = SqliteStore(self.path, self.clock)
        self.records = Records(self.store, self.keys)
        self.tokens = RefreshTokens(self.keys)
        self.grants = Grants(self.records, self.tokens, self.clock, unjournalled)
        self.inbox = Inbox(self.records, self.clock)
        self.needs = Needs(self.records, self.clock)
        self.opening = Opening(self.records)
        self.rotation = Rotation(self.records, self.grants, self.tokens)

    def add_key(self) -> str:
        """Make a new record key known, and write with it."""
        self.key_file = self.key_file.with_record_key_added(2_000)
        self.write_with(self.key_file.record_keys[-1].id)
        return self.key_file.record_keys[0].id

    def write_with(self, key_id: str) -> None:
        self.key_file = self.key_file.with_first(key_id)
        self.keys.refill(material(self.key_file))

    def drop_key(self, key_id: str) -> None:
        self.key_file = self.key_file.without(key_id)
        self.keys.refill(material(self.key_file))

    def sealed(self, text: str = "1//token", account: str = "a1", time: int = 1) -> RefreshToken:
        owner = Owner("acme", self.grants.partition("acme", account))
        return self.tokens.seal(owner, Secret(text), time=time, source=Source.CAPTURE)

    def grant(self, subject: str = "u1", account: str = "a1", client: str = "c1") -> Grant:
        """Write a new grant with one candidate; return it."""
        identity = Identity("acme", subject, account, client)
        grant = self.grants.new(identity, Account(sub=account))
        self.store.commit(self.grants.write(None, grant))
        return grant

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An empty vault."""
    made = Vault(tmp_path / "vault.db")
    yield made
    made.close()


class Hand:
    """Edits a store's rows past the bridge, as a curious or clumsy operator would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run one statement; return its rows."""
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def set(self, ref: Ref, column: str, value: object) -> None:
        """Write one column of one row."""
        statement = f"UPDATE records SET {column} = ? WHERE {_WHERE}"  # noqa: S608 - our own names
        self.run(statement, value, *ref)

    def get(self, ref: Ref, column: str) -> object:
        """Return one column of one row."""
        statement = f"SELECT {column} FROM records WHERE {_WHERE}"  # noqa: S608 - our own names
        [(value,)] = self.run(statement, *ref)
        return value

    def break_all(self, kind: str) -> None:
        """Damage every record of a kind."""
        self.run(
            "UPDATE records SET body = ? WHERE kind = (SELECT id FROM kinds WHERE name = ?)",
            os.urandom(100),
            kind,
        )


_WHERE = "kind = (SELECT id FROM kinds WHERE name = ?) AND partition = ? AND id = ?"
