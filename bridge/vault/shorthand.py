"""Scopes as a grant's record holds them: the beginning that Google's share is one letter there.

Owns the spelling on disk. A grant names its scopes several times, and most letters of them are
`https://www.googleapis.com/auth/`: without, a page of the database holds four grants, not three.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from msgspec.structs import replace

from bridge.model import AccessToken, Failure, Grant, RefreshToken

_FULL: Final = "https://www.googleapis.com/auth/"
_SHORT: Final = '"'  # RFC 6749 section 3.3: no scope has one
_REMEMBERED: Final = 1024

Scopes = tuple[str, ...] | None
T = TypeVar("T", RefreshToken, AccessToken, Failure)


def shortened(grant: Grant) -> Grant:
    """Return a grant as it is to be sealed."""
    return _respelled(grant, _short)


def spelled_out(grant: Grant) -> Grant:
    """Return a grant as it was before it was shortened; one that never was is left as it is."""
    return _respelled(grant, _full)


def _respelled(grant: Grant, spell: Callable[[Scopes], Scopes]) -> Grant:
    def anew(held: T) -> T:
        scopes = spell(held.scopes)
        return held if scopes is held.scopes else replace(held, scopes=scopes)

    return replace(
        grant,
        live=grant.live and anew(grant.live),
        spare=grant.spare and anew(grant.spare),
        candidates=tuple(map(anew, grant.candidates)),
        access=tuple(map(anew, grant.access)),
        failure=grant.failure and anew(grant.failure),
    )


@lru_cache(maxsize=_REMEMBERED)
def _short(scopes: Scopes) -> Scopes:
    if scopes is None:
        return None
    return tuple(
        _SHORT + scope.removeprefix(_FULL) if scope.startswith(_FULL) else scope for scope in scopes
    )


@lru_cache(maxsize=_REMEMBERED)
def _full(scopes: Scopes) -> Scopes:
    if scopes is None:
        return None
    return tuple(
        _FULL + scope.removeprefix(_SHORT) if scope.startswith(_SHORT) else scope
        for scope in scopes
    )
