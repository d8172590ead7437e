"""Bringing tokens that somebody already has: one JSON object a line.

Owns the form of a line and what becomes of it. A line that is known changes nothing, so a cut-off
import is simply run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from bridge.capture.admission import Admission, Arrival
from bridge.capture.admission import Fate as Entrance
from bridge.capture.evidence import LONGEST_REFRESH_TOKEN, secret_hook
from bridge.capture.wire import AccountHint, Time, Wire
from bridge.clock import Clock
from bridge.config.tenants import TenantSettings
from bridge.errors import BridgeError
from bridge.google.id_token import CLOCK_SKEW
from bridge.model import UNKNOWN_TIME, Account, Cause, Source
from bridge.parsing import Name, read_json
from bridge.secret import Secret
from bridge.store.base import StoreConflictError
from bridge.vault.grants import Grants, Identity
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens

_TRIES: Final = 20
_IMPORTED: Final = Cause(reason="import")


class ImportLine(Wire, frozen=True):
    """A refresh token with whose it is.

    Attributes:
        obtained_at: Unix seconds; without it the token counts as older than any captured one.
    """

    tenant: Name
    subject: Name
    account: AccountHint
    client: Name
    refresh_token: Secret
    obtained_at: Time | None = None


class Fate(StrEnum):
    """What became of a line."""

    IMPORTED = "imported"
    KNOWN = "known"
    SHUT_OUT = "shut_out"
    WRONG = "wrong"


_FATES: Final = {
    Entrance.TAKEN: Fate.IMPORTED,
    Entrance.KNOWN: Fate.KNOWN,
    Entrance.SHUT_OUT: Fate.SHUT_OUT,
}


@dataclass(frozen=True, slots=True)
class Imported:
    """A line's result.

    Attributes:
        number: of the line, from 1.
        fate: what became of it.
        problem: what is wrong with it, and in which field.
    """

    number: int
    fate: Fate
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Imports lines."""

    tenants: Mapping[str, TenantSettings]
    records: Records
    grants: Grants
    tokens: RefreshTokens
    admission: Admission
    clock: Clock

    def run(self, lines: Iterable[bytes], *, dry_run: bool) -> Iterator[Imported]:
        """Yield what becomes of each line that is not blank; nothing is written on a dry run.

        Raises:
            BridgeError: `store_unavailable`, `key_unavailable`; what was yielded is on disk.
        """
        decoder = msgspec.json.Decoder(ImportLine, dec_hook=secret_hook)
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                fate = self._take(self._checked(decoder, raw), dry_run=dry_run)
                yield Imported(number, fate)
            except LineError as error:
                yield Imported(number, Fate.WRONG, error.problem)

    def _checked(self, decoder: msgspec.json.Decoder[ImportLine], raw: bytes) -> ImportLine:
        try:
            line = read_json(decoder, raw)
        except BridgeError as error:
            raise LineError(error) from None
        tenant = self.tenants.get(line.tenant)
        if tenant is None:
            raise LineError("tenant: is not in the configuration")
        if tenant.client(line.client) is None:
            raise LineError("client: the tenant has no Google client of this id")
        if not 0 < len(line.refresh_token.reveal()) <= LONGEST_REFRESH_TOKEN:
            raise LineError(f"refresh_token: has between 1 and {LONGEST_REFRESH_TOKEN} characters")
        return line

    def _take(self, line: ImportLine, *, dry_run: bool) -> Fate:
        arrival = self._arrival(line)
        for _ in range(_TRIES):
            entry = self.admission.enter(arrival)
            if entry.ops and not dry_run:
                try:
                    self.records.store.commit(entry.ops)
                except StoreConflictError:
                    continue
                self.admission.recheck_farewell(arrival.identity, arrival.time)
            return _FATES[entry.fate]
        raise LineError("the grant keeps changing; run the import again")

    def _arrival(self, line: ImportLine) -> Arrival:
        account = line.account
        told = UNKNOWN_TIME if line.obtained_at is None else line.obtained_at
        # As at the hook: a token from the future would outlive every later revocation.
        time = min(told, int(self.clock.now()) + CLOCK_SKEW)
        owner = Owner(line.tenant, self.grants.partition(line.tenant, account.sub))
        token = self.tokens.seal(owner, line.refresh_token, time=time, source=Source.IMPORT)
        return Arrival(
            identity=Identity(line.tenant, line.subject, account.sub, line.client),
            account=Account(sub=account.sub, email=account.email, hosted_domain=account.hd),
            token=token,
            time=time,
            cause=_IMPORTED,
        )


class LineError(Exception):
    """A line that cannot be imported; the others can.

    Attributes:
        problem: the field and what is wrong with it; never a value.
    """

    def __init__(self, problem: BridgeError | str) -> None:
        if isinstance(problem, BridgeError):
            problem = f"{problem.field}: {problem.public}" if problem.field else problem.public
        super().__init__(problem)
        self.problem = problem
