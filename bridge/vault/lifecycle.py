"""How a grant's refresh tokens come, prove themselves and fall: pure functions, grant to grant.

Owns the rule that no refresh token is lost to a later one, and what state follows from which
tokens are left. Knows no store, no clock and no Google: times come as arguments.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from bridge.google.scopes import SIGN_IN
from bridge.model import AccessToken, Failure, Grant, RefreshToken, Source, State

SEEN_KEPT: Final = 256
CANDIDATES_KEPT: Final = 100  # Google itself lets no more live, per account and client
ACCESS_KEPT: Final = 16


def admit(grant: Grant, token: RefreshToken, now: int) -> Grant:
    """Take a refresh token in as a candidate.

    One seen before changes nothing; one from before the last revocation or forgetting is only
    remembered. While another serves, that one goes on serving.
    """
    if _is_known(grant, token.mark):
        return grant
    is_consent = token.source is not Source.IMPORT
    known = replace(
        grant,
        seen=(token.mark, *grant.seen)[:SEEN_KEPT],
        consents=grant.consents + is_consent,
        consented_at=max(grant.consented_at, token.time if is_consent else 0),
    )
    if _is_too_old(grant, token):
        return known
    candidate = replace(token, untried_since=now)
    newest_first = sorted((candidate, *grant.candidates), key=lambda t: t.time, reverse=True)
    return settle(known, now, candidates=tuple(newest_first[:CANDIDATES_KEPT]))


def _is_known(grant: Grant, mark: bytes) -> bool:
    # Held ones too: `seen` has an end, and a token must not compete with itself.
    return mark in grant.seen or any(mark == token.mark for token in grant.tokens)


def _is_too_old(grant: Grant, token: RefreshToken) -> bool:
    # Google dates to the second. A token of a revocation's own second may be from after it, and
    # asking Google settles that; one of a forgetting's own second cannot be told apart: stay out.
    revoked = grant.revoked_at is not None and token.time < grant.revoked_at
    forgotten = grant.forgotten_at is not None and token.time <= grant.forgotten_at
    return revoked or forgotten


def order_of_trial(grant: Grant) -> tuple[RefreshToken, ...]:
    """Return the refresh tokens to try at a refresh, the first first.

    Candidates have their turn in the order in which they were granted, so that each is compared
    with all that the grant held before it. Those newer than the live one come before it, so that a
    re-consent takes effect; older ones only after all that is proven has failed.
    """
    usable = sorted((t for t in grant.candidates if t.verdict is None), key=lambda t: t.time)
    proven = [t for t in (grant.live, grant.spare) if t is not None and t.verdict is None]
    newer = contenders(grant)
    return (*newer, *proven, *(t for t in usable if t not in newer))


def contenders(grant: Grant) -> tuple[RefreshToken, ...]:
    """Return the candidates that may displace the live refresh token, the oldest first."""
    live = grant.live
    if live is None:
        return ()
    newer = (t for t in grant.candidates if t.verdict is None and _contends(t, live))
    return tuple(sorted(newer, key=lambda t: t.time))


def _contends(token: RefreshToken, live: RefreshToken) -> bool:
    if token.scopes is None or token.untried_since:
        return token.time >= live.time
    # It was compared before. Of the live one's own consent, it is what that was rotated from.
    return token.time > live.time and _displaces(token, live)


def prove(grant: Grant, mark: bytes, scopes: tuple[str, ...], now: int) -> Grant:
    """Record that Google honoured a refresh token, with these scopes.

    It becomes the live one if there is none that works, or if it is newer and grants at least as
    much; otherwise it is kept as the spare. One that was forgotten meanwhile stays forgotten.
    """
    held = _held(grant, mark)
    if held is None:
        return grant
    token = replace(held, scopes=scopes, verdict=None, untried_since=0)
    live = grant.live
    if live is not None and live.mark == mark:
        # An access token for "all scopes" means those of its time.
        access = grant.access if live.scopes == scopes else ()
        return settle(grant, now, live=token, access=access)
    rest = _without(grant, mark)
    if live is None or live.verdict is not None or _displaces(token, live):
        return settle(rest, now, live=token, spare=_to_keep(live, rest.spare, token), access=())
    return settle(rest, now, spare=_to_keep(token, rest.spare, live))


def _displaces(token: RefreshToken, live: RefreshToken) -> bool:
    return token.time >= live.time and _data_scopes(token) >= _data_scopes(live)


def _to_keep(
    one: RefreshToken | None, other: RefreshToken | None, live: RefreshToken
) -> RefreshToken | None:
    """Choose which of two to keep beside the live one: the wider, then the newer.

    One that the live token has outdone gives way to one that it has not: Google may have ended both
    of them since, and the other is the later word of the user.
    """
    kept = [t for t in (one, other) if t is not None]
    return max(
        kept,
        key=lambda t: (not _displaces(live, t), len(_data_scopes(t)), t.time),
        default=None,
    )


def _data_scopes(token: RefreshToken) -> frozenset[str]:
    return frozenset(token.scopes or ()) - SIGN_IN


def fall(grant: Grant, mark: bytes, reason: str, now: int) -> Grant:
    """Drop a refresh token that is dead or not this account's; the others are left to be tried."""
    return settle(_without(grant, mark), now, otherwise=(State.REAUTH_REQUIRED, reason))


def refuse(grant: Grant, mark: bytes, verdict: str, now: int) -> Grant:
    """Set aside, without losing it, a refresh token that Google refuses for now."""

    def judged(token: RefreshToken | None) -> RefreshToken | None:
        if token is None or token.mark != mark:
            return token
        return replace(token, verdict=verdict)

    candidates = tuple(t for t in map(judged, grant.candidates) if t is not None)
    return settle(
        grant, now, live=judged(grant.live), spare=judged(grant.spare), candidates=candidates
    )


def rotate(grant: Grant, token: RefreshToken, now: int) -> Grant:
    """Take a refresh token that came with a refresh: it replaces the live one.

    Google does not rotate; whoever does has probably ended the old token. That one is kept as the
    spare, and the former spare to be tried after it. All of them are of one consent's time: one
    that the user has given meanwhile is newer than any of these.
    """
    if _is_known(grant, token.mark):
        return grant
    seen = (token.mark, *grant.seen)[:SEEN_KEPT]
    candidates = grant.candidates if grant.spare is None else (grant.spare, *grant.candidates)
    newest_first = sorted(candidates, key=lambda t: t.time, reverse=True)
    return settle(
        replace(grant, seen=seen),
        now,
        live=token,
        spare=grant.live,
        candidates=tuple(newest_first[:CANDIDATES_KEPT]),
    )


def keep_access(grant: Grant, fresh: AccessToken, now: int) -> Grant:
    """Cache an access token in place of the one for the same scopes."""
    others = [a for a in grant.access if a.scopes != fresh.scopes and a.expires_at > now]
    others.sort(key=lambda a: a.expires_at, reverse=True)
    access = (fresh, *others[: ACCESS_KEPT - 1])
    return replace(grant, access=access, refreshed_at=now, failure=None)


def drop_access(grant: Grant, stale: AccessToken) -> Grant:
    """Forget a cached access token that Google refuses."""
    return replace(grant, access=tuple(a for a in grant.access if a is not stale))


def share_failure(grant: Grant, failure: Failure) -> Grant:
    """Keep a failed refresh for those who would only repeat it."""
    return replace(grant, failure=failure)


def settle(
    grant: Grant,
    now: int,
    *,
    otherwise: tuple[State, str | None] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Grant, as msgspec's own replace takes them
) -> Grant:
    """Apply changes, and let the state follow from the tokens that are left.

    Args:
        grant: the grant before.
        now: Unix seconds.
        otherwise: state and reason when no token is left; None keeps the present ones.
        changes: fields to set.

    The epoch grows if the serving token or the state is another one.
    """
    changed = replace(grant, **changes) if changes else grant
    state, reason = _state_of(changed, otherwise or (grant.state, grant.reason))
    moved = (state, reason) != (grant.state, grant.reason)
    # By comparison with what it was, so that no caller can forget to count.
    other_token = _serving(changed) != _serving(grant)
    if not moved and not other_token:
        return changed
    return replace(
        changed,
        state=state,
        reason=reason,
        epoch=grant.epoch + 1,
        access=changed.access if state is State.ACTIVE and not other_token else (),
        failure=None,
        changed_at=now if moved else grant.changed_at,
    )


def _state_of(grant: Grant, otherwise: tuple[State, str | None]) -> tuple[State, str | None]:
    if grant.state is State.REVOKING:
        return State.REVOKING, grant.reason
    if grant.live is not None and grant.live.verdict is None:
        return State.ACTIVE, None
    if any(token.verdict is None for token in grant.tokens):
        return State.UNVERIFIED, None
    if grant.tokens:
        judged = grant.live or grant.tokens[0]
        return State.BLOCKED, judged.verdict
    return otherwise


def _serving(grant: Grant) -> bytes | None:
    return grant.live.mark if grant.live is not None else None


def _held(grant: Grant, mark: bytes) -> RefreshToken | None:
    return next((token for token in grant.tokens if token.mark == mark), None)


def _without(grant: Grant, mark: bytes) -> Grant:
    def kept(token: RefreshToken | None) -> RefreshToken | None:
        return None if token is None or token.mark == mark else token

    return replace(
        grant,
        live=kept(grant.live),
        spare=kept(grant.spare),
        candidates=tuple(t for t in grant.candidates if t.mark != mark),
    )
