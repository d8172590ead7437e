"""Failed refreshes, kept in the grant for a short while so that nobody repeats them.

Owns whom a failure concerns and for how long. What failed, and why, is the refresher's.
"""

from __future__ import annotations

from typing import Final

from bridge.errors import BridgeError, Code
from bridge.model import Failure, Grant

_SHARED_S: Final = 3
LONGEST_SHARED_S: Final = 30


def failure_of(
    error: BridgeError, epoch: int, now: int, scopes: tuple[str, ...] | None = None
) -> Failure:
    """Return an error as it is shared.

    Args:
        error: what the leader got.
        epoch: the grant's.
        now: Unix seconds.
        scopes: the scope set that alone is concerned; None if it is not a matter of scopes, so
            that readers of every scope set share it.
    """
    return Failure(
        code=error.code.value,
        public=error.public,
        reason=error.reason,
        retry_after=error.retry_after,
        scopes=scopes,
        epoch=epoch,
        until=now + min(error.retry_after or _SHARED_S, LONGEST_SHARED_S),
    )


def shared_failure(grant: Grant, scopes: tuple[str, ...] | None, now: float) -> Failure | None:
    """Return the failure that a reader of a scope set shares instead of trying again."""
    failure = grant.failure
    if failure is None or failure.epoch != grant.epoch:
        return None
    # One that would last longer than any was written by a clock that has been set back since.
    is_on = now < failure.until <= now + LONGEST_SHARED_S + 1
    return failure if is_on and failure.scopes in (None, scopes) else None


def error_of(failure: Failure, now: float) -> BridgeError:
    """Return a shared failure as the error it was, with the seconds that are left of it."""
    return BridgeError(
        Code(failure.code),
        failure.public,
        reason=failure.reason,
        retry_after=max(1, int(failure.until - now)),
    )


def unusable_answer(reason: str, retry_after: int | None = None) -> BridgeError:
    """Return the error for an answer of Google's that says nothing about the grant."""
    return BridgeError(
        Code.UPSTREAM_UNAVAILABLE,
        "Google did not give a usable answer; the grant is untouched. Try again shortly.",
        reason=reason,
        retry_after=min(max(retry_after or _SHARED_S, 1), LONGEST_SHARED_S),
    )


def scopes_refused(reason: str) -> BridgeError:
    """Return the error for scopes that Google will not put into a token of this client."""
    return BridgeError(
        Code.CLIENT_FAULT,
        "Google refuses to issue a token for these scopes alone. An operator can set "
        "`narrowing = false` for this client and give callers all its scopes.",
        reason=reason,
        retry_after=_SHARED_S,
    )


def mass_death() -> BridgeError:
    """Return the error for a death that is not believed."""
    return BridgeError(
        Code.CLIENT_FAULT,
        "So many grants of this OAuth client answer invalid_grant at once that none is declared "
        "dead. An operator must look at the client in the Google Cloud console.",
        reason="mass_death",
        retry_after=LONGEST_SHARED_S,
    )
