"""Sealed records: a typed value on one side, a row of opaque bytes on the other.

Owns how a record is encoded, what its seal is bound to, and how versions grow. Knows no kind of
record in particular.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog
from msgspec.structs import replace

from bridge.crypto.keyring import SealBrokenError, bind
from bridge.errors import BridgeError, Code
from bridge.model import Record
from bridge.secret import Secret
from bridge.store.base import (
    Append,
    Delete,
    Put,
    Query,
    Ref,
    Replace,
    Row,
    Store,
    StoreConflictError,
)
from bridge.vault.keys import Keys

log = structlog.get_logger(__name__)

_RANDOM_BITS: Final = 24
# msgspec 0.22 crashes the process where two threads build what it knows of a type at once.
_building: Final = threading.Lock()

R = TypeVar("R", bound=Record)


class CorruptRecordError(BridgeError):
    """A record does not open, or is not what its index columns say."""

    def __init__(self, ref: Ref) -> None:
        super().__init__(
            Code.RECORD_CORRUPT,
            "A stored record is damaged; other records are not concerned. "
            "An operator finds it in the log.",
            context={"kind": ref.kind, "record": f"{ref.partition}/{ref.id}"},
        )
        self.ref = ref


class Index(msgspec.Struct, frozen=True):
    """The columns beside a record, all of them keyed hashes or names that are not private."""

    tenant: str = ""
    subject: str = ""
    account: str = ""
    state: str = ""
    expires_at: int | None = None


class Held(msgspec.Struct, Generic[R], frozen=True):
    """A record as it was read, and the row it was in: what is needed to write over exactly that."""

    row: Row
    record: R

    @property
    def ref(self) -> Ref:
        """Where it is."""
        return self.row.ref

    @property
    def version(self) -> int:
        """Which write of it this is."""
        return self.row.version

    @property
    def index(self) -> Index:
        """The columns beside it."""
        row = self.row
        return Index(row.tenant, row.subject, row.account, row.state, row.expires_at)


NO_INDEX: Final = Index()

Change = Callable[[R | None], tuple[R, Index] | None]


def next_version(version: int) -> int:
    """Return a greater version, part of it random.

    A store that fell back to an older state (failover, backup) would give a plain counter's values
    out again; a writer that remembers one of those must not match.
    """
    counter = (version >> _RANDOM_BITS) + 1
    return counter << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


def encode(value: object) -> bytes:
    """Encode a record's value; secrets become text, so only to be sealed."""
    return _ENCODER.encode(value)


class Records:
    """Reads and writes typed records through the seal."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store = store
        self.keys = keys
        self._decoders: dict[type[Record], msgspec.msgpack.Decoder[Any]] = {}

    def get(self, ref: Ref, kind: type[R]) -> Held[R] | None:
        """Return a record.

        Raises:
            CorruptRecordError, KeyUnavailableError, StoreUnavailableError: see there.
        """
        row = self.store.get(ref)
        return None if row is None else self.open(row, kind)

    def open(self, row: Row, kind: type[R]) -> Held[R]:
        """Open a row; raises as `get`."""
        try:
            plain = self.keys.present.records.open(row.key_id, row.body, _bound_to(row))
            record: R = self._decoder(kind).decode(plain)
        except (SealBrokenError, msgspec.MsgspecError, ValueError):
            # ValueError: a column holds what cannot be bound, so nobody sealed it like this.
            raise CorruptRecordError(row.ref) from None
        return Held(row, record)

    def put(
        self, ref: Ref, record: Record, index: Index = NO_INDEX, *, key_id: str | None = None
    ) -> Put:
        """Return the insertion of a new record, under the key `key_id` or else the sealing one.

        A record that holds sealed tokens names their key: it is by the record's that a rotation
        finds them, and between the two seals the sealing key may become another.
        """
        return Put(self._sealed(ref, record, index, next_version(0), key_id))

    def append(self, ref: Ref, record: Record, index: Index) -> Append:
        """Return the insertion of a new record at the end of the store's order."""
        return Append(self._sealed(ref, record, index, next_version(0), None))

    def replace(
        self, held: Held[R], record: R, index: Index | None = None, *, key_id: str | None = None
    ) -> Replace:
        """Return the write of `record` over what was read; `key_id` as in `put`."""
        version = next_version(held.version)
        row = self._sealed(held.ref, record, index or held.index, version, key_id)
        return Replace(row, held.version)

    def delete(self, held: Held[Any]) -> Delete:
        """Return the removal of what was read."""
        return Delete(held.ref, held.version)

    def upsert(self, ref: Ref, kind: type[R], change: Change[R]) -> R | None:
        """Write what `change` makes of the present record (None: there is none), until it holds.

        `change` returns the new record with its index, or None to leave everything as it is.
        """
        while True:
            held = self.get(ref, kind)
            wanted = change(None if held is None else held.record)
            if wanted is None:
                return None if held is None else held.record
            record, index = wanted
            op = self.put(ref, record, index) if held is None else self.replace(held, record, index)
            try:
                self.store.commit([op])
            except StoreConflictError:
                continue
            return record

    def every(self, query: Query, kind: type[R]) -> Iterator[Held[R]]:
        """Yield all records that a query selects, page after page, the damaged apart.

        A damaged one is told in the log: it must not keep the others from being found.
        """
        while rows := self.store.list(query):
            for row in rows:
                try:
                    yield self.open(row, kind)
                except CorruptRecordError as error:
                    log.error("record_corrupt", **error.context)
            query = replace(query, after=rows[-1].ref)

    def remove(self, ref: Ref, kind: type[Record]) -> None:
        """Delete a record, whatever its version; nothing if there is none."""
        while (held := self.get(ref, kind)) is not None:
            try:
                self.store.commit([self.delete(held)])
            except StoreConflictError:
                continue
            return

    def _sealed(
        self, ref: Ref, record: Record, index: Index, version: int, key_id: str | None
    ) -> Row:
        ring = self.keys.present.records
        bare = Row(
            ref=ref,
            version=version,
            body=b"",
            key_id=key_id or ring.sealing_id,
            tenant=index.tenant,
            subject=index.subject,
            account=index.account,
            state=index.state,
            expires_at=index.expires_at,
        )
        return replace(bare, body=ring.seal(bare.key_id, encode(record), _bound_to(bare)))

    def _decoder(self, kind: type[R]) -> msgspec.msgpack.Decoder[R]:
        decoder = self._decoders.get(kind)
        if decoder is None:
            with _building:
                decoder = msgspec.msgpack.Decoder(kind, dec_hook=_decode_secret)
            self._decoders[kind] = decoder
        return decoder


def _bound_to(row: Row) -> bytes:
    """Bind a seal to the record's place, version and every index column.

    A row copied to another place, put back at an older version, or edited in a column that a query
    trusts, does not open.
    """
    kind, partition, local = row.ref
    return bind(
        "record",
        kind,
        partition,
        local,
        str(row.version),
        row.key_id,
        row.tenant,
        row.subject,
        row.account,
        row.state,
        str(row.expires_at),
    )


def _encode_secret(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a record holds no {type(value).__name__}")


def _decode_secret(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"a record holds no {kind.__name__}")


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_secret)
