"""The one refresh that a lease allows: which refresh token to try, and what its answer means.

Owns the way from Google's outcome to the grant's next state. How it is written, and over what, is
the ledger's.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from bridge import metrics
from bridge.clock import Clock
from bridge.errors import BridgeError
from bridge.google.client import GoogleClient
from bridge.google.outcome import (
    Blocked,
    ClientFault,
    Dead,
    InvalidScope,
    Refreshed,
    RefreshOutcome,
    TokenInfo,
    Transient,
    WrongClient,
)
from bridge.google.scopes import SIGN_IN
from bridge.model import RefreshToken
from bridge.store.base import StoreUnavailableError
from bridge.tokens.attempt import Attempt
from bridge.tokens.circuit import Circuits
from bridge.tokens.diagnosis import diagnose
from bridge.tokens.failures import mass_death, scopes_refused, unusable_answer
from bridge.tokens.ledger import Ledger, OvertakenError
from bridge.tokens.limits import Mortality, Pace
from bridge.tokens.proof import Evidence, Proofs
from bridge.tokens.telling import tell_refresh
from bridge.vault import lifecycle
from bridge.vault.grants import Grants
from bridge.vault.refresh_tokens import RefreshTokens

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresher:
    """Carries out attempts."""

    google: GoogleClient
    grants: Grants
    tokens: RefreshTokens
    proofs: Proofs
    circuits: Circuits
    pace: Pace
    mortality: Mortality
    clock: Clock

    def run(self, attempt: Attempt) -> None:
        """Refresh until the grant has changed; its reader looks at it again and decides.

        Raises:
            BridgeError: `upstream_unavailable` or `client_fault`; the grant is as it was.
        """
        was_open = self.circuits.pass_or_raise(attempt.client)
        try:
            while (token := attempt.take_next()) is not None:
                asked = attempt.narrowed_to(token)
                outcome = self._ask(attempt, token, asked, was_open=was_open)
                if self._is_done(attempt, token, asked, outcome):
                    attempt.is_served = True
            if attempt.failure is not None and not attempt.is_served:
                self._ledger.share(attempt, attempt.failure)
                raise attempt.failure
        except OvertakenError:
            log.info("refresh_overtaken", tenant=attempt.grant.tenant, grant=attempt.grant.id)
        except BridgeError:
            # What troubles a candidate is no trouble of a reader whom the live token has served.
            if not attempt.is_served:
                raise

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.grants, self.clock)

    def _ask(
        self,
        attempt: Attempt,
        token: RefreshToken,
        asked: frozenset[str] | None,
        *,
        was_open: bool,
    ) -> RefreshOutcome:
        secret = self.tokens.reveal(self.grants.owner(attempt.grant), token)
        with metrics.timed(metrics.WAITS, "rate"):
            self.pace.take(attempt.client, self._left(attempt) if attempt.patient else 0.0)
        outcome = self.google.refresh(
            attempt.client.credentials, secret, scopes=asked, budget=self._left(attempt)
        )
        metrics.count(metrics.REFRESHES, _WORD.sub("_", type(outcome).__name__).lower())
        tell_refresh(attempt, secret, asked, outcome)
        if not isinstance(outcome, Transient | ClientFault):
            # Book-keeping: it must not come between Google's answer and its writing.
            with suppress(StoreUnavailableError):
                self.mortality.attempted(attempt.client, attempt.grant.id)
                if was_open:
                    self.circuits.close(attempt.client)
        return outcome

    def _left(self, attempt: Attempt) -> float:
        return max(0.0, attempt.until - self.clock.monotonic())

    def _is_done(
        self,
        attempt: Attempt,
        token: RefreshToken,
        asked: frozenset[str] | None,
        outcome: RefreshOutcome,
    ) -> bool:
        """Write what an outcome means; tell whether the reader should look again now."""
        match outcome:
            case Refreshed():
                return self._keep(attempt, token, asked, outcome)
            case Dead():
                self._bury(attempt, token, outcome)
            case Blocked():
                self._refuse(attempt, token, outcome.reason.value)
            case WrongClient():
                self._refuse(attempt, token, "wrong_client")
            case ClientFault():
                raise self.circuits.open(attempt.client, outcome.fault.value)
            case InvalidScope() if asked is not None:
                # The grant may hold less than we knew. Asking for all of it tells.
                attempt.narrows = False
                attempt.tried.discard(token.mark)
            case InvalidScope():
                attempt.put_off(token, scopes_refused("invalid_scope"))
            case Transient():
                error = unusable_answer(outcome.reason.value, outcome.retry_after)
                attempt.put_off(token, error)
        return False

    def _keep(
        self,
        attempt: Attempt,
        token: RefreshToken,
        asked: frozenset[str] | None,
        fresh: Refreshed,
    ) -> bool:
        evidence = self._evidence(attempt, token, asked, fresh)
        if evidence is None:
            return False
        try:
            proof = self.proofs.of(attempt.grant, token, evidence)
        except BridgeError as error:
            self._ledger.share(attempt, error, attempt.scopes)
            raise
        if proof is None:
            self._expel(attempt, token)
            return False
        self._ledger.keep(attempt, token, proof)
        self.proofs.met(attempt.grant)
        if not proof.serves(attempt.grant):
            return False
        self._check_narrowed(attempt)
        return True

    def _evidence(
        self,
        attempt: Attempt,
        token: RefreshToken,
        asked: frozenset[str] | None,
        fresh: Refreshed,
    ) -> Evidence | None:
        """Return all that Google says of a token; None puts it off for want of an answer."""
        evidence = self.proofs.read(attempt.client, asked, fresh)
        if not (attempt.is_unproven(token) and evidence.leaves_open):
            return evidence
        info = self.google.tokeninfo(fresh.access_token, budget=self._left(attempt))
        if isinstance(info, TokenInfo):
            return Evidence(asked=asked, fresh=fresh, signed=evidence.signed, info=info)
        attempt.put_off(token, unusable_answer("tokeninfo"))
        return None

    def _check_narrowed(self, attempt: Attempt) -> None:
        """Raise if Google refused to narrow though the grant holds all that was asked for."""
        if attempt.narrows or attempt.scopes is None:
            return
        if frozenset(attempt.scopes) <= SIGN_IN | frozenset(attempt.grant.granted):
            error = scopes_refused("narrowing_refused")
            self._ledger.share(attempt, error, attempt.scopes)
            raise error

    def _expel(self, attempt: Attempt, token: RefreshToken) -> None:
        grant = attempt.grant
        log.warning("foreign_refresh_token", tenant=grant.tenant, grant=grant.id)
        reason = "wrong_account"
        self._ledger.write(
            attempt, token, lambda g, now: lifecycle.fall(g, token.mark, reason, now), reason
        )

    def _bury(self, attempt: Attempt, token: RefreshToken, dead: Dead) -> None:
        if self.mortality.is_frozen(attempt.client, attempt.grant.id):
            log.error("deaths_frozen", tenant=attempt.client.tenant, client=attempt.client.id)
            attempt.failure = mass_death()
            return

        reason = diagnose(attempt.grant, token, dead, int(self.clock.now()))
        self._ledger.write(
            attempt, token, lambda g, now: lifecycle.fall(g, token.mark, reason, now), reason
        )
        if attempt.grant.live is None and attempt.grant.spare is not None:
            # Proven in this attempt, it was only compared with the one that is gone now.
            attempt.tried.discard(attempt.grant.spare.mark)

    def _refuse(self, attempt: Attempt, token: RefreshToken, verdict: str) -> None:
        self._ledger.write(
            attempt, token, lambda g, now: lifecycle.refuse(g, token.mark, verdict, now)
        )
