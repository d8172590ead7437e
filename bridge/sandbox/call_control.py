"""What a test may do to calls under way: answers injected or held, the service down.

Owns the naming of calls by account, client and token. How a call is picked is `interference`'s.
"""

from __future__ import annotations

from bridge.sandbox.accounts import Accounts
from bridge.sandbox.canned import CannedAnswer, canned
from bridge.sandbox.clients import Clients
from bridge.sandbox.interference import Down, Fault, Hold, Interference, Match
from bridge.sandbox.records import Account, Client

ENDPOINTS = (
    "authorization",
    "consent",
    "token",
    "revocation",
    "tokeninfo",
    "certs",
    "userinfo",
    "discovery",
    "risc_configuration",
    "calendar",
    "drive",
    "gmail",
)


class CallControl:
    """The part of `SandboxGoogle` that meddles with calls."""

    accounts: Accounts
    clients: Clients
    interference: Interference

    def inject(  # noqa: PLR0913 - the filters of a fault
        self,
        endpoint: str | None,
        answer: str | CannedAnswer,
        *,
        times: int | None = 1,
        account: str | Account | None = None,
        client: str | Client | None = None,
        refresh_token: str | None = None,
        grant_type: str | None = None,
        retry_after: str | int | None = None,
    ) -> Fault:
        """Give an answer instead of the true one.

        Args:
            endpoint: one of `ENDPOINTS`, None for all.
            answer: a name of `canned.ANSWERS`, or an answer of your own.
            times: how often; None until `clear_faults`.
            account: only calls for this account.
            client: only calls of this client.
            refresh_token: only calls with this refresh token.
            grant_type: only calls of this grant type.
            retry_after: a `Retry-After` header.

        Raises:
            ValueError: the endpoint or the answer's name is unknown.
        """
        match = self._match(endpoint, account, client, refresh_token, grant_type)
        return self.interference.inject(match, canned(answer, retry_after=retry_after), times)

    def hold(  # noqa: PLR0913 - the filters of a hold
        self,
        endpoint: str | None,
        *,
        seconds: float | None = None,
        times: int | None = None,
        account: str | Account | None = None,
        client: str | Client | None = None,
        refresh_token: str | None = None,
        grant_type: str | None = None,
    ) -> Hold:
        """Hold answers back for `seconds` each, or until released; filters as in `inject`."""
        match = self._match(endpoint, account, client, refresh_token, grant_type)
        return self.interference.hold(match, seconds=seconds, times=times)

    def clear_faults(self) -> int:
        """Inject nothing more; return how many faults were in force."""
        return self.interference.clear_faults()

    def release_holds(self) -> int:
        """Send what is held and hold nothing more; return how many holds were in force."""
        return self.interference.release()

    def set_down(self, how: Down | None) -> None:
        """Go down (`close` drops connections, `503` answers), or come back with None."""
        self.interference.set_down(how)

    def _match(
        self,
        endpoint: str | None,
        account: str | Account | None,
        client: str | Client | None,
        refresh_token: str | None,
        grant_type: str | None,
    ) -> Match:
        if endpoint is not None and endpoint not in ENDPOINTS:
            raise ValueError(f"no endpoint {endpoint!r}; there are {', '.join(ENDPOINTS)}")
        return Match(
            endpoint=endpoint,
            sub=None if account is None else self.accounts.get(account).sub,
            client_id=None if client is None else self.clients.get(client).client_id,
            refresh_token=refresh_token,
            grant_type=grant_type,
        )
