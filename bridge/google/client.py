"""The calls that the bridge makes to Google's OAuth endpoints.

Builds requests and applies the retry policy; what an answer means is `classify`'s, how bytes
travel is `transport`'s. Holds no token longer than a call, and knows no grant.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped] # ships no types
    prepare_token_request,
)
from authlib.oauth2.rfc7009 import (  # type: ignore[import-untyped] # ships no types
    prepare_revoke_token_request,
)

from bridge import metrics
from bridge.clock import Clock
from bridge.google.answer import Answer
from bridge.google.classify import (
    classify_exchange,
    classify_refresh,
    classify_revoke,
    classify_tokeninfo,
)
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.outcome import (
    ExchangeOutcome,
    Outcome,
    ProbeOutcome,
    Reached,
    RefreshOutcome,
    RevokeOutcome,
    TokenInfoOutcome,
    Transient,
)
from bridge.google.retry import RetryPolicy, retryable, retryable_unsent
from bridge.google.transport import Transport
from bridge.secret import Secret

_T = TypeVar("_T", bound=Outcome)


class GoogleClient:
    """Asks Google; safe for use by many threads. No method raises for what Google does.

    Every `budget` is in seconds, covers retries and their pauses, and can only shorten the
    transport's total.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        clock: Clock,
        transport: Transport,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Build a client.

        Args:
            endpoints: where Google is.
            clock: sleeps between tries.
            transport: carries the calls; whoever made it closes it.
            jitter: returns a number from 0 to 1 each time.
        """
        self._endpoints = endpoints
        self._transport = transport
        self._policy = RetryPolicy(clock, jitter)

    def refresh(
        self,
        credentials: ClientCredentials,
        refresh_token: Secret,
        *,
        scopes: frozenset[str] | None = None,
        budget: float | None = None,
    ) -> RefreshOutcome:
        """Get a new access token (RFC 6749 section 6).

        Args:
            credentials: of the client that the RT was issued to.
            refresh_token: the RT.
            scopes: narrow the access token to these; None asks for all that is granted.
            budget: see the class.

        Raises:
            ValueError: `scopes` is empty. An empty `scope` would be left out of the request, which
                asks for everything.
        """
        if scopes is not None and not scopes:
            raise ValueError("an empty scope set cannot be asked for")
        form = _token_form(
            credentials,
            "refresh_token",
            refresh_token=refresh_token.reveal(),
            scope=None if scopes is None else " ".join(sorted(scopes)),
        )
        return self._post(self._endpoints.token, form, classify_refresh, retryable, budget)

    def exchange_code(
        self,
        credentials: ClientCredentials,
        code: Secret,
        redirect_uri: str,
        code_verifier: Secret,
        *,
        budget: float | None = None,
    ) -> ExchangeOutcome:
        """Turn an authorization code into tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

        Tried again only where no connection came about: a code works once, and one that is used
        twice may take the tokens of its first use along (RFC 6749 section 4.1.2).
        """
        form = _token_form(
            credentials,
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code.reveal(),
            code_verifier=code_verifier.reveal(),
        )
        return self._post(self._endpoints.token, form, classify_exchange, retryable_unsent, budget)

    def revoke(self, token: Secret, *, budget: float | None = None) -> RevokeOutcome:
        """Revoke an RT or access token, and with it all that its project was granted (RFC 7009)."""
        body, _ = prepare_revoke_token_request(token.reveal())
        url = self._endpoints.revocation
        return self._post(url, Secret(body), classify_revoke, retryable, budget)

    def tokeninfo(self, access_token: Secret, *, budget: float | None = None) -> TokenInfoOutcome:
        """Ask whose and what for an access token is.

        Posted, though Google's examples put the token into the URL: URLs are logged on the way.
        """
        form = Secret(urlencode({"access_token": access_token.reveal()}))
        url = self._endpoints.tokeninfo
        return self._post(url, form, classify_tokeninfo, retryable, budget)

    def probe(self, *, budget: float | None = None) -> ProbeOutcome:
        """Find out whether Google can be reached and what time it has there; sends no secret."""
        deadline = self._transport.deadline(budget)
        answer = self._transport.get(self._endpoints.certs, deadline)
        if isinstance(answer, Transient):
            return answer
        return Reached(skew=answer.skew, request_id=answer.request_id, date=answer.date)

    def clock_skew(self) -> float | None:
        """Return seconds by which the host's clock was ahead of Google's at the last answer."""
        return self._transport.clock_skew()

    def _post(
        self,
        url: str,
        form: Secret,
        classify: Callable[[Answer], _T],
        again: Callable[[Outcome], bool],
        budget: float | None,
    ) -> _T | Transient:
        deadline = self._transport.deadline(budget)
        call = classify.__name__.removeprefix("classify_")

        def attempt() -> _T | Transient:
            answer = self._transport.post(url, form, deadline)
            return answer if isinstance(answer, Transient) else classify(answer)

        with metrics.timed(metrics.UPSTREAM, call):
            return self._policy.run(attempt, deadline, again)


def _token_form(credentials: ClientCredentials, grant_type: str, **params: str | None) -> Secret:
    """Encode a token request that authenticates by `client_secret_post`."""
    return Secret(
        prepare_token_request(
            grant_type,
            **params,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret.reveal(),
        )
    )
