"""Who may consent, when the consent screen is shown, and what comes of it: a code.

Owns the rules of the authorization endpoint that concern accounts. Knows nothing of pages.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus

from bridge.sandbox import minting
from bridge.sandbox.accounts import Accounts
from bridge.sandbox.clients import Clients
from bridge.sandbox.core import Core
from bridge.sandbox.grants import GrantBook
from bridge.sandbox.options import DAY
from bridge.sandbox.records import Account, AuthorizationCode, AuthorizationRequest, Client
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.scopes import SIGN_IN
from bridge.sandbox.stats import Stats

_GRANULAR_FROM = 2


class ConsentDesk:
    """Decides about one account and one authorization request at a time."""

    def __init__(
        self, core: Core, accounts: Accounts, clients: Clients, book: GrantBook, stats: Stats
    ) -> None:
        self._core = core
        self._accounts = accounts
        self._clients = clients
        self._book = book
        self._stats = stats
        self._recent: dict[str, deque[float]] = {}

    def check(self, request: AuthorizationRequest, account: Account) -> None:
        """Refuse an account that may not go on.

        Raises:
            GoogleRefusal: one of those that Google shows on its own page.
        """
        client = self._clients.working(request.client_id)
        with self._core.lock:
            _check_standing(account)
            _check_audience(client, account)
            if account.blocks(request.scopes):
                raise GoogleRefusal(
                    "admin_policy_enforced", "Your organization's admin does not allow this app."
                )
            if self.screen_needed(request, account):
                self._check_may_consent(request, account)

    def screen_needed(self, request: AuthorizationRequest, account: Account) -> bool:
        """Tell whether the user must see the consent screen."""
        project = request.client_id.partition("-")[0]
        with self._core.lock:
            consent = self._book.consent(account.sub, project)
            held = consent.scopes if consent else frozenset()
            return "consent" in request.prompts or not request.scopes <= held

    def shown(self, request: AuthorizationRequest, account: Account) -> None:
        """Count a consent screen."""
        self._stats.consent_screen(account.sub, request.client_id)

    def approve(
        self,
        request: AuthorizationRequest,
        account: Account,
        *,
        ticked: frozenset[str] | None = None,
        lifetime: int | None = None,
    ) -> AuthorizationCode:
        """Return the code for an account that agreed, or that had agreed before.

        Args:
            request: what was asked.
            account: who agreed.
            ticked: the scopes left ticked on the consent screen; None is all of them.
            lifetime: seconds of time-based access, None for ever.

        Raises:
            GoogleRefusal: the account may not, or `access_denied` as nothing was left ticked.
        """
        self.check(request, account)
        with self._core.lock:
            shown = self.screen_needed(request, account)
            granted = request.scopes
            if shown:
                granted = granted if ticked is None else granted & ticked
                self._record(request, account, granted, lifetime)
            project = request.client_id.partition("-")[0]
            consent = self._book.consent(account.sub, project)
            if request.include_granted_scopes and consent:
                granted |= consent.scopes
            code = AuthorizationCode(
                code=minting.code(),
                request=request,
                sub=account.sub,
                scopes=granted,
                consent_shown=shown,
                issued_at=self._core.now(),
                lifetime=lifetime,
            )
            self._book.put_code(code)
            return code

    def _record(
        self,
        request: AuthorizationRequest,
        account: Account,
        granted: frozenset[str],
        lifetime: int | None,
    ) -> None:
        if not granted:
            raise GoogleRefusal("access_denied")
        now = self._core.now()
        self._recent.setdefault(request.client_id, deque()).append(now)
        until = None if lifetime is None else now + lifetime
        project = request.client_id.partition("-")[0]
        self._book.record_consent(account.sub, project, granted, until)

    def _check_may_consent(self, request: AuthorizationRequest, account: Account) -> None:
        if account.advanced_protection and not request.scopes <= SIGN_IN:
            raise GoogleRefusal(
                "policy_enforced", "Advanced Protection does not let this app have your data."
            )
        limit = self._core.options.new_grants_per_day
        recent = self._recent.setdefault(request.client_id, deque())
        while recent and recent[0] <= self._core.now() - DAY:
            recent.popleft()
        if limit is not None and len(recent) >= limit:
            raise GoogleRefusal(
                "rate_limit_exceeded",
                "This app has reached its sign-in rate limit for now.",
                status=HTTPStatus.FORBIDDEN,
            )


def granular(scopes: frozenset[str]) -> bool:
    """Tell whether the consent screen lets the user untick scopes one by one."""
    return len(scopes - SIGN_IN) >= _GRANULAR_FROM


def _check_standing(account: Account) -> None:
    if account.status == "deleted":
        raise GoogleRefusal("invalid_request", "The account has been deleted.")
    if account.status == "suspended":
        raise GoogleRefusal("access_denied", "Account suspended", status=HTTPStatus.FORBIDDEN)
    if account.status == "restricted":
        raise GoogleRefusal("access_denied", "Account restricted", status=HTTPStatus.FORBIDDEN)


def _check_audience(client: Client, account: Account) -> None:
    if client.internal_domain is not None and account.hd != client.internal_domain:
        raise GoogleRefusal(
            "org_internal",
            "This client is restricted to users within its organization.",
            status=HTTPStatus.FORBIDDEN,
        )
    testers = client.test_users
    if client.publishing == "testing" and testers is not None and account.email not in testers:
        raise GoogleRefusal(
            "access_denied",
            "The app is being tested, and you are not one of its test users.",
            status=HTTPStatus.FORBIDDEN,
        )
