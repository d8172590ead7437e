"""`SandboxGoogle`: all that one stand-in for Google knows, and what a test may do to it.

Owns the composition of the parts. Knows nothing of HTTP: the control API and the endpoints are
thin layers over it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.clock import Clock, SystemClock
from bridge.sandbox import minting
from bridge.sandbox.accounts import Accounts
from bridge.sandbox.call_control import CallControl
from bridge.sandbox.clients import Clients
from bridge.sandbox.consent import ConsentDesk
from bridge.sandbox.core import Core
from bridge.sandbox.grants import GrantBook
from bridge.sandbox.identity import IdentityTokens
from bridge.sandbox.interference import Interference
from bridge.sandbox.issuing import TokenDesk
from bridge.sandbox.keys import SigningKeys
from bridge.sandbox.options import SandboxOptions
from bridge.sandbox.records import (
    Account,
    AuthorizationRequest,
    Client,
    RefreshToken,
    TokenAnswer,
)
from bridge.sandbox.risc import RiscTransmitter
from bridge.sandbox.scopes import normalised
from bridge.sandbox.stats import Snapshot, Stats
from bridge.sandbox.workspace import WorkspaceData


class SandboxGoogle(CallControl):
    """A stand-in for Google's accounts, OAuth 2.0, security events and three APIs.

    Safe to use from many threads. An account is named by its `sub` or email, a client by its id;
    where one is unknown, `LookupError` is raised.

    Attributes:
        accounts: creates, signs in, suspends, deletes accounts.
        clients: registers, disables, deletes clients, rotates their secrets.
        consents: the authorization endpoint's rules.
        tokens: the token endpoint's rules.
        risc: sends security events.
        keys: signs.
        workspace: the calendars, files and mail.
        interference: the faults and holds in force.
        dpop_nonce: what a DPoP proof must carry now (RFC 9449 section 8).
    """

    def __init__(self, clock: Clock | None = None, options: SandboxOptions | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._options = options
        self.keys = SigningKeys()
        self.stats_book = Stats(self._clock)
        self.interference = Interference()
        self._start()

    def _start(self) -> None:
        self.core = Core(self._clock, self._options)
        self.book = GrantBook(self.core)
        self.accounts = Accounts(self.core, self.book)
        self.clients = Clients(self.core)
        self.identity = IdentityTokens(self.core, self.keys)
        self.consents = ConsentDesk(
            self.core, self.accounts, self.clients, self.book, self.stats_book
        )
        self.tokens = TokenDesk(self.core, self.accounts, self.clients, self.book, self.identity)
        self.risc = RiscTransmitter(self.core, self.keys)
        self.workspace = WorkspaceData(self.core)
        self.dpop_nonce = minting.opaque_id()

    def reset(self) -> None:
        """Forget everything but the signing keys; what is held is released."""
        self.interference.release()
        self.interference.clear_faults()
        self.interference.set_down(None)
        with self.core.lock:
            self._start()
        self.stats_book.reset()

    def now(self) -> float:
        """Return the sandbox's Unix time in seconds."""
        return self.core.now()

    def advance(self, seconds: float) -> float:
        """Let sandbox time pass, and return the new Unix time."""
        return self.core.advance(seconds)

    def configure(self, **changes: object) -> SandboxOptions:
        """Change `SandboxOptions` by name; `ValueError` for what there is not."""
        return self.core.configure(**changes)

    def login(  # noqa: PLR0913 - the parameters of an authorization request
        self,
        account: str | Account,
        client: str | Client,
        scopes: str | Iterable[str],
        *,
        offline: bool = True,
        prompt: str = "",
        redirect_uri: str | None = None,
        include_granted_scopes: bool = False,
        nonce: str | None = None,
        iat: float | None = None,
        unticked: str | Iterable[str] = (),
        lifetime: int | None = None,
    ) -> TokenAnswer:
        """Do a whole sign-in with consent, and return what the IdP's code exchange gets.

        Args:
            account: who signs in.
            client: the IdP's client.
            scopes: what is asked for.
            offline: `access_type=offline`.
            prompt: as the request's parameter.
            redirect_uri: one of the client's; its first by default.
            include_granted_scopes: as the request's parameter.
            nonce: for the ID token.
            iat: the ID token's `iat` in Unix seconds, now by default.
            unticked: scopes that the user does not allow.
            lifetime: seconds of time-based access.

        Raises:
            GoogleRefusal: Google would have shown, redirected or answered an error.
        """
        person, app = self.accounts.get(account), self.clients.get(client)
        request = AuthorizationRequest(
            client_id=app.client_id,
            redirect_uri=redirect_uri or app.redirect_uris[0],
            scopes=normalised(scopes),
            offline=offline,
            prompts=frozenset(prompt.split()),
            nonce=nonce,
            include_granted_scopes=include_granted_scopes,
        )
        self.consents.check(request, person)
        if self.consents.screen_needed(request, person):
            self.consents.shown(request, person)
        ticked = request.scopes - normalised(unticked)
        code = self.consents.approve(request, person, ticked=ticked, lifetime=lifetime)
        self.book.take_code(code.code)
        return self.tokens.redeem(code, id_token_iat=iat)

    def mint_refresh_token(
        self,
        account: str | Account,
        client: str | Client,
        scopes: str | Iterable[str],
        *,
        lifetime: float | None = None,
    ) -> str:
        """Return a new refresh token without any sign-in; `lifetime` in seconds."""
        person, app = self.accounts.get(account), self.clients.get(client)
        return self.tokens.mint(person, app, normalised(scopes), lifetime=lifetime).token

    def revoke_as_user(self, account: str | Account, client: str | Client) -> None:
        """Take the app's access away, as on the user's page of connected apps."""
        person, app = self.accounts.get(account), self.clients.get(client)
        with self.core.lock:
            self.book.revoke_project(person.sub, app.project)

    def refresh_tokens(
        self, account: str | Account, client: str | Client | None = None
    ) -> list[RefreshToken]:
        """Return an account's live refresh tokens, oldest first."""
        client_id = None if client is None else self.clients.get(client).client_id
        with self.core.lock:
            return self.book.live(sub=self.accounts.get(account).sub, client_id=client_id)

    def kill_refresh_tokens(
        self,
        account: str | Account,
        client: str | Client | None = None,
        *,
        refresh_token: str | None = None,
    ) -> int:
        """Let live refresh tokens die, others of the project staying; return how many."""
        client_id = None if client is None else self.clients.get(client).client_id
        with self.core.lock:
            return self.book.kill_where(
                self.accounts.get(account).sub,
                "killed",
                lambda token: (
                    client_id in {None, token.client_id} and refresh_token in {None, token.token}
                ),
            )

    def kill_access_tokens(self, account: str | Account, client: str | Client | None = None) -> int:
        """Let living access tokens die, as a security event does; return how many."""
        client_id = None if client is None else self.clients.get(client).client_id
        with self.core.lock:
            return self.book.kill_access_tokens(self.accounts.get(account).sub, client_id)

    def lose_refresh_token(self, refresh_token: str) -> bool:
        """Forget a refresh token as if it had never been; tell whether there was one."""
        with self.core.lock:
            token = self.book.refresh_token(refresh_token)
            if token is not None:
                self.book.forget(token)
            return token is not None

    def owner(self, token: str) -> tuple[str, str]:
        """Return the `sub` and client id of a token, dead or alive; empty if it is unknown."""
        with self.core.lock:
            found = self.book.known(token)
        return (found.sub, found.client_id) if found else ("", "")

    def rotate_keys(self) -> str:
        """Sign with a new key from now on, and return its `kid`."""
        return self.keys.rotate()

    def stats(self) -> Snapshot:
        """Return all counters."""
        return self.stats_book.snapshot()

    def reset_stats(self) -> None:
        """Set all counters to nought."""
        self.stats_book.reset()
