"""The same request again: its last answer, as long as all that it followed from is as it was.

Owns what an answer follows from: the caller, the rows of the store, the keys that open them, and
the time in which the token is fresh. The rows are looked at for every answer, by the same rules as
for a request that never came before; only opening, choosing and writing are not done again. What is
not answered from here, the token service answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bridge import metrics
from bridge.clock import Clock
from bridge.crypto.transient import TransientSeal
from bridge.errors import BridgeError
from bridge.metrics import Tally
from bridge.model import Caller
from bridge.store.findings import Finding
from bridge.store.recent import Key
from bridge.store.watched import WatchedStore
from bridge.tokens.refreshing import Want
from bridge.tokens.service import TokenService, key_of
from bridge.tokens.visits import STAYS, Awaited, Left, Visit
from bridge.tokens.wire import TokenAnswer, TokenRequest
from bridge.vault.grants import Grants
from bridge.vault.keys import KeyMaterial, Keys

# The one part of an answer that is another at each reading. It is the last of the members, as
# `TokenAnswer` has them.
_EXPIRES_IN: Final = b'"expires_in":'
_MOST_CALLERS: Final = 16
_NOBODY: Final[dict[str, tuple[Caller, Awaited]]] = {}
_SERVED: Final = Tally(metrics.READS, "served")


@dataclass(slots=True)
class Given:
    """An answer that was given, and what it follows from.

    A thousand users' are looked at in turn, and what one holds is no longer in the processor's
    memory when its turn comes again: what is looked at each time is in as few objects as can be.

    Attributes:
        caller: who got it.
        key: finds the rows.
        finding: the rows.
        keys: what opened them.
        since, until: when its token may be handed out without a look at Google.
        expires_at: of the token, Unix seconds.
        want: the refresh that brings the next one.
        nonce, sealed: the answer without the seconds that are left, and all that follows them.
    """

    caller: Caller
    key: Key
    finding: Finding
    keys: KeyMaterial
    since: float
    until: float
    expires_at: int
    want: Want
    nonce: bytes
    sealed: bytes


class Asked:
    """A request as it was read, what callers were answered to it last, and who waits with it.

    Attributes:
        request: the request.
        came_before: whether it did.
        given: what one caller was answered; of one caller it is, almost always.
        others: what other callers were.
        left: callers, by name, who wait for a flight.
    """

    __slots__ = ("came_before", "given", "left", "others", "request")

    def __init__(self, request: TokenRequest) -> None:
        self.request = request
        self.came_before = False
        self.given: Given | None = None
        self.others: tuple[Given, ...] = ()
        self.left: dict[str, tuple[Caller, Awaited]] = _NOBODY

    def all_given(self) -> tuple[Given, ...]:
        """Return what callers were answered."""
        return self.others if self.given is None else (self.given, *self.others)

    def keep(self, given: Given) -> None:
        """Remember an answer in place of the caller's last."""
        others = [one for one in self.all_given() if one.caller.name != given.caller.name]
        # Two threads that do this at once lose one of both at worst.
        self.given, self.others = given, tuple(others[: _MOST_CALLERS - 1])

    def forget(self, given: Given) -> None:
        """Forget an answer."""
        if self.given is given:
            self.given = None
        else:
            self.others = tuple(one for one in self.others if one is not given)


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
        given = asked.given
        if given is None or given.caller is not caller:
            given = _given_to(caller, asked)
        try:
            answer = None if given is None else self._told(given)
            if answer is None:
                answer = self._again(caller, asked, given, visit)
        except BridgeError as error:
            metrics.count(metrics.READS, error.code.value)
            raise
        if answer is None:
            return self._asked_of_service(caller, asked, visit)
        _SERVED.add()
        return answer

    def _told(self, given: Given) -> bytes | None:
        """Return an answer that was given, as of now, if it still is the answer."""
        now = self.clock.now()
        if not (
            given.since <= now < given.until
            and given.keys is self.keys.present
            and given.finding.holds()
        ):
            return None
        left = max(0, given.expires_at - int(now))
        return b"%b%d}" % (self._seal.open(given.nonce, given.sealed), left)

    def _again(
        self, caller: Caller, asked: Asked, given: Given | None, visit: Visit
    ) -> bytes | None:
        """Return the answer by what the rows are now, if they alone give it.

        Raises:
            Left: it is to be waited for.
        """
        if asked.left:
            _join(caller, asked, visit)
        if visit.failure is not None:
            return None  # the service tells of it
        if given is None:
            return self._kept(caller, asked) if asked.came_before else None
        answer = self._renewed(given, caller, asked, visit)
        if answer is None:
            # Whatever is wrong, it is not to be waited for again before somebody has looked.
            asked.forget(given)
        return answer

    def _renewed(self, given: Given, caller: Caller, asked: Asked, visit: Visit) -> bytes | None:
        now = self.clock.now()
        if given.keys is not self.keys.present:
            return self._kept(caller, asked)
        if now >= given.expires_at and visit.leaves and not visit.times:
            # Without a look at the store before: hundreds who come at once would all look, and
            # readers of other grants stand in line behind them. Whoever refreshes looks.
            with _noted(caller, asked):
                self.service.refreshing.leave(given.want, patient=True)
        if given.since <= now < given.until:
            finding = self.rows.finding(given.key, given.finding)
            if finding.rows == given.finding.rows:
                given.finding = finding
                return self._told(given)
        return self._kept(caller, asked)

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
        nonce, sealed = self._seal.seal(body[: body.rindex(_EXPIRES_IN) + len(_EXPIRES_IN)])
        given = Given(
            caller=caller,
            key=key,
            finding=finding,
            keys=keys,
            since=float(standing.fresh.since),
            until=float(standing.fresh.until),
            expires_at=standing.answer.expires_at,
            want=standing.want,
            nonce=nonce,
            sealed=sealed,
        )
        asked.keep(given)
        return body

    def _asked_of_service(self, caller: Caller, asked: Asked, visit: Visit) -> bytes:
        # Most of what comes once never comes again: it is not worth a place in memory.
        asked.came_before = True
        with _noted(caller, asked):
            return self.encode(self.service.read(caller, asked.request, visit))


def _given_to(caller: Caller, asked: Asked) -> Given | None:
    """Return what an equal caller was answered last."""
    for given in asked.all_given():
        if given.caller == caller:
            # The next comparison is by identity.
            given.caller = caller
            return given
    return None


@contextmanager
def _noted(caller: Caller, asked: Asked) -> Iterator[None]:
    """Note for what a caller leaves in the block, so that the same request can join it."""
    try:
        yield
    except Left as left:
        if len(asked.left) >= _MOST_CALLERS or asked.left is _NOBODY:
            asked.left = {}
        asked.left[caller.name] = caller, left.awaited
        raise


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
