"""The names of a store's keys in Redis, and how a row's place becomes a text that sorts.

Owns every key name; the Lua scripts are given the first part and make the rest by the same rules.

All keys of a store carry one hash tag, so that a Cluster keeps them in one slot. What the contract
promises at once (a guard of another partition in the commit, one order over all appended rows, a
listing by subject over all partitions) is then one script on one primary there too. A Cluster gives
a store fail-over, not spread; stores of different prefixes spread over its shards.

| key after `{prefix}:` | type | holds |
| --- | --- | --- |
| `r:` kind NUL place | string | a row, packed |
| `a:` kind | sorted set | places of a kind's rows, by place |
| `s:` kind NUL subject, `c:` … account, `t:` … state | sorted set | places, by place |
| `x:` kind | sorted set | places, by expiry |
| `p:` kind | sorted set | places of appended rows, by position |
| `k` | set | the kinds, as they are |
| `z` | set | the keys that nothing is written under any more |
| `l` | hash | the leases, by name |
| `n:fence`, `n:position`, `n:checked`, `n:untold` | string | numbers that only grow |
| `w:` key | sorted set | a window's members, by their time |
| `u:` key | sorted set | the same, by when they are forgotten |
"""

from __future__ import annotations

from typing import Final

from bridge.store.base import Ref

_NUL: Final = b"\0"
# UTF-8 has no byte FF: it marks a NUL that belongs to a text, and sorts behind all that could
# follow one that ends it.
_NUL_WITHIN: Final = b"\0\xff"


class Names:
    """The keys of one store."""

    def __init__(self, prefix: str) -> None:
        """Take the prefix of the store; other programs' keys must not begin with it."""
        self.base: Final = f"{{{prefix}}}".encode()

    def row(self, ref: Ref) -> bytes:
        """Return the key of a row."""
        return b"%b:r:%b\0%b" % (self.base, escaped(ref.kind), place(ref))

    def index(self, letter: str, kind: str, value: str | None = None) -> bytes:
        """Return the key of an index of a kind, or of one value in it."""
        key = b"%b:%b:%b" % (self.base, letter.encode(), escaped(kind))
        return key if value is None else key + _NUL + value.encode()

    @property
    def kinds(self) -> bytes:
        """The key of the kinds that there are."""
        return self.base + b":k"

    @property
    def closed_keys(self) -> bytes:
        """The key of the record keys that are closed for writing."""
        return self.base + b":z"

    @property
    def changed(self) -> bytes:
        """The channel on which changed rows are told."""
        return self.base + b":changed"

    @property
    def untold(self) -> bytes:
        """The key of how many changes their writers could not tell."""
        return self.base + b":n:untold"

    @property
    def leases(self) -> bytes:
        """The key of the leases."""
        return self.base + b":l"

    @property
    def checked(self) -> bytes:
        """The key of the number that a check counts up."""
        return self.base + b":n:checked"


def escaped(text: str) -> bytes:
    """Return a text so that one which ends sorts before one that goes on, whatever follows."""
    return text.encode().replace(_NUL, _NUL_WITHIN)


def unescaped(text: bytes) -> str:
    """Return the text that `escaped` was given."""
    return text.replace(_NUL_WITHIN, _NUL).decode()


def place(ref: Ref) -> bytes:
    """Return a row's place in its kind; places sort as (partition, id) do."""
    return escaped(ref.partition) + _NUL + ref.id.encode()


def ref_of(kind: str, found: bytes) -> Ref:
    """Return the place that `place` made a text of."""
    end = found.find(_NUL)
    while found[end + 1 : end + 2] == b"\xff":
        end = found.find(_NUL, end + 2)
    return Ref(kind, unescaped(found[:end]), found[end + 1 :].decode())


def partition_range(partition: str) -> tuple[bytes, bytes]:
    """Return the lexical bounds of a partition's places, as Redis writes them."""
    prefix = escaped(partition) + _NUL
    return b"[" + prefix, b"(" + prefix + b"\xff"
