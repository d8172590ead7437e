from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import pytest
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.errors import BridgeError
from bridge.model import Grant
from bridge.sandbox.interference import Hold
from bridge.sandbox.records import Account
from bridge.secret import Secret
from bridge.tokens.flights import Flight
from bridge.tokens.service import TokenService
from tests.kit import CALENDAR, DRIVE, SIGN_IN, TENANT, World
from tests.wsgi import internal_wsgi

T = TypeVar("T")

JOIN_S: Final = 20
BOTH: Final = f"{SIGN_IN} {CALENDAR} {DRIVE}"
ONLY_CALENDAR: Final = f"{SIGN_IN} {CALENDAR}"


class Backend:
    """A backend that reads over the internal WSGI app."""

    def __init__(self, bridge: World, **key: Any) -> None:
        self._http = HttpClient(internal_wsgi(bridge.services))
        self._headers = {"Authorization": bridge.key(**key)}

    def post(self, subject: str, *scopes: str, **more: Any) -> TestResponse:
        names = {"subject": subject} if subject else {}
        asked = {"scopes": list(scopes)} if scopes else {}
        body = {"tenant": TENANT, **names, **asked, **more}
        return self._http.post("/v1/token", json=body, headers=self._headers)


class Later(threading.Thread):
    """Something done in another thread, for its result or its error."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: Any = None
        self.error: BridgeError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._work()
        except BridgeError as error:
            self.error = error

    def outcome(self) -> Any:
        """Return the result; raise the error."""
        self.join(JOIN_S)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Do something `count` times at the same moment; raise the first error."""
    barrier = threading.Barrier(count)

    def one(number: int) -> T:
        barrier.wait(JOIN_S)
        return work(number)

    running = [Later(partial(one, number)) for number in range(count)]
    return [thread.outcome() for thread in running]


def refusal(work: Callable[[], object]) -> BridgeError:
    """Return the error that something raises."""
    with pytest.raises(BridgeError) as caught:
        work()
    return caught.value


def held(bridge: World, **filters: Any) -> Hold:
    """Hold the next refresh's answer at Google."""
    return bridge.google.hold("token", grant_type="refresh_token", times=1, **filters)


def under_way(hold: Hold) -> None:
    assert hold.wait_for(1), "no refresh came"


def until_waiting(flight: Flight, count: int) -> None:
    """Return once so many threads wait for a flight."""
    while len(flight._queue) + len(flight._calls) < count:  # noqa: SLF001 - outside it comes late
        threading.Event().wait(0.001)


def capture(
    bridge: World, subject: str, account: Account, scopes: str = ONLY_CALENDAR, **more: Any
) -> str:
    """Have a login captured; return its refresh token."""
    tokens = bridge.sign_in(account, scopes, **more)
    bridge.login(subject, account, tokens, **{k: v for k, v in more.items() if k == "client"})
    assert tokens.refresh_token is not None
    return tokens.refresh_token


def proven(bridge: World, subject: str, scopes: str = BOTH) -> tuple[Account, str]:
    """Return an account with a live grant, and its refresh token."""
    account = bridge.account()
    token = capture(bridge, subject, account, scopes, iat=bridge.clock.now() - 10)
    bridge.read(subject, CALENDAR)
    return account, token


def calls(bridge: World) -> int:
    """Return how many calls of the token endpoint have arrived."""
    return bridge.google.stats().endpoints.get("token", 0)


def is_live(bridge: World, grant: Grant, token: str) -> bool:
    """Tell whether a refresh token is the one that serves."""
    return grant.live is not None and grant.live.mark == mark_of(bridge, token)


def mark_of(bridge: World, token: str) -> bytes:
    return bridge.services.keys.hasher.mark(Secret(token))


def told(bridge: World, subject: str, account: Account, **tokens: Any) -> None:
    """Have the hook told of a login with just these tokens."""
    message = {
        "type": "login",
        "tenant": TENANT,
        "subject": subject,
        "account": {"sub": account.sub},
        "client_id": bridge.client.client_id,
        "login": {"id": secrets.token_hex(8)},
        "tokens": tokens,
        "obtained_at": int(bridge.clock.now()),
    }
    assert bridge.hook(message)["result"] == "captured"


def refreshing_with(bridge: World, **changes: Any) -> TokenService:
    """Return the bridge's token service with other bounds on waiting."""
    tokens = bridge.services.tokens
    return replace(tokens, refreshing=replace(tokens.refreshing, **changes))
