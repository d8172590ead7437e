"""Grants in the store: where each lives, how it is found, and how it is changed without a loss.

Owns the names of grants and the loop that compares versions. What a change means is the business
of `lifecycle` and `endings`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.model import BY_ITSELF, Account, Cause, Grant, RefreshToken, State
from bridge.store.base import Op, Query, Ref, Row, StoreConflictError
from bridge.vault.records import CorruptRecordError, Held, Index, Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens
from bridge.vault.shorthand import shortened, spelled_out

KIND: Final = "grant"
FORGOTTEN_KEPT_S: Final = 90 * 24 * 3600
_PART: Final = 16
_ID: Final = re.compile(r"g_[A-Za-z0-9_-]{32}")
_TRIES: Final = 50
_LONGEST_PAUSE_MS: Final = 10

Journal = Callable[[Grant | None, Grant, Cause], Sequence[Op]]
"""Tells of a change from one grant (None: there was none) to another, in the same partition."""


class Identity(NamedTuple):
    """Whose a grant is; the same four always name the same grant."""

    tenant: str
    subject: str
    account_sub: str
    client_id: str


class Grants:
    """All grants of all tenants."""

    def __init__(
        self, records: Records, tokens: RefreshTokens, clock: Clock, journal: Journal
    ) -> None:
        self._records = records
        self._tokens = tokens
        self._clock = clock
        self._journal = journal

    def partition(self, tenant: str, account_sub: str) -> str:
        """Return the partition of everything about an account in a tenant."""
        return self._records.keys.hasher.index("partition", tenant, account_sub)

    def ref(self, identity: Identity) -> Ref:
        """Return where the grant of this identity is, or would be."""
        tenant, subject, account_sub, client_id = identity
        local = self._records.keys.hasher.index("grant", tenant, subject, account_sub, client_id)
        return Ref(KIND, self.partition(tenant, account_sub), local)

    def find(self, tenant: str, subject: str) -> list[Held[Grant]]:
        """Return the grants of a subject, the forgotten apart.

        Raises:
            CorruptRecordError: one of them is damaged.
        """
        return self.of_subject(self._records.store.list(self.query(tenant, subject)), subject)

    def query(self, tenant: str, subject: str) -> Query:
        """Return what finds the grants of a subject in the store."""
        return Query(KIND, tenant=tenant, subject=self._subject_index(tenant, subject))

    def of_subject(self, rows: Iterable[Row], subject: str) -> list[Held[Grant]]:
        """Return the grants that `query` found; raises as `find`."""
        # An index hash of 96 bits could collide; the record itself says whose it is.
        return [held for row in rows if (held := self.opened(row)).record.subject == subject]

    def opened(self, row: Row) -> Held[Grant]:
        """Return the grant in a row, forgotten or not; raises as `find`."""
        return Held(row, spelled_out(self._records.open(row, Grant).record))

    def get(self, grant_id: str) -> Held[Grant] | None:
        """Return a grant by the id that callers know; None if it is unknown or forgotten."""
        ref = parse_id(grant_id)
        row = self._records.store.get(ref) if ref is not None else None
        return None if row is None else self.known(row)

    def known(self, row: Row) -> Held[Grant] | None:
        """Return the grant in a row; None if it is forgotten."""
        held = self.opened(row)
        return None if held.record.state is State.FORGOTTEN else held

    def at(self, ref: Ref) -> Held[Grant] | None:
        """Return a grant by its place, forgotten or not."""
        row = self._records.store.get(ref)
        return None if row is None else self.opened(row)

    def page(
        self, tenant: str, *, state: State | None, after: str | None, limit: int
    ) -> Sequence[Held[Grant]]:
        """Return grants of a tenant in the order of their ids, the forgotten apart.

        A damaged record is left out here: a listing must go on past it, and `get` names it.
        """
        start = parse_id(after) if after else None
        found: list[Held[Grant]] = []
        while len(found) < limit:
            wanted = limit - len(found)
            query = Query(KIND, tenant=tenant, state=state, after=start, limit=wanted)
            rows = self._records.store.list(query)
            for row in rows:
                start = row.ref
                if row.state != State.FORGOTTEN and (held := self._opened(row)) is not None:
                    found.append(held)
            if len(rows) < wanted:
                break
        return found

    def of_account(self, account_sub: str) -> Iterator[Held[Grant]]:
        """Yield every tenant's grants of a Google account, the damaged apart."""
        index = self._account_index(account_sub)
        start: Ref | None = None
        while rows := self._records.store.list(Query(KIND, account=index, after=start)):
            for row in rows:
                held = self._opened(row)
                if held is not None and held.record.account.sub == account_sub:
                    yield held
            start = rows[-1].ref

    def everywhere(self, state: State | None = None) -> Iterator[Held[Grant]]:
        """Yield all grants of all tenants, the damaged apart."""
        start: Ref | None = None
        while rows := self._records.store.list(Query(KIND, state=state, after=start)):
            for row in rows:
                if (held := self._opened(row)) is not None:
                    yield held
            start = rows[-1].ref

    def new(self, identity: Identity, account: Account) -> Grant:
        """Return a grant of which nothing is known yet."""
        now = int(self._clock.now())
        return Grant(
            id=format_id(self.ref(identity)),
            tenant=identity.tenant,
            subject=identity.subject,
            account=account,
            client_id=identity.client_id,
            created_at=now,
            changed_at=now,
        )

    def returned(self, held: Held[Grant], identity: Identity, account: Account) -> Grant:
        """Return a forgotten grant with its identity back, still knowing what must stay out."""
        return replace(held.record, subject=identity.subject, account=account)

    def write(
        self, held: Held[Grant] | None, grant: Grant, cause: Cause = BY_ITSELF
    ) -> tuple[Op, ...]:
        """Return the write of a grant, over what was read or new, with what the journal tells."""
        journal = self._journal(None if held is None else held.record, grant, cause)
        return (self._written(held, grant), *journal)

    def _written(self, held: Held[Grant] | None, grant: Grant) -> Op:
        # Once, for both seals: the sealing key may become another in between.
        key_id = self._records.keys.present.records.sealing_id
        record = shortened(self._under(key_id, grant))
        index = self._index(grant)
        if held is not None:
            return self._records.replace(held, record, index, key_id=key_id)
        return self._records.put(place_of(grant), record, index, key_id=key_id)

    def update(self, ref: Ref, change: Callable[[Grant], Grant], cause: Cause = BY_ITSELF) -> Grant:
        """Apply `change` to the present grant, again if somebody else wrote meanwhile.

        Raises:
            BridgeError: `grant_missing`; or `conflict` after many tries in vain.
        """
        for _ in range(_TRIES):
            held = self.at(ref)
            if held is None:
                raise BridgeError(Code.GRANT_MISSING, "The grant is gone.")
            changed = change(held.record)
            if changed == held.record:
                # Whoever asked takes this for done.
                self.confirm()
                return changed
            try:
                self._records.store.commit(self.write(held, changed, cause))
            except StoreConflictError:
                # A random pause: the one who lost would otherwise lose to the same ones again.
                self._clock.sleep(secrets.randbelow(_LONGEST_PAUSE_MS) / 1000)
                continue
            return changed
        raise BridgeError(Code.CONFLICT, "The grant keeps changing; try again.", retry_after=1)

    def confirm(self) -> None:
        """Return once what was read before is as durable as a write of one's own.

        Raises:
            BridgeError: `store_unavailable`.
        """
        self._records.store.confirm()

    def owner(self, grant: Grant) -> Owner:
        """Return what the grant's refresh tokens are bound to."""
        ref = place_of(grant)
        return Owner(grant.tenant, ref.partition)

    def _opened(self, row: Row) -> Held[Grant] | None:
        try:
            return self.opened(row)
        except CorruptRecordError:
            return None

    def _under(self, key_id: str, grant: Grant) -> Grant:
        owner = self.owner(grant)

        def anew(token: RefreshToken | None) -> RefreshToken | None:
            return None if token is None else self._tokens.resealed(owner, token, key_id)

        return replace(
            grant,
            live=anew(grant.live),
            spare=anew(grant.spare),
            candidates=tuple(self._tokens.resealed(owner, t, key_id) for t in grant.candidates),
        )

    def _index(self, grant: Grant) -> Index:
        if grant.state is State.FORGOTTEN:
            # From the forgetting on: neither a rotation of keys nor a late message prolongs it.
            expires_at = grant.changed_at + FORGOTTEN_KEPT_S
            return Index(tenant=grant.tenant, state=grant.state, expires_at=expires_at)
        return Index(
            tenant=grant.tenant,
            subject=self._subject_index(grant.tenant, grant.subject),
            account=self._account_index(grant.account.sub),
            state=grant.state,
        )

    def _subject_index(self, tenant: str, subject: str) -> str:
        return self._records.keys.hasher.index("subject", tenant, subject)

    def _account_index(self, account_sub: str) -> str:
        return self._records.keys.hasher.index("account", account_sub)


def format_id(ref: Ref) -> str:
    """Return the id by which callers pin a grant."""
    return f"g_{ref.partition}{ref.id}"


def parse_id(grant_id: str) -> Ref | None:
    """Return the place that a grant id names, or None if it is not one."""
    if not _ID.fullmatch(grant_id):
        return None
    return Ref(KIND, grant_id[2 : 2 + _PART], grant_id[2 + _PART :])


def place_of(grant: Grant) -> Ref:
    """Return where a grant is, or will be; every grant is named by its place."""
    ref = parse_id(grant.id)
    if ref is None:
        raise ValueError("a grant is named by its place")
    return ref
