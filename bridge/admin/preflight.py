"""Would a token be had? Every check on the way, each with who can mend it.

Owns the list of checks. It reads as the token endpoint does, and so refreshes near expiry too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from bridge.errors import BridgeError, Code
from bridge.google.client import GoogleClient
from bridge.google.outcome import Transient
from bridge.model import Caller
from bridge.store.base import Store
from bridge.tokens.service import TokenService
from bridge.tokens.wire import TokenRequest
from bridge.vault.opening import Opening

_MOST_SKEW_S: Final = 30
_USER: Final = (Code.REAUTH_REQUIRED, Code.INSUFFICIENT_SCOPE, Code.GRANT_MISSING)
_CALLER: Final = (Code.INVALID_REQUEST, Code.ACCOUNT_AMBIGUOUS)
_ADMIN: Final = (Code.BLOCKED, Code.FORBIDDEN)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be right.

    Attributes:
        name: `store`, `keys`, `clock` or `token`.
        ok: whether it is.
        detail: what is wrong.
        code: the error's code.
        who: `user`, `caller`, `admin` or `operator`; whoever can mend it.
    """

    name: str
    ok: bool
    detail: str | None = None
    code: str | None = None
    who: str | None = None


class PreflightAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All checks; `ok` if each of them is."""

    ok: bool
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Runs the checks."""

    tokens: TokenService
    store: Store
    google: GoogleClient
    opening: Opening

    def run(self, caller: Caller, request: TokenRequest) -> PreflightAnswer:
        """Check all the way to a token; the token itself is not answered.

        Raises:
            BridgeError: `forbidden`, if the caller lacks the permission.
        """
        if "preflight" not in caller.permissions:
            raise BridgeError(Code.FORBIDDEN, "This caller lacks the permission `preflight`.")
        checks = (self._store(), self._keys(), self._clock(), self._token(caller, request))
        return PreflightAnswer(ok=all(check.ok for check in checks), checks=checks)

    def _store(self) -> Check:
        try:
            self.store.check()
        except BridgeError as error:
            return _failed("store", error)
        return Check(name="store", ok=True)

    def _keys(self) -> Check:
        try:
            self.opening.prove_keys()
        except BridgeError as error:
            return _failed("keys", error)
        return Check(name="keys", ok=True)

    def _clock(self) -> Check:
        reached = self.google.probe()
        if isinstance(reached, Transient):
            return Check(
                name="clock",
                ok=False,
                detail="Google cannot be reached, so its clock cannot be compared.",
                code=Code.UPSTREAM_UNAVAILABLE.value,
                who="operator",
            )
        if reached.skew is not None and abs(reached.skew) > _MOST_SKEW_S:
            detail = f"The host's clock is {reached.skew:.0f} s off Google's; set it by NTP."
            return Check(name="clock", ok=False, detail=detail, who="operator")
        return Check(name="clock", ok=True)

    def _token(self, caller: Caller, request: TokenRequest) -> Check:
        try:
            self.tokens.read(caller, request)
        except BridgeError as error:
            return _failed("token", error)
        return Check(name="token", ok=True)


def _failed(name: str, error: BridgeError) -> Check:
    return Check(
        name=name, ok=False, detail=error.public, code=error.code.value, who=_who(error.code)
    )


def _who(code: Code) -> str:
    for codes, who in ((_USER, "user"), (_CALLER, "caller"), (_ADMIN, "admin")):
        if code in codes:
            return who
    return "operator"
