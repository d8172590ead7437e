"""Many token requests in one: worked on side by side, answered in their order.

Owns the threads. Requests for one subject or grant go to one thread, one after the other: the
first refreshes, the rest find its token, and none of them takes a waiter's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bridge.errors import BridgeError
from bridge.model import Caller
from bridge.tokens.service import TokenService
from bridge.tokens.wire import TokenRequest
from bridge.web.reply import problem
from bridge.web.wire import TokenResult

_AT_ONCE: Final = 16


class Batches:
    """Reads batches of tokens; a slow refresh holds up its own grant alone."""

    def __init__(self, tokens: TokenService) -> None:
        self._tokens = tokens
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="tokens")

    def read(self, caller: Caller, requests: Sequence[TokenRequest]) -> tuple[TokenResult, ...]:
        """Return a token or an error for each request, in their order."""
        alike: dict[tuple[str | None, ...], list[int]] = {}
        for place, request in enumerate(requests):
            name = (request.tenant, request.subject, request.grant)
            alike.setdefault(name, []).append(place)

        def one_after_the_other(places: Sequence[int]) -> list[tuple[int, TokenResult]]:
            return [(place, self._one(caller, requests[place])) for place in places]

        found: dict[int, TokenResult] = {}
        for results in self._threads.map(one_after_the_other, alike.values()):
            found.update(results)
        return tuple(found[place] for place in range(len(requests)))

    def _one(self, caller: Caller, request: TokenRequest) -> TokenResult:
        try:
            return TokenResult(token=self._tokens.read(caller, request))
        except BridgeError as error:
            return TokenResult(error=problem(error, None))
