"""The log's word on a refresh: all that helps to find a fault, and no token.

Owns the fields of the event. Tokens stand in it as fingerprints.
"""

from __future__ import annotations

import structlog

from bridge.google.outcome import (
    Blocked,
    ClientFault,
    Dead,
    Refreshed,
    RefreshOutcome,
    Transient,
)
from bridge.secret import Secret, fingerprint
from bridge.tokens.attempt import Attempt

log = structlog.get_logger(__name__)


def tell_refresh(
    attempt: Attempt, secret: Secret, asked: frozenset[str] | None, outcome: RefreshOutcome
) -> None:
    """Log a refresh that Google answered, or did not."""
    grant = attempt.grant
    log.info(
        "refresh",
        outcome=type(outcome).__name__,
        cause=_cause(outcome),
        tenant=grant.tenant,
        client=grant.client_id,
        grant=grant.id,
        account_kind="workspace" if grant.account.hosted_domain else "consumer",
        hosted_domain=grant.account.hosted_domain,
        refresh_token=fingerprint(secret),
        asked=None if asked is None else sorted(asked),
        upstream_request=outcome.request_id,
        run=attempt.run,
        **_issued(outcome),
    )


def _issued(outcome: RefreshOutcome) -> dict[str, object]:
    if not isinstance(outcome, Refreshed):
        return {}
    granted = None if outcome.scopes is None else sorted(outcome.scopes)
    return {"granted": granted, "access_token": fingerprint(outcome.access_token)}


def _cause(outcome: RefreshOutcome) -> str | None:
    match outcome:
        case Dead():
            return outcome.cause.value
        case Blocked():
            return outcome.reason.value
        case ClientFault():
            return outcome.fault.value
        case Transient():
            return outcome.error or outcome.reason.value
        case _:
            return None
