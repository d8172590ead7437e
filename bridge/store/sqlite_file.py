"""The database file itself: creating it for its owner alone, recognising it, opening it.

Owns the options every connection is opened with. Knows no table and no thread.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from bridge.errors import BridgeError, Code
from bridge.store.base import StoreUnavailableError
from bridge.store.sqlite_schema import PAGE_SIZE, migrate

_MMAP_BYTES: Final = 2**31 - 2**16  # the most that SQLite is compiled for
_WAL_KEPT_BYTES: Final = 32 * 2**20
_STATEMENTS_KEPT: Final = 256
_OWNER_ONLY: Final = 0o600

_OPTIONS: Final = (
    f"PRAGMA page_size = {PAGE_SIZE}",  # has an effect on an empty file only
    "PRAGMA synchronous = FULL",  # NORMAL loses the last commits when the power fails
    f"PRAGMA mmap_size = {_MMAP_BYTES}",
    f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}",
    # A file that somebody else wrote to must not run functions from its schema.
    "PRAGMA trusted_schema = OFF",
)


class Identity(NamedTuple):
    """Which file a path leads to."""

    device: int
    inode: int


def create(path: Path) -> None:
    """Make the file if there is none, readable by its owner alone; SQLite's others follow its mode.

    An existing file is not opened: closing any descriptor of it would drop all of the locks that
    SQLite holds in this process (POSIX fcntl).

    Raises:
        BridgeError: the directory is missing.
        StoreUnavailableError: the file cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OWNER_ONLY))
    except FileExistsError:
        return
    except (FileNotFoundError, NotADirectoryError):
        raise BridgeError(
            Code.STORE_UNAVAILABLE,
            "The directory of the store's file does not exist; create it for the bridge alone.",
            context={"path": str(path)},
        ) from None
    except OSError as error:
        raise StoreUnavailableError(f"cannot create the file: {error.strerror}") from None


def identity(path: Path) -> Identity:
    """Return which file is at `path`. Raises StoreUnavailableError if there is none."""
    try:
        found = path.stat()
    except OSError as error:
        raise StoreUnavailableError(f"the file cannot be found: {error.strerror}") from None
    return Identity(found.st_dev, found.st_ino)


def connect(path: Path) -> sqlite3.Connection:
    """Return a new connection to an existing file, migrated as needed, in autocommit mode.

    Raises:
        BridgeError: the file is no store or a newer one, or its file system cannot share memory
            between processes.
        sqlite3.Error: the file cannot be opened, is busy, or is no database.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",  # never creates a file anew where the store was
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,  # `close` and a fork close the connections of all threads
        cached_statements=_STATEMENTS_KEPT,
    )
    try:
        for option in _OPTIONS:
            connection.execute(option)
        migrate(connection)
        # Last, since it is written into the file, which must be known to be ours.
        _write_ahead(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise BridgeError(
            Code.STORE_UNAVAILABLE,
            "The file system of the store's file does not support SQLite's WAL mode.",
            context={"journal_mode": str(mode)},
        )
