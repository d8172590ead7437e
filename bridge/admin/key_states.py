"""What an operator is told about each key.

Owns putting together the key file, what is sealed under each key, and what running processes know.
Holds no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from bridge.config.keys import KeyFile
from bridge.model import Server


class KeyKind(StrEnum):
    """What a key is for."""

    RECORD = "record"
    HASH = "hash"
    HOOK = "hook"


class KeyState(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    Attributes:
        kind: what it is for.
        id: its name.
        created_at: Unix seconds; None if the key file does not tell.
        in_use: new records are sealed with it, or IdPs encrypt to it: the first of its kind.
        records: how many are sealed under it; None where that means nothing.
        known_by: how many running processes hold it; None where they do not tell.
        servers: how many processes run.
    """

    kind: KeyKind
    id: str
    created_at: int | None
    in_use: bool
    records: int | None
    known_by: int | None
    servers: int


def states_of(
    keys: KeyFile, sealed: Mapping[str, int], servers: Sequence[Server]
) -> Iterator[KeyState]:
    """Yield the state of every key: record keys, hash keys, hook keys.

    Args:
        keys: the key file.
        sealed: how many records are under each record key.
        servers: the processes that run.
    """
    for record_key in keys.record_keys:
        yield KeyState(
            kind=KeyKind.RECORD,
            id=record_key.id,
            created_at=record_key.created_at,
            in_use=record_key is keys.record_keys[0],
            records=sealed.get(record_key.id, 0),
            known_by=sum(record_key.id in server.key_ids for server in servers),
            servers=len(servers),
        )
    for hash_key in keys.hash_keys:
        yield KeyState(
            kind=KeyKind.HASH,
            id=hash_key.id,
            created_at=None,
            in_use=hash_key is keys.hash_keys[0],
            records=None,
            known_by=None,
            servers=len(servers),
        )
    for hook_key in keys.hook_keys:
        yield KeyState(
            kind=KeyKind.HOOK,
            id=hook_key.id,
            created_at=hook_key.created_at,
            in_use=hook_key is keys.hook_keys[0],
            records=None,
            known_by=sum(hook_key.id in server.hook_key_ids for server in servers),
            servers=len(servers),
        )
