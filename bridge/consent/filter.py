"""Which users and grants a filter means: the one reading of it, for listings and for orders.

Pure functions over grants that somebody else has read. Knows no store and no policy.
"""

from __future__ import annotations

from collections.abc import Collection

from bridge.model import Filter, Grant, State

__all__ = ["Filter", "is_usable", "matches", "selects"]


def is_usable(grant: Grant) -> bool:
    """Tell whether a grant serves, or may once its candidate has been tried."""
    # An unverified grant always holds a candidate that nothing speaks against: without one the
    # state would be another.
    return grant.state in (State.ACTIVE, State.UNVERIFIED)


def selects(wanted: Filter, grant: Grant) -> bool:
    """Tell whether one grant is as a filter wants it.

    `no_usable_grant` is about all grants of a user: here it means a grant that is not usable.
    """
    if wanted.no_usable_grant and is_usable(grant):
        return False
    return (
        wanted.state in (None, grant.state)
        and wanted.reason in (None, grant.reason)
        and (wanted.domain is None or wanted.domain in _domains(grant))
        and (wanted.idle_since is None or _last_used(grant) <= wanted.idle_since)
        and (wanted.missing_scope is None or wanted.missing_scope not in grant.granted)
    )


def matches(wanted: Filter, grants: Collection[Grant]) -> bool:
    """Tell whether a user with these grants is one that a filter means.

    One grant must have all that is wanted of a grant. A user without any grant is meant by a filter
    that wants nothing of one.
    """
    if wanted.no_usable_grant and any(is_usable(grant) for grant in grants):
        return False
    if not grants:
        return wanted == Filter(no_usable_grant=wanted.no_usable_grant)
    return any(selects(wanted, grant) for grant in grants)


def _domains(grant: Grant) -> set[str]:
    account = grant.account
    email_domain = (account.email or "").rpartition("@")[2]
    return {name.lower() for name in (account.hosted_domain, email_domain) if name}


def _last_used(grant: Grant) -> int:
    return grant.created_at if grant.refreshed_at is None else grant.refreshed_at
