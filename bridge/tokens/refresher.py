"""The one refresh that a lease allows: which refresh token to try, and what its answer means.

Owns the way from Google's outcome to the grant's next state. It writes only over the epoch and
fence it began with: whoever re-consented, revoked or refreshed meanwhile has won.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.client import GoogleClient
from bridge.google.outcome import (
    Blocked,
    ClientFault,
    Dead,
    InvalidScope,
    Refreshed,
    RefreshOutcome,
    Transient,
    WrongClient,
)
from bridge.model import Failure, Grant, RefreshToken
from bridge.secret import Secret, fingerprint
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Client
from bridge.tokens.diagnosis import diagnose
from bridge.tokens.limits import Mortality, Pace
from bridge.tokens.proof import Proofs
from bridge.vault import lifecycle
from bridge.vault.grants import Grants, parse_id
from bridge.vault.refresh_tokens import RefreshTokens

_SHARED_S: Final = 3
_LONGEST_SHARED_S: Final = 30

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Attempt:
    """One refresh, from its lease to its last write.

    Attributes:
        grant: as read under the lease, then as this attempt wrote it.
        client: the Google client of the grant.
        scopes: the scope set wanted; None is all that is granted.
        fence: the lease's.
        patience: seconds to wait for a place at the client's rate.
        run: the caller's label, for the log.
        tried: marks of the refresh tokens that had their turn.
    """

    grant: Grant
    client: Client
    scopes: tuple[str, ...] | None
    fence: int
    patience: float
    run: str | None
    tried: set[bytes]

    def next(self) -> RefreshToken | None:
        """Return the refresh token whose turn it is."""
        order = lifecycle.order_of_trial(self.grant)
        return next((token for token in order if token.mark not in self.tried), None)

    def narrowed_to(self, token: RefreshToken) -> frozenset[str] | None:
        """Return the scopes to ask for: all, from a token that must prove what it has."""
        is_live = self.grant.live is not None and token.mark == self.grant.live.mark
        return frozenset(self.scopes) if is_live and self.scopes is not None else None


class OvertakenError(Exception):
    """Somebody wrote the grant meanwhile; what was learnt no longer counts."""


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
            while (token := attempt.next()) is not None:
                attempt.tried.add(token.mark)
                asked = attempt.narrowed_to(token)
                outcome = self._ask(attempt, token, asked)
                if was_open and not isinstance(outcome, ClientFault | Transient):
                    self.circuits.close(attempt.client)
                if self._is_done(attempt, token, asked, outcome):
                    return
        except OvertakenError:
            log.info("refresh_overtaken", tenant=attempt.grant.tenant, grant=attempt.grant.id)

    def _ask(
        self, attempt: Attempt, token: RefreshToken, asked: frozenset[str] | None
    ) -> RefreshOutcome:
        secret = self.tokens.reveal(self.grants.owner(attempt.grant), token)
        self.pace.take(attempt.client, attempt.patience)
        outcome = self.google.refresh(attempt.client.credentials, secret, scopes=asked)
        if not isinstance(outcome, Transient | ClientFault):
            self.mortality.attempted(attempt.client, attempt.grant.id)
        _tell(attempt, secret, asked, outcome)
        return outcome

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
                # The grant holds less than we knew. Asking for all of it tells what.
                attempt.scopes = None
                attempt.tried.discard(token.mark)
            case InvalidScope():
                self._give_up(attempt, "invalid_scope", None)
            case Transient():
                self._go_on_or_give_up(attempt, token, outcome)
        return False

    def _keep(
        self,
        attempt: Attempt,
        token: RefreshToken,
        asked: frozenset[str] | None,
        fresh: Refreshed,
    ) -> bool:
        try:
            proof = self.proofs.of(attempt.grant, attempt.client, token, asked, fresh)
        except BridgeError as error:
            self._share(attempt, error)
            raise
        if proof is None:
            log.warning(
                "foreign_refresh_token", tenant=attempt.grant.tenant, grant=attempt.grant.id
            )
            self._write(attempt, lambda g, now: lifecycle.fall(g, token.mark, "wrong_account", now))
            return False
        self._write(attempt, proof.apply)
        self.proofs.met(attempt.grant)
        live = attempt.grant.live
        return live is not None and (live.mark == token.mark or proof.rotated)

    def _bury(self, attempt: Attempt, token: RefreshToken, dead: Dead) -> None:
        if self.mortality.is_frozen(attempt.client, attempt.grant.id):
            log.error("deaths_frozen", tenant=attempt.client.tenant, client=attempt.client.id)
            error = BridgeError(
                Code.CLIENT_FAULT,
                "So many grants of this OAuth client answer invalid_grant at once that none is "
                "declared dead. An operator must look at the client in the Google Cloud console.",
                reason="mass_death",
                retry_after=_LONGEST_SHARED_S,
            )
            self._share(attempt, error)
            raise error

        def buried(grant: Grant, now: int) -> Grant:
            return lifecycle.fall(grant, token.mark, diagnose(grant, token, dead, now), now)

        self._write(attempt, buried)

    def _refuse(self, attempt: Attempt, token: RefreshToken, verdict: str) -> None:
        self._write(attempt, lambda g, now: lifecycle.refuse(g, token.mark, verdict, now))

    def _go_on_or_give_up(self, attempt: Attempt, token: RefreshToken, outcome: Transient) -> None:
        live = attempt.grant.live
        if live is not None and live.mark not in attempt.tried and live.mark != token.mark:
            return  # an unproven token must not keep the proven one from serving
        self._give_up(attempt, outcome.reason.value, outcome.retry_after)

    def _give_up(self, attempt: Attempt, reason: str, retry_after: int | None) -> None:
        wait = min(max(retry_after or _SHARED_S, 1), _LONGEST_SHARED_S)
        error = BridgeError(
            Code.UPSTREAM_UNAVAILABLE,
            "Google did not give a usable answer; the grant is untouched. Try again shortly.",
            reason=reason,
            retry_after=wait,
        )
        self._share(attempt, error)
        raise error

    def _share(self, attempt: Attempt, error: BridgeError) -> None:
        """Keep a failure in the record, so that readers of every process get it without a call."""

        def shared(grant: Grant, now: int) -> Grant:
            failure = Failure(
                code=error.code.value,
                public=error.public,
                reason=error.reason,
                retry_after=error.retry_after,
                scopes=attempt.scopes,
                epoch=grant.epoch,
                until=now + (error.retry_after or _SHARED_S),
            )
            return lifecycle.share_failure(grant, failure)

        self._write(attempt, shared)

    def _write(self, attempt: Attempt, change: Callable[[Grant, int], Grant]) -> None:
        expected = (attempt.grant.epoch, attempt.grant.fence)
        now = int(self.clock.now())

        def guarded(present: Grant) -> Grant:
            if (present.epoch, present.fence) != expected:
                raise OvertakenError
            return replace(change(present, now), fence=attempt.fence)

        ref = parse_id(attempt.grant.id)
        if ref is None:
            raise ValueError("a grant is named by its place")
        attempt.grant = self.grants.update(ref, guarded)


def _tell(
    attempt: Attempt, secret: Secret, asked: frozenset[str] | None, outcome: RefreshOutcome
) -> None:
    grant = attempt.grant
    told = (
        {"access_token": fingerprint(outcome.access_token)}
        if isinstance(outcome, Refreshed)
        else {}
    )
    log.info(
        "refresh",
        outcome=type(outcome).__name__,
        tenant=grant.tenant,
        client=grant.client_id,
        grant=grant.id,
        account_kind="workspace" if grant.account.hosted_domain else "consumer",
        hosted_domain=grant.account.hosted_domain,
        refresh_token=fingerprint(secret),
        asked=None if asked is None else sorted(asked),
        granted=sorted(outcome.scopes or ()) if isinstance(outcome, Refreshed) else None,
        upstream_request=outcome.request_id,
        run=attempt.run,
        **told,
    )
