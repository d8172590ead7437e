"""An issuer's public signing keys, Google's or another's, fetched once and kept as parsed objects.

Owns how long keys are believed and how often they are asked for. Knows keys by their id alone,
nothing of tokens.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.answer import Answer
from bridge.google.outcome import Transient
from bridge.google.transport import Transport
from bridge.google.wire import decode, prepare

_OK: Final = 200
# Keys without a `max-age`, or with a useless one, are kept this long: not asked for at every token.
_SHORTEST_LIFE: Final = 300
_LONGEST_LIFE: Final = 86_400
# How much longer keys are used while their issuer cannot be asked. Google announces keys days
# ahead, so a login need not fail for an outage; but a withdrawn key must end some time, also when
# somebody keeps us from hearing of it.
_STALE: Final = 86_400
# A token names its key before anything of it is verified. Whoever sends made-up names must not
# have us ask the issuer each time.
_BETWEEN_FETCHES: Final = 60
_AFTER_FAILURE: Final = 5


class KeysUnavailableError(BridgeError):
    """An issuer's keys cannot be had now, so that nothing can be said about a token."""

    def __init__(self, issuer: str) -> None:
        super().__init__(
            Code.UPSTREAM_UNAVAILABLE,
            f"The signing keys of {issuer} cannot be fetched now; try again shortly.",
            reason="signing_keys",
            retry_after=_AFTER_FAILURE,
        )


class _Jwk(msgspec.Struct, frozen=True):
    """The public part of an RSA or EC key (RFC 7517, RFC 7518 section 6); the rest is not read."""

    kty: str
    kid: str = ""
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""
    use: str = "sig"
    alg: str | None = None


class _Jwks(msgspec.Struct, frozen=True):
    keys: tuple[_Jwk, ...]


prepare(_Jwks)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Keys as of one fetch; times are monotonic seconds."""

    keys: Mapping[str, PyJWK] = field(default_factory=dict)
    fresh_until: float = float("-inf")
    usable_until: float = float("-inf")


class SigningKeys:
    """A cache of the keys behind one URL; safe for use by many threads.

    Readers of a fresh key take no lock. One thread at a time fetches; meanwhile those whose key is
    merely stale use it, and only those without any key wait.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        clock: Clock,
        *,
        issuer: str = "Google",
        algorithms: Collection[str] = ("RS256",),
    ) -> None:
        """Make an empty cache.

        Args:
            url: of the JWK set.
            transport: carries the calls.
            clock: tells how old keys are.
            issuer: whose keys they are, for the error.
            algorithms: keys for others are left out; `RS256` and `ES256` can be read.
        """
        self._url = url
        self._issuer = issuer
        self._algorithms = frozenset(algorithms)
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshot = _Snapshot()
        self._next_fetch = float("-inf")
        self._failed = False

    def find(self, kid: str) -> PyJWK | None:
        """Return the key called `kid`, or None if the issuer has no such key.

        Raises:
            KeysUnavailableError: the issuer could not be asked, and no key is at hand.
        """
        snapshot = self._snapshot
        now = self._clock.monotonic()
        key = snapshot.keys.get(kid)
        if key is not None and now < snapshot.fresh_until:
            return key
        # Nobody who has a key at hand waits for a fetch that another thread is making.
        if self._lock.acquire(blocking=key is None or now >= snapshot.usable_until):
            try:
                self._fetch_if_due()
            finally:
                self._lock.release()
        return self._held(kid)

    def _held(self, kid: str) -> PyJWK | None:
        snapshot = self._snapshot
        usable = self._clock.monotonic() < snapshot.usable_until
        key = snapshot.keys.get(kid) if usable else None
        # After a failed fetch an unknown key may be a new one; only the issuer could tell.
        if key is None and (self._failed or not usable):
            raise KeysUnavailableError(self._issuer)
        return key

    def _fetch_if_due(self) -> None:
        # Also what lets those who waited for the lock take what its holder fetched.
        if self._clock.monotonic() < self._next_fetch:
            return
        answer = self._transport.get(self._url, self._transport.deadline())
        keys = {} if isinstance(answer, Transient) else _keys(answer, self._algorithms)
        now = self._clock.monotonic()
        self._failed = not keys
        self._next_fetch = now + (_AFTER_FAILURE if self._failed else _BETWEEN_FETCHES)
        if isinstance(answer, Answer) and keys:
            fresh_until = now + _life(answer)
            self._snapshot = _Snapshot(keys, fresh_until, fresh_until + _STALE)


def _life(answer: Answer) -> int:
    """Return for how many seconds the keys may be kept (RFC 9111 section 4.2)."""
    told = (answer.max_age or 0) - answer.age
    return min(max(told, _SHORTEST_LIFE), _LONGEST_LIFE)


def _keys(answer: Answer, algorithms: Collection[str]) -> dict[str, PyJWK]:
    """Return the usable keys of an answer; a key that cannot be read is left out."""
    jwks = decode(answer.body, _Jwks) if answer.status == _OK else None
    parsed = ((jwk.kid, _public_key(jwk, algorithms)) for jwk in (jwks.keys if jwks else ()))
    return {kid: key for kid, key in parsed if kid and key is not None}


def _public_key(jwk: _Jwk, algorithms: Collection[str]) -> PyJWK | None:
    match (jwk.kty, jwk.crv, jwk.alg):
        case ("RSA", _, "RS256" | None):
            algorithm, public = "RS256", {"kty": "RSA", "n": jwk.n, "e": jwk.e}
        case ("EC", "P-256", "ES256" | None):
            algorithm, public = "ES256", {"kty": "EC", "crv": "P-256", "x": jwk.x, "y": jwk.y}
        case _:
            return None
    if jwk.use != "sig" or algorithm not in algorithms:
        return None
    try:
        return PyJWK(public, algorithm=algorithm)
    except (PyJWTError, ValueError):
        return None
