"""The store's contract: small, and blind.

A store keeps opaque bytes beside a few index columns, compares versions, and lends leases. It
cannot open a body, knows no grant and no token, and decides nothing. Every backend passes the one
contract suite whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from bridge.errors import BridgeError, Code


class Ref(NamedTuple):
    """Where a row is: its kind, the partition it can be committed with, and its id therein."""

    kind: str
    partition: str
    id: str


class Row(msgspec.Struct, frozen=True):
    """One record as the store sees it.

    Attributes:
        ref: where it is.
        version: a positive 63-bit number that its writer lets grow at every write.
        body: sealed bytes.
        key_id: the key that sealed `body`, so that a rotation can find what it must seal anew.
        tenant, subject, account, state: index columns, empty where a kind has no use for them.
            The writer passes keyed hashes where the plain value is private.
        expires_at: Unix seconds after which `sweep` may take the row; None is never. A row past
            its time is still returned until it is swept: its reader decides.
        position: of an appended row, its place in the order of appending; the store gives it, and
            tells it in listings by position alone.
    """

    ref: Ref
    version: int
    body: bytes
    key_id: str = ""
    tenant: str = ""
    subject: str = ""
    account: str = ""
    state: str = ""
    expires_at: int | None = None
    position: int | None = None


class Query(msgspec.Struct, frozen=True):
    """Which rows of a kind to list, in ascending order of (partition, id).

    A field left None does not filter. `after` is the last row of the page before. `key_id_not`
    selects rows that some other key sealed. Rows that change while a listing pages are returned at
    most once each, and a row that exists throughout is never missed.

    With `after_position` the listing is of appended rows alone, those beyond this position, in the
    order of their positions or, `newest_first`, in the reverse; `after` must then be None.
    """

    kind: str
    partition: str | None = None
    tenant: str | None = None
    subject: str | None = None
    account: str | None = None
    state: str | None = None
    key_id: str | None = None
    key_id_not: str | None = None
    expires_before: int | None = None
    after: Ref | None = None
    limit: int = 100
    after_position: int | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """Insert a row that must not exist yet."""

    row: Row


@dataclass(frozen=True, slots=True)
class Append:
    """Insert a row that must not exist yet, and give it the next position.

    Positions are numbers from 1 over the whole store, and grow in the order of the commits: when a
    reader sees one, no lower one that it does not see will ever appear. None is given twice, also
    where a row was swept. A later `Replace` of the row keeps it.
    """

    row: Row


@dataclass(frozen=True, slots=True)
class Replace:
    """Write a row over the one whose version is `expect_version`."""

    row: Row
    expect_version: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the row whose version is `expect_version`."""

    ref: Ref
    expect_version: int


Op = Put | Append | Replace | Delete


@dataclass(frozen=True, slots=True)
class Lease:
    """A right to act alone, for a short term.

    Attributes:
        name: what it is about.
        owner: whoever took it; a random text, one a call.
        fence: greater than every fence given for this name before, and never reused.
    """

    name: str
    owner: str
    fence: int


Version = tuple[str, str, int]
"""A row's partition and id, and its version."""

Probe = Callable[[], Sequence[Version]]


class Counted(NamedTuple):
    """How many distinct members a window holds, and whether this one was let in."""

    total: int
    admitted: bool


def versions(rows: Iterable[Row]) -> list[Version]:
    """Return where rows are and which versions they have."""
    return [(row.ref.partition, row.ref.id, row.version) for row in rows]


class StoreConflictError(Exception):
    """A row was not as the writer expected: it exists, is gone, or has another version.

    Attributes:
        ref: the first row at fault.
    """

    def __init__(self, ref: Ref) -> None:
        super().__init__(f"{ref.kind} changed meanwhile")
        self.ref = ref


class GuardConflictError(Exception):
    """A guard's name is already held with another body."""


class StoreUnavailableError(BridgeError):
    """The backend cannot be reached or cannot write now; the same call may succeed later."""

    told: ClassVar[str] = "The store cannot be reached or written now; try again shortly."

    def __init__(self, detail: str) -> None:
        super().__init__(
            Code.STORE_UNAVAILABLE, self.told, retry_after=1, context={"detail": detail}
        )


class KeyClosedError(StoreUnavailableError):
    """A row was to be written under a key that is closed; nothing was done.

    The same row will never be written. The same request is, once its process has read the key file
    anew, which takes a second, and seals with another key.

    Attributes:
        key_id: the key.
    """

    told = "A key that this was sealed with takes no more writes; try again shortly."

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {key_id} is closed")
        self.key_id = key_id


class Follower(Protocol):
    """Whoever keeps rows with a subject, and is told of what becomes of them. Called by one thread.

    Times are of the clock that never steps.
    """

    def forget(self, refs: Iterable[Ref], subjects: Iterable[tuple[str, str]]) -> None:
        """Learn of a change.

        Args:
            refs: rows that changed.
            subjects: kinds, with the subjects that the rows had and have.
        """
        ...

    def forget_all(self) -> None:
        """Learn that changes may have gone untold."""
        ...

    def confirm(self, since: float, at: float) -> None:
        """Learn that whatever changed from `since` until `at` has been told."""
        ...


class Store(Protocol):
    """What a backend can do. Safe for use by many threads and many processes at once.

    Every method raises StoreUnavailableError when the backend is down. `put`, `replace`,
    `claim_once` and `commit` raise KeyClosedError, and do nothing, where they would write a row
    whose key is closed; a conflict goes before it.
    """

    def get(self, ref: Ref) -> Row | None:
        """Return the row, or None."""
        ...

    def list(self, query: Query) -> Sequence[Row]:
        """Return at most `query.limit` rows."""
        ...

    def probe(self, query: Query) -> Probe:
        """Return what tells the versions of the rows that `list` would return, at each call.

        For whoever asks the same again and again: the answer may come sooner than the rows would.
        """
        ...

    def put(self, row: Row) -> None:
        """Insert a row. Raises StoreConflictError if it exists."""
        ...

    def replace(self, row: Row, expect_version: int) -> None:
        """Write over a version. Raises StoreConflictError if that is not the present one."""
        ...

    def delete(self, ref: Ref, expect_version: int) -> None:
        """Remove a version. Raises StoreConflictError if that is not the present one."""
        ...

    def claim_once(self, row: Row) -> Row | None:
        """Insert a row if there is none. Returns None to the one winner, else the row there is."""
        ...

    def commit(self, ops: Sequence[Op], guard: Row | None = None) -> None:
        """Do all of `ops`, or none; durable on return.

        Args:
            ops: writes within one partition (ValueError otherwise).
            guard: a row of any partition, inserted no later than `ops`. One that exists with the
                same body is left alone, so a crashed commit can be repeated.

        Raises:
            StoreConflictError: a row was not as expected; nothing was done.
            GuardConflictError: the guard exists with another body, whatever else is wrong; nothing
                was done.
        """
        ...

    def confirm(self) -> None:
        """Return once what was read before is as durable as a write of one's own.

        A write whose replicas were not there in time raises, and can be read all the same: whoever
        acknowledges because of what was read, without a write, asks for this first.
        """
        ...

    def lease(self, name: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None while somebody else's term runs.

        An owner that takes its own lease again gets a new fence, and its former Lease is void. The
        term is measured by a clock that does not follow steps of the wall clock.
        """
        ...

    def renew(self, lease: Lease, ttl: float) -> bool:
        """Begin a new term of `ttl` seconds; False if the lease is no longer its owner's.

        It is not from the moment its term is over, whether or not somebody has taken it since.
        """
        ...

    def release(self, lease: Lease) -> bool:
        """Give the lease back; False, and no effect, if it is no longer its owner's."""
        ...

    def count(self, key: str, member: str, window: float, limit: int | None = None) -> Counted:
        """Add `member` at the present time and count distinct members of the last `window` seconds.

        With a `limit`, a member that would be beyond it is not added. A member counted again keeps
        one place and its newest time. An empty `member` adds nothing and only counts; `admitted`
        then tells whether one more would be let in. Times are the wall clock's; a member from the
        future, after that clock was set back, counts as present.
        """
        ...

    def close_key(self, key_id: str) -> None:
        """Let no row be written under a key any more, by any process; rows that are there stay.

        From its return on, what lists no row of this key stays true, whoever sealed a row before
        and commits it late. `load` alone goes on. Closing a closed key changes nothing.
        """
        ...

    def open_key(self, key_id: str) -> None:
        """Let rows be written under a key again; nothing if it is not closed."""
        ...

    def closed_keys(self) -> Sequence[str]:
        """Return the keys that are closed, in order."""
        ...

    def kinds(self) -> Sequence[str]:
        """Return the kinds of all rows that were ever written, in order."""
        ...

    def load(self, rows: Sequence[Row]) -> None:
        """Write rows of another store as they are, over whatever is there; for a copy alone.

        A row with a position has that one from then on, and the next to be appended gets a greater
        one; a row without leaves it as it is.
        """
        ...

    def unload(self, refs: Sequence[Ref]) -> None:
        """Remove rows, whatever their versions, those that are gone already included."""
        ...

    def sweep(self, kind: str, before: int, limit: int) -> int:
        """Delete up to `limit` rows of a kind with `expires_at` < `before`; returns how many.

        Takes windows' forgotten members and the leases whose terms are over along.
        """
        ...

    def check(self) -> None:
        """Prove that the backend answers reads and takes durable writes."""
        ...

    def risks(self) -> Sequence[str]:
        """Return what the backend is set up to do that can lose acknowledged writes, in words."""
        ...

    def follow(self, follower: Follower) -> None:
        """Begin to tell of rows with a subject that any process writes, where the backend can.

        A change can go untold. So what is kept has a bound in time, from the last moment for which
        the follower was told that it has heard of everything.
        """
        ...

    def close(self) -> None:
        """Free what this process holds; the store can be opened again, by a new object.

        Calls to this one raise StoreUnavailableError from then on.
        """
        ...
