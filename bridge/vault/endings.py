"""How a grant ends, and what its ending keeps out: pure functions, grant to grant.

Owns forgetting, revoking, the doubt after a restored backup, and the second chance after a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from bridge.model import Account, Grant, RefreshToken, State
from bridge.vault.lifecycle import settle

_THEN_FORGET: Final = "forgotten"


def forget(grant: Grant, at: int, now: int) -> Grant:
    """Drop every refresh token from up to `at`; keep what shuts late messages out.

    A token from after `at` stays: the message that asks to forget may itself be late. If none is
    left, so is nothing that tells whose grant it was. A grant that is being revoked is forgotten
    once Google has taken that: without its token the revocation could not go on.
    """
    if grant.state is State.FORGOTTEN:
        return replace(grant, forgotten_at=_later(grant, at))
    if grant.state is State.REVOKING:
        epoch = grant.epoch + (grant.reason != _THEN_FORGET)
        return replace(grant, forgotten_at=_later(grant, at), reason=_THEN_FORGET, epoch=epoch)
    left = _with_tokens(grant, lambda t: t.time > at)
    rest = settle(
        grant,
        now,
        live=left.live,
        spare=left.spare,
        candidates=left.candidates,
        access=grant.access if left.live == grant.live else (),
        forgotten_at=_later(grant, at),
    )
    if rest.tokens:
        return rest
    return replace(
        rest,
        state=State.FORGOTTEN,
        reason=None,
        epoch=grant.epoch + 1,
        subject="",
        account=Account(sub=""),
        access=(),
        changed_at=now,
    )


def forget_now(grant: Grant, now: int) -> Grant:
    """Drop every refresh token that is held, those too that a faster clock has dated ahead."""
    return forget(grant, max([now, *(token.time for token in grant.tokens)]), now)


def _later(grant: Grant, at: int) -> int:
    return max(at, grant.forgotten_at or 0)


def begin_revoking(grant: Grant, now: int) -> Grant:
    """Stop serving; the tokens stay until Google has taken the revocation."""
    if grant.state is State.REVOKING:
        return grant
    return replace(
        grant,
        state=State.REVOKING,
        reason=None,
        epoch=grant.epoch + 1,
        access=(),
        failure=None,
        changed_at=now,
    )


def revoke(grant: Grant, at: int, now: int) -> Grant:
    """Record Google's revocation, at Google's time `at`, of a grant that is being revoked.

    Candidates from then on may be alive: they stay, to be tried. A grant that is past its
    revocation is left alone: of two processes that carry one out, the later must not end what the
    user has consented to since.
    """
    if grant.state is not State.REVOKING:
        return grant
    ended = replace(
        grant,
        state=State.REVOKED,
        reason=None,
        epoch=grant.epoch + 1,
        revoked_at=max(at, grant.revoked_at or 0),
        changed_at=now,
    )
    settled = settle(
        ended,
        now,
        live=None,
        spare=None,
        access=(),
        candidates=tuple(t for t in grant.candidates if t.time >= at),
        otherwise=(State.REVOKED, None),
    )
    if grant.reason == _THEN_FORGET and grant.forgotten_at is not None:
        return forget(settled, grant.forgotten_at, now)
    return settled


def revoke_with_project(grant: Grant, at: int, now: int) -> Grant:
    """Record that a revocation for another client of the same Google project ended this grant.

    What the user consented to after it stays.
    """
    if not grant.tokens:
        return grant
    # Google dates to the second: of its own second, only what is unproven may be from after it.
    left = _with_tokens(grant, lambda t: t.time > at or (t.time == at and t in grant.candidates))
    return settle(
        grant,
        now,
        live=left.live,
        spare=left.spare,
        candidates=left.candidates,
        access=grant.access if left.live else (),
        revoked_at=max(at, grant.revoked_at or 0),
        otherwise=(State.REAUTH_REQUIRED, "project_revoked"),
    )


def doubt(grant: Grant, now: int) -> Grant:
    """Make every refresh token prove itself once more, as after a restore from a backup."""
    if not grant.tokens or grant.state is State.REVOKING:
        return replace(grant, access=())
    newest_first = sorted(grant.tokens, key=lambda t: t.time, reverse=True)
    return settle(grant, now, live=None, spare=None, candidates=tuple(newest_first), access=())


def reconsider(grant: Grant, now: int) -> Grant:
    """Lift every verdict, so that what Google refused before is tried again."""

    def cleared(token: RefreshToken | None) -> RefreshToken | None:
        return None if token is None else replace(token, verdict=None)

    candidates = tuple(replace(t, verdict=None) for t in grant.candidates)
    return settle(
        grant, now, live=cleared(grant.live), spare=cleared(grant.spare), candidates=candidates
    )


def _with_tokens(grant: Grant, keep: Callable[[RefreshToken], bool]) -> Grant:
    live, spare = grant.live, grant.spare
    return replace(
        grant,
        live=live if live is not None and keep(live) else None,
        spare=spare if spare is not None and keep(spare) else None,
        candidates=tuple(t for t in grant.candidates if keep(t)),
    )
