"""Who is calling: a key of the bridge's own, or a JWT of a configured issuer.

Owns the short memory of what was proven. A proven credential is remembered for half a second, so a
revoked key stops everywhere within one; nothing but its hash is kept. What proved nothing is not
remembered: a flood of guesses costs a look into the store each, and fills no memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from bridge.admin.jwt_callers import JwtCallers
from bridge.clock import Clock
from bridge.config.issuers import IssuerSettings
from bridge.errors import BridgeError, Code
from bridge.google.transport import Transport
from bridge.model import Caller, CallerKey
from bridge.secret import Secret
from bridge.store.turns import Turns
from bridge.vault.callers import Callers

REMEMBERED_S: Final = 0.5
_MOST_REMEMBERED: Final = 4096
_LONGEST: Final = 8192
_SCHEME: Final = "bearer "
_ALL: Final = "*"


class Gate:
    """Authenticates callers; safe for use by many threads."""

    def __init__(
        self,
        callers: Callers,
        issuers: Sequence[IssuerSettings],
        transport: Transport,
        clock: Clock,
    ) -> None:
        self._callers = callers
        self._jwt_callers = JwtCallers(issuers, transport, clock)
        self._clock = clock
        self._turns = Turns()
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    def admit(self, authorization: str | None) -> Caller:
        """Return the caller that an `Authorization` header proves.

        Raises:
            BridgeError: `unauthenticated`, never saying which part was wrong;
                `upstream_unavailable`, if an issuer's keys cannot be had to tell.
        """
        if authorization is None or authorization[:7].lower() != _SCHEME:
            raise _unknown()
        credential = authorization[7:]
        # RFC 6750 section 2.1 has visible ASCII alone.
        if len(credential) > _LONGEST or not credential.isascii():
            raise _unknown()
        # By hash: a memory of credentials would be worth stealing.
        name = hashlib.blake2s(credential.encode()).digest()
        caller = self._known(name)
        if caller is not None:
            return caller
        # A caller's thousand threads would all find it forgotten at the same moment.
        return self._turns.answer(
            name, lambda: self._known(name), lambda: self._looked_up(name, Secret(credential))
        )

    def _known(self, name: bytes) -> Caller | None:
        held = self._remembered.get(name)
        return held[1] if held is not None and held[0] > self._clock.monotonic() else None

    def _looked_up(self, name: bytes, credential: Secret) -> Caller:
        now = self._clock.monotonic()
        caller = self._proven(credential)
        _, before = self._remembered.get(name, (now, caller))
        if before == caller:
            # The same object: what was found out about it need not be found out again.
            caller = before
        self._remember(name, now, caller)
        return caller

    def _remember(self, name: bytes, now: float, caller: Caller) -> None:
        # Counted from before the proof, so that its own time is part of the half second. Threads
        # that clear at once, or add meanwhile, cost a repeated proof at worst.
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[name] = (now + REMEMBERED_S, caller)

    def _proven(self, credential: Secret) -> Caller:
        key = self._callers.authenticated(credential)
        caller = _of_key(key) if key else self._jwt_callers.authenticated(credential)
        if caller is None:
            raise _unknown()
        return caller


def _of_key(key: CallerKey) -> Caller:
    return Caller(
        name=key.name,
        tenants=None if _ALL in key.tenants else frozenset(key.tenants),
        scopes=None if _ALL in key.scopes else frozenset(key.scopes),
        permissions=frozenset(key.permissions),
    )


def _unknown() -> BridgeError:
    return BridgeError(
        Code.UNAUTHENTICATED,
        "Send `Authorization: Bearer` with a caller key (`bridge callers create`) or a JWT of a "
        "configured issuer; this one is missing, wrong, expired or revoked.",
    )
