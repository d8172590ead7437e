"""A proven consent becomes a grant.

Owns the one way from the connect flow into the vault, for connections and for logins alike. The
code exchange was the bridge's own, so that it proves a refresh token as a refresh would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.capture.admission import Admission, Arrival, Fate
from bridge.clock import Clock
from bridge.connect.exchange import Consent
from bridge.consent.rounds import Rounds
from bridge.errors import BridgeError, Code
from bridge.model import PROVEN, USER, Account, Cause, Grant, Outcome, RefreshToken, Source, State
from bridge.store.base import StoreConflictError
from bridge.vault import lifecycle
from bridge.vault.grants import Grants, Identity
from bridge.vault.needs import Needs
from bridge.vault.records import Records
from bridge.vault.refresh_tokens import Owner, RefreshTokens

_TRIES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A consent on its way into a grant.

    Attributes:
        identity: whose grant it is.
        account: as Google signed it.
        token: the refresh token; None where the grant's own one goes on.
        scopes: what was granted, normalised.
        time: of the ID token.
    """

    identity: Identity
    account: Account
    token: RefreshToken | None
    scopes: tuple[str, ...]
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entering:
    """Makes grants of consents; a repetition changes nothing."""

    records: Records
    grants: Grants
    tokens: RefreshTokens
    admission: Admission
    needs: Needs
    rounds: Rounds
    clock: Clock

    def sealed(self, tenant: str, consent: Consent) -> RefreshToken | None:
        """Return a consent's refresh token as the vault keeps it."""
        if consent.refresh_token is None:
            return None
        return self.tokens.seal(
            Owner(tenant, self.grants.partition(tenant, consent.signed.sub)),
            consent.refresh_token,
            time=consent.signed.issued_at,
            source=Source.CONSENT,
            lifetime=consent.lifetime,
            account_proven=True,
        )

    def enter(self, entry: Entry) -> Grant:
        """Write a consent into its grant, and return that.

        Raises:
            BridgeError: `grant_missing`, if the subject left after the consent or the grant that
                should go on is gone; `conflict`.
        """
        fate = self._admit(entry)
        ref = self.grants.ref(entry.identity)
        if fate is not Fate.SHUT_OUT and entry.token is not None:
            self._prove(entry, entry.token)
        self.admission.recheck_farewell(entry.identity, entry.time)
        held = self.grants.at(ref)
        if held is None or fate is Fate.SHUT_OUT or held.record.state is State.FORGOTTEN:
            raise BridgeError(
                Code.GRANT_MISSING,
                "The subject left, or took the account off, after this consent; nothing is kept.",
                reason="shut_out",
            )
        grant = held.record
        self.needs.clear(grant.tenant, grant.subject, grant.client_id, grant.granted)
        self.rounds.settle(grant.tenant, grant.subject, grant.client_id, Outcome.GIVEN)
        return grant

    def _admit(self, entry: Entry) -> Fate:
        arrival = Arrival(
            identity=entry.identity,
            account=entry.account,
            token=entry.token,
            time=entry.time,
            cause=Cause(USER),
        )
        for _ in range(_TRIES):
            admitted = self.admission.enter(arrival)
            if not admitted.ops:
                return admitted.fate
            try:
                self.records.store.commit(admitted.ops)
            except StoreConflictError:
                continue
            return admitted.fate
        raise BridgeError(Code.CONFLICT, "The grant keeps changing; try again.", retry_after=1)

    def _prove(self, entry: Entry, token: RefreshToken) -> None:
        now = int(self.clock.now())

        def proven(grant: Grant) -> Grant:
            # Of a grant that is being revoked it stays a candidate: those are tried afterwards.
            is_new = any(token.mark == c.mark and c.verdict is None for c in grant.candidates)
            if grant.state is State.REVOKING or not is_new:
                return grant
            return lifecycle.prove(grant, token.mark, entry.scopes, now)

        self.grants.update(self.grants.ref(entry.identity), proven, Cause(USER, PROVEN))
