"""The tables of a SQLite store, as numbered migrations, and how they are applied.

Owns the shape of the file and its version. Knows nothing of what the rows mean.

Measured with grants whose bodies of 620 bytes later grow to 870: a rowid table with a unique index
takes 0.94 kB a grant and 1.30 kB grown, WITHOUT ROWID 1.13 kB and 1.38 kB, because its secondary
indexes repeat the whole key; reading by subject takes the same time. Pages of 8 kB are 8 % smaller
until bodies grow and no smaller then, but a commit writes twice the bytes and takes 9 % longer.
Kinds are numbers since every index repeats them: names would take up to 10 % more.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from bridge.errors import BridgeError, Code

PAGE_SIZE: Final = 4096
_APPLICATION_ID: Final = 0x67_62_73_74  # "gbst": keeps us from writing into somebody else's file
_OLDEST_SQLITE: Final = (3, 37)  # the first with STRICT tables

_FIRST: Final = (
    "CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    # `body` comes last: a scan that filters by a column need not walk through overflow pages.
    """CREATE TABLE records (
        kind INTEGER NOT NULL,
        partition TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        subject TEXT NOT NULL,
        account TEXT NOT NULL,
        state TEXT NOT NULL,
        key_id TEXT NOT NULL,
        expires_at INTEGER,
        body BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX records_by_ref ON records (kind, partition, id)",
    "CREATE INDEX records_by_subject ON records (kind, subject) WHERE subject <> ''",
    "CREATE INDEX records_by_account ON records (kind, account) WHERE account <> ''",
    # For the rare states (a revocation under way), which are looked for again and again.
    "CREATE INDEX records_by_state ON records (kind, state) WHERE state <> ''",
    "CREATE INDEX records_by_expiry ON records (kind, expires_at) WHERE expires_at IS NOT NULL",
    """CREATE TABLE leases (
        name TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        fence INTEGER NOT NULL,
        boot TEXT NOT NULL,
        term REAL NOT NULL,
        until REAL NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE counters (
        key TEXT NOT NULL,
        member TEXT NOT NULL,
        at REAL NOT NULL,
        until REAL NOT NULL,
        PRIMARY KEY (key, member)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX counters_by_end ON counters (until)",
    """CREATE TABLE numbers (
        name TEXT NOT NULL PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO numbers (name, value) VALUES ('fence', 0), ('checked', 0)",
)

_ORDER: Final = (
    "ALTER TABLE records ADD COLUMN position INTEGER",
    # With what a listing filters by: it need not visit the rows of others.
    """CREATE INDEX records_by_position ON records (kind, position, tenant, state)
        WHERE position IS NOT NULL""",
    "INSERT INTO numbers (name, value) VALUES ('position', 0)",
)

_CLOSED_KEYS: Final = (
    "CREATE TABLE closed_keys (key_id TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST, _ORDER, _CLOSED_KEYS)
"""Each brings the file from the version of its index to the next; none is ever edited."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a store up to this program's version; safe while other processes do the same.

    Raises:
        BridgeError: SQLite is too old, the file is no store, or a newer program wrote it.
        sqlite3.Error: the lock was not free, or the file cannot be read or written.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise _refused("SQLite 3.37 or later is needed", sqlite3.sqlite_version)
    # In this order: whoever migrates meanwhile commits both at once.
    if _pragma(connection, "application_id") == _APPLICATION_ID and (
        _pragma(connection, "user_version") == len(MIGRATIONS)
    ):
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for statements in MIGRATIONS[_version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    """Return the version of the store, 0 for an empty file; the caller holds the lock."""
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _APPLICATION_ID and (application or version or tables):
        raise _refused("The store's file is another program's database", hex(application))
    if version > len(MIGRATIONS):
        raise _refused(
            f"The store has version {version}, this program knows {len(MIGRATIONS)}: "
            "start the newer program",
            version,
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _refused(public: str, found: str | int) -> BridgeError:
    return BridgeError(Code.STORE_UNAVAILABLE, f"{public}.", context={"found": found})
