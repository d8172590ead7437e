"""Writing what an attempt learnt, over exactly the grant that it began with.

Owns the comparison of epoch and fence: whoever re-consented, revoked or refreshed meanwhile has
won. Of a result that cannot be written, an access token may be lost, a refresh token may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError
from bridge.model import PROVEN, Cause, Grant, RefreshToken, State
from bridge.store.base import StoreUnavailableError
from bridge.tokens.attempt import Attempt
from bridge.tokens.failures import failure_of
from bridge.tokens.proof import Proof
from bridge.vault import lifecycle
from bridge.vault.grants import Grants, place_of

Change = Callable[[Grant, int], Grant]

_PAUSE_S: Final = 0.1
_ENDED: Final = (State.FORGOTTEN, State.REVOKING, State.REVOKED)

log = structlog.get_logger(__name__)


class OvertakenError(Exception):
    """Somebody wrote the grant meanwhile; what was learnt no longer counts."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes for attempts."""

    grants: Grants
    clock: Clock

    def write(
        self,
        attempt: Attempt,
        token: RefreshToken | None,
        change: Change,
        reason: str | None = None,
    ) -> None:
        """Apply `change`, which is about `token` if about any, and let the attempt go on from it.

        Args:
            attempt: whose lease it happens under.
            token: what it is about.
            change: from the grant as it was.
            reason: why, for the audit.

        Raises:
            OvertakenError: the grant is another one by now, or the token is no longer in it.
            BridgeError: `store_unavailable`; told in the log, because an answer was lost.
        """
        expected = (attempt.grant.epoch, attempt.grant.fence)
        now = int(self.clock.now())

        def guarded(present: Grant) -> Grant:
            if (present.epoch, present.fence) != expected:
                raise OvertakenError
            if token is not None and all(token.mark != held.mark for held in present.tokens):
                raise OvertakenError
            return replace(change(present, now), fence=attempt.fence)

        try:
            attempt.grant = self.grants.update(
                place_of(attempt.grant), guarded, Cause(reason=reason)
            )
        except StoreUnavailableError:
            log.error("refresh_not_written", tenant=attempt.grant.tenant, grant=attempt.grant.id)
            raise

    def keep(self, attempt: Attempt, token: RefreshToken, proof: Proof) -> None:
        """Write a refresh that worked; raises as `write`.

        A refresh token that came along is written as soon as the store is back, within the
        attempt's time, and into a grant that was changed meanwhile as a candidate: the one it
        replaces may be dead already.
        """
        while True:
            try:
                self.write(attempt, token, proof.apply, PROVEN)
            except OvertakenError:
                if proof.rotation is not None:
                    self._admit(attempt, proof.rotation)
                raise
            except StoreUnavailableError:
                if proof.rotation is None or self.clock.monotonic() >= attempt.until:
                    raise
                self.clock.sleep(_PAUSE_S)
            else:
                return

    def share(
        self, attempt: Attempt, error: BridgeError, scopes: tuple[str, ...] | None = None
    ) -> None:
        """Keep a failure in the record, so that readers of every process get it without a call.

        `scopes` is the scope set that alone is concerned. Raises as `write`.
        """
        self.write(
            attempt,
            None,
            lambda g, now: lifecycle.share_failure(g, failure_of(error, g.epoch, now, scopes)),
        )

    def _admit(self, attempt: Attempt, rotation: RefreshToken) -> None:
        now = int(self.clock.now())

        def admitted(present: Grant) -> Grant:
            # Whoever ended the grant has ended what was under way too.
            ended = present.state in _ENDED
            return present if ended else lifecycle.admit(present, rotation, now)

        self.grants.update(place_of(attempt.grant), admitted)
