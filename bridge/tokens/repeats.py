"""The same request again: its last answer, as long as all that it followed from is as it was.

Owns what an answer follows from: the caller, the rows of the store, the keys that open them, and
the time in which the token is fresh. The rows are looked at for every answer, by the same rules as
for a request that never came before; only opening, choosing and writing are not done again. What is
not answered from here, the token service answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bridge import metrics
from bridge.clock import Clock
from bridge.crypto.transient import Sealed, TransientSeal
from bridge.errors import BridgeError
from bridge.model import Caller
from bridge.store.findings import Finding
from bridge.store.watched import WatchedStore
from bridge.tokens.refreshing import Want
from bridge.tokens.service import TokenService, key_of
from bridge.tokens.visits import STAYS, Awaited, Left, Visit
from bridge.tokens.wire import TokenAnswer, TokenRequest
from bridge.vault.grants import Grants
from bridge.vault.keys import KeyMaterial, Keys

# The one part of an answer that is another at each reading. In a string of the answer its quotes
# would be escaped, so it is found nowhere else.
_EXPIRES_IN: Final = b'"expires_in":'
_MOST_CALLERS: Final = 16
_NOBODY: Final[dict[str, tuple[Caller, Awaited]]] = {}


@dataclass(slots=True)
class Given:
    """An answer that was given, and what it follows from.

    Attributes:
        caller: who got it.
        finding: the rows.
        keys: what opened them.
        since, until: when its token may be handed out without a look at Google.
        expires_at: of the token, Unix seconds.
        want: the refresh that brings the next one.
        sealed: the answer without the seconds that are left.
        place: where in it they belong.
    """

    caller: Caller
    finding: Finding
    keys: KeyMaterial
    since: float
    until: float
    expires_at: int
    want: Want
    sealed: Sealed
    place: int


class Asked:
    """A request as it was read, what callers were answered to it last, and who waits with it."""

    __slots__ = ("came_before", "given", "left", "request")

    def __init__(self, request: TokenRequest) -> None:
        self.request = request
        self.came_before = False
        # Of one caller, almost always: whatever else there were would have to be looked at too.
        self.given: tuple[Given, ...] = ()
        self.left: dict[str, tuple[Caller, Awaited]] = _NOBODY

    def given_to(self, caller: Caller) -> Given | None:
        """Return what a caller of that name was answered last."""
        for given in self.given:
            if given.caller is caller or given.caller.name == caller.name:
                return given
        return None

    def keep(self, given: Given) -> None:
        """Remember an answer in place of the caller's last."""
        others = [one for one in self.given if one.caller.name != given.caller.name]
        # Two threads that do this at once lose one of both at worst.
        self.given = (given, *others[: _MOST_CALLERS - 1])

    def forget(self, given: Given) -> None:
        """Forget an answer."""
        self.given = tuple(one for one in self.given if one is not given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Answers requests, and those that come again with less work. Safe for use by many threads.

    Attributes:
        service: answers whatever is not answered from here.
        rows: the store, or what was read of it within the second.
        grants: finds and opens rows.
        keys: of the process.
        clock: the time.
        encode: writes an answer as JSON.
    """

    service: TokenService
    rows: WatchedStore
    grants: Grants
    keys: Keys
    clock: Clock
    encode: Callable[[TokenAnswer], bytes]
    _seal: TransientSeal = field(init=False, default_factory=TransientSeal)

    def read(self, caller: Caller, asked: Asked, visit: Visit = STAYS) -> bytes:
        """Return the answer to a request, written as JSON.

        Raises:
            BridgeError, Left: as `TokenService.read`.
        """
        if asked.left:
            _join(caller, asked, visit)
        try:
            return self._read(caller, asked, visit)
        except Left as left:
            if len(asked.left) >= _MOST_CALLERS or asked.left is _NOBODY:
                asked.left = {}
            asked.left[caller.name] = caller, left.awaited
            raise

    def _read(self, caller: Caller, asked: Asked, visit: Visit) -> bytes:
        try:
            answer = self._again(caller, asked, visit)
        except BridgeError as error:
            metrics.count(metrics.READS, error.code.value)
            raise
        if answer is None:
            # Most of what comes once never comes again: it is not worth a place in memory.
            asked.came_before = True
            return self.encode(self.service.read(caller, asked.request, visit))
        metrics.count(metrics.READS, "served")
        return answer

    def _again(self, caller: Caller, asked: Asked, visit: Visit) -> bytes | None:
        if visit.failure is not None:
            return None  # the service tells of it
        given = asked.given_to(caller)
        if given is None:
            return self._kept(caller, asked) if asked.came_before else None
        answer = self._told(given, caller)
        if answer is not None:
            return answer
        answer = self._renewed(given, caller, asked, visit)
        if answer is None:
            # Whatever is wrong, it is not to be waited for again before somebody has looked.
            asked.forget(given)
        return answer

    def _told(self, given: Given, caller: Caller) -> bytes | None:
        """Return an answer that was given, as of now, if it still is the answer."""
        now, place = self.clock.now(), given.place
        if not (
            given.since <= now < given.until
            and self._is_for(given, caller)
            and given.finding.holds()
        ):
            return None
        plain = self._seal.open(given.sealed)
        left = max(0, given.expires_at - int(now))
        return b"%b%d%b" % (plain[:place], left, plain[place:])

    def _renewed(self, given: Given, caller: Caller, asked: Asked, visit: Visit) -> bytes | None:
        is_due = self.clock.now() >= given.expires_at and self._is_for(given, caller)
        if is_due and visit.leaves and not visit.times:
            # Without a look at the store before: hundreds who come at once would all look, and
            # readers of other grants stand in line behind them. Whoever refreshes looks.
            self.service.refreshing.leave(given.want, patient=True)
        return self._kept(caller, asked)

    def _is_for(self, given: Given, caller: Caller) -> bool:
        """Tell whether caller and keys are what they were."""
        if given.caller is not caller:
            if given.caller != caller:
                return False
            # The next comparison is by identity.
            given.caller = caller
        return given.keys is self.keys.present

    def _kept(self, caller: Caller, asked: Asked) -> bytes | None:
        """Return the answer to a request and keep it, if the rows alone give it."""
        keys = self.keys.present
        key = key_of(self.grants, asked.request)
        if key is None:
            return None
        finding = self.rows.finding(key)
        standing = self.service.standing(caller, asked.request, finding.rows)
        if standing is None:
            return None
        body = self.encode(standing.answer)
        place = body.index(_EXPIRES_IN) + len(_EXPIRES_IN)
        rest = body[body.index(b",", place) :]
        given = Given(
            caller=caller,
            finding=finding,
            keys=keys,
            since=standing.fresh.since,
            until=standing.fresh.until,
            expires_at=standing.answer.expires_at,
            want=standing.want,
            sealed=self._seal.seal(body[:place] + rest),
            place=place,
        )
        asked.keep(given)
        return body


def _join(caller: Caller, asked: Asked, visit: Visit) -> None:
    """Leave for the flight that the same request of the same caller left for, if it is under way.

    Whatever became of the grant since then, whoever comes back is answered by what it is then.

    Raises:
        Left: so it is.
    """
    of, awaited = asked.left.get(caller.name, (None, None))
    if awaited is None:
        return
    if awaited.flight.has_landed:
        asked.left.pop(caller.name, None)
    elif visit.leaves and awaited.shares and of == caller:
        raise Left(awaited)
