"""What a write of a grant tells: the acts that lie between the grant before and after.

Owns the comparison. A caller that writes a grant says who is behind it, never what happened: no
change can go untold because somebody forgot to tell it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.audit.act import Act, ActType, Cause
from bridge.audit.log import AuditLog
from bridge.model import PROVEN, AccessToken, Grant, RefreshToken, State
from bridge.secret import fingerprint
from bridge.store.base import Op
from bridge.vault.grants import place_of

_WRONG_ACCOUNT: Final = "wrong_account"
_MARK_DIGITS: Final = 16


class GrantJournal:
    """Writes what happens to grants into the audit log."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def __call__(self, before: Grant | None, after: Grant, cause: Cause) -> Sequence[Op]:
        """Return the writes that tell of a change, for the commit that makes it."""
        partition = place_of(after).partition
        return [self._log.op(partition, act) for act in told(before, after, cause)]


def told(before: Grant | None, after: Grant, cause: Cause) -> tuple[Act, ...]:
    """Return the acts that a change consists of, in their order."""
    if before == after:
        return ()
    return tuple(_Change(before, after, cause).acts())


def mark_of(token: RefreshToken) -> str:
    """Return the public name of a refresh token: a part of its keyed hash."""
    return f"rt_{token.mark.hex()[:_MARK_DIGITS]}"


def _blank(grant: Grant) -> Grant:
    return Grant(
        id=grant.id,
        tenant=grant.tenant,
        subject=grant.subject,
        account=grant.account,
        client_id=grant.client_id,
    )


class _Change:
    """A grant before and after, and how they differ.

    Each act of a change has the states before and after it all.
    """

    def __init__(self, before: Grant | None, after: Grant, cause: Cause) -> None:
        self._former = before.state.value if before else None
        self._before = before = before or _blank(after)
        self._after = after
        self._cause = cause
        # Whose it was is no longer in a grant that was forgotten.
        self._whose = after if after.subject else before
        self._moved = before.state is not after.state

    def acts(self) -> Iterator[Act]:
        """Yield every act of the change."""
        before, after = self._before, self._after
        if before.state is State.FORGOTTEN and after.state is State.FORGOTTEN:
            return  # nobody's any more; it only remembers what must stay out
        if after.state is State.MISSING and (self._moved or self._former is None):
            yield self.act(ActType.LOGIN_SEEN)
            return
        acts = [*self._tokens(), *self._endings()]
        yield from acts
        yield from self._states(is_told=bool(acts))

    def act(
        self, kind: ActType, tokens: Sequence[str] = (), *, reason: str | None = None, **more: str
    ) -> Act:
        whose = self._whose
        if reason is None and self._cause.reason != PROVEN:
            reason = self._cause.reason
        return Act(
            type=kind,
            tenant=whose.tenant,
            cause=Cause(self._cause.actor, reason),
            subject=whose.subject or None,
            account=whose.account.sub or None,
            client=whose.client_id,
            grant=whose.id,
            before=self._former,
            after=self._after.state.value,
            tokens=tuple(tokens),
            details=tuple(more.items()),
        )

    def _tokens(self) -> Iterator[Act]:
        """Yield what happened to refresh tokens and access tokens."""
        before, after = self._before, self._after
        for token in self._arrived():
            yield self.act(ActType.CAPTURED, [mark_of(token)], source=token.source.value)
        fresh = self._fresh()
        for access in fresh:
            marks = [mark_of(after.live)] if after.live else []
            names = [*marks, fingerprint(access.token)]
            yield self.act(ActType.REFRESH_SUCCEEDED, names, scopes=_scopes(access, after))
        if not fresh:
            yield from self._fallen()
            yield from self._judged()
        failure = after.failure
        if failure is not None and failure != before.failure:
            yield self.act(ActType.REFRESH_FAILED, reason=failure.reason, code=failure.code)

    def _arrived(self) -> list[RefreshToken]:
        known = {*self._before.seen, *(token.mark for token in self._before.tokens)}
        return [token for token in self._after.tokens if token.mark not in known]

    def _fresh(self) -> list[AccessToken]:
        return [access for access in self._after.access if access not in self._before.access]

    def _fallen(self) -> Iterator[Act]:
        """Yield the refresh tokens that Google no longer takes, or that are not this account's.

        One that is gone where a better one came, or by somebody's wish, has not fallen.
        """
        before, after = self._before, self._after
        is_wished = before.forgotten_at != after.forgotten_at or before.state is State.REVOKING
        if is_wished or before.seen != after.seen or self._cause.reason == PROVEN:
            return
        left = {token.mark for token in after.tokens}
        reason = self._cause.reason or after.reason
        kind = ActType.REFRESH_FAILED if reason == _WRONG_ACCOUNT else ActType.REVOKED_DETECTED
        for token in before.tokens:
            if token.mark not in left:
                yield self.act(kind, [mark_of(token)], reason=reason)

    def _judged(self) -> Iterator[Act]:
        """Yield verdicts that Google gave, and those that somebody lifted."""
        verdicts = {token.mark: token.verdict for token in self._before.tokens}
        lifted = []
        for token in self._after.tokens:
            former = verdicts.get(token.mark)
            if token.verdict is None and former is not None:
                lifted.append(mark_of(token))
            elif token.verdict != former and token.mark in verdicts:
                yield self.act(ActType.REFRESH_FAILED, [mark_of(token)], reason=token.verdict)
        if lifted:
            yield self.act(ActType.RECHECKED, lifted)

    def _endings(self) -> Iterator[Act]:
        """Yield what somebody ended."""
        before, after = self._before, self._after
        if after.state is State.REVOKING and self._moved:
            yield self.act(ActType.REVOKING)
        if before.state is State.REVOKING and self._moved:
            yield self.act(ActType.REVOKED)
        elif self._is_forgotten():
            yield self.act(ActType.FORGOTTEN)

    def _is_forgotten(self) -> bool:
        before, after = self._before, self._after
        if after.state is State.FORGOTTEN or before.forgotten_at == after.forgotten_at:
            return after.state is State.FORGOTTEN
        if after.state is State.REVOKING:
            return before.reason != after.reason  # it goes once Google has taken the revocation
        left = {token.mark for token in after.tokens}
        return any(token.mark not in left for token in before.tokens)

    def _states(self, *, is_told: bool) -> Iterator[Act]:
        """Yield the moves that have an act of their own, and those that nothing else tells."""
        before, after = self._before, self._after
        if (before.state, before.reason) == (after.state, after.reason):
            return
        own = {
            State.REAUTH_REQUIRED: ActType.REAUTH_REQUIRED_SET,
            State.BLOCKED: ActType.BLOCKED_SET,
        }
        if (kind := own.get(after.state)) is not None:
            yield self.act(kind, reason=after.reason)
        elif after.state is State.ACTIVE and self._is_back():
            yield self.act(ActType.RECOVERED)
        elif self._moved and not is_told:
            is_proven = after.state is State.ACTIVE
            yield self.act(ActType.PROVEN if is_proven else ActType.DOUBTED)

    def _is_back(self) -> bool:
        """Tell whether it served before, or its user was once seen without a token."""
        return self._before.refreshed_at is not None or self._before.began_missing


def _scopes(access: AccessToken, grant: Grant) -> str:
    return " ".join(grant.granted if access.scopes is None else access.scopes)
