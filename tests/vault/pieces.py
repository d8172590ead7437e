"""Grants and refresh tokens for tests of the pure state changes; nothing in them is sealed."""

from __future__ import annotations

import hashlib

from bridge.model import AccessToken, Account, Grant, RefreshToken, Source
from bridge.secret import Secret
from bridge.vault import lifecycle

CAL = "https://www.googleapis.com/auth/calendar"
DRIVE = "https://www.googleapis.com/auth/drive"
MAIL = "https://www.googleapis.com/auth/gmail.readonly"
NOW = 1_000


def mark_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def token(name: str, time: int = NOW, source: Source = Source.CAPTURE) -> RefreshToken:
    """Return a refresh token as it is captured, known by a name."""
    mark = mark_of(name)
    return RefreshToken(
        sealed=name.encode(),
        mark=mark,
        risc_prefix=mark,
        risc_sha512=mark,
        time=time,
        source=source,
    )


def blank() -> Grant:
    """Return a grant of which nothing is known."""
    return Grant(id="g", tenant="acme", subject="u1", account=Account(sub="a1"), client_id="c1")


def access(name: str = "at", expires_at: int = NOW + 3600) -> AccessToken:
    return AccessToken(token=Secret(name), scopes=None, issued_at=NOW, expires_at=expires_at)


def admitted(*tokens: RefreshToken, to: Grant | None = None) -> Grant:
    grant = to or blank()
    for one in tokens:
        grant = lifecycle.admit(grant, one, NOW)
    return grant


def served(name: str, *scopes: str, time: int = NOW, to: Grant | None = None) -> Grant:
    """Return a grant that this refresh token, captured and proven, serves."""
    grant = admitted(token(name, time), to=to)
    proven = lifecycle.prove(grant, mark_of(name), tuple(scopes or (CAL,)), NOW)
    return lifecycle.keep_access(proven, access(), NOW)


def names(grant: Grant) -> set[str]:
    """Return the names of the refresh tokens that a grant holds."""
    return {one.sealed.decode() for one in grant.tokens}


def live_of(grant: Grant) -> str | None:
    return grant.live.sealed.decode() if grant.live else None


def spare_of(grant: Grant) -> str | None:
    return grant.spare.sealed.decode() if grant.spare else None
