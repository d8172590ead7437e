"""Knowing before a login what it should ask Google for.

Owns which scopes and which account a login's request names. Whether consent is forced is the same
decision as at the login; a hint writes nothing, so that asking for one costs a user no round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.config.tenants import TenantSettings
from bridge.consent.deciding import Deciding
from bridge.consent.gathering import LoginAsk
from bridge.consent.hint_wire import HintsAnswer, HintsRequest
from bridge.consent.offers import sign_in_client
from bridge.errors import BridgeError, Code, invalid
from bridge.google.scopes import SIGN_IN, in_order, normalise
from bridge.idp.dialects import DIALECTS, ConsentParameter, Wish, parameters
from bridge.model import Account, Caller, Grant
from bridge.vault.grants import Grants
from bridge.vault.needs import Needs

NO_SUBJECT: Final = "no_subject"
"""The reason where nobody knows yet who signs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a login should ask for.

    Attributes:
        scopes: in Google's spelling, those of signing in among them or not.
        account_sub, email: whom to suggest.
        forces: whether Google is to ask the user once more.
        reason: why, or why not.
    """

    scopes: frozenset[str]
    account_sub: str | None = None
    email: str | None = None
    forces: bool = False
    reason: str = NO_SUBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Gives hints to callers."""

    tenants: Mapping[str, TenantSettings]
    deciding: Deciding
    grants: Grants
    needs: Needs

    def of(self, caller: Caller, request: HintsRequest) -> HintsAnswer:
        """Return the parameters of an authorization request that has not been sent yet.

        Raises:
            BridgeError: `forbidden`; `not_found`, for a tenant that is not there or not for this
                caller; `invalid_request`; whatever keeps the subject's grants from being read.
        """
        settings = self._tenant(caller, request.tenant)
        forcing = _forcing(request)
        client_id = _client(settings, request.client)
        told = normalise(request.scopes)
        if request.subject is None:
            plan = _for_nobody(settings, request, told)
        else:
            plan = self._for_subject(settings, request, request.subject, client_id, told)
        wish = Wish(
            scopes=in_order(plan.scopes - SIGN_IN),
            forces=forcing if plan.forces else None,
            account_sub=plan.account_sub,
            email=plan.email,
            connection=request.connection,
            includes_granted=settings.include_granted_scopes,
        )
        return HintsAnswer(
            parameters=parameters(request.idp, wish), consent=plan.forces, reason=plan.reason
        )

    def _tenant(self, caller: Caller, tenant: str) -> TenantSettings:
        if "login-hints" not in caller.permissions:
            raise BridgeError(Code.FORBIDDEN, "This caller lacks the permission `login-hints`.")
        if not caller.sees(tenant) or tenant not in self.tenants:
            raise BridgeError(
                Code.NOT_FOUND, "There is no such tenant, or not for this caller.", field="tenant"
            )
        return self.tenants[tenant]

    def _for_subject(
        self,
        settings: TenantSettings,
        request: HintsRequest,
        subject: str,
        client_id: str,
        told: frozenset[str],
    ) -> _Plan:
        found = [held.record for held in self.grants.find(request.tenant, subject)]
        account = _account(found, request.account)
        own = [
            grant
            for grant in found
            if grant.client_id == client_id
            and (account is None or account.sub == grant.account.sub)
        ]
        usual = told or normalise(settings.required_scopes, field=None)
        could = usual
        if DIALECTS[request.idp].takes_scopes and not told:
            could |= self._needed(request.tenant, subject, client_id)
        decision = self.deciding.preview(
            LoginAsk(
                tenant=request.tenant,
                subject=subject,
                account_sub=account.sub if account else request.account,
                client_id=client_id,
                scopes=in_order(could),
            )
        )
        # What the account has granted is asked for again: a token with less would be of no use
        # beside it. Of several accounts nobody knows which one it will be.
        held = frozenset(scope for grant in own if account for scope in grant.granted)
        if decision.forces:
            scopes = could | held
        elif told or not own:
            scopes = usual | held
        else:
            # Google shows a scope that was denied once more at each login that asks for it.
            scopes = held
        return _Plan(
            scopes=scopes,
            account_sub=account.sub if account else request.account,
            email=account.email if account else None,
            forces=decision.forces,
            reason=decision.reason.value,
        )

    def _needed(self, tenant: str, subject: str, client_id: str) -> frozenset[str]:
        needs = self.needs.of(tenant, subject)
        return frozenset(s for need in needs if need.client_id == client_id for s in need.scopes)


def _for_nobody(settings: TenantSettings, request: HintsRequest, told: frozenset[str]) -> _Plan:
    """Plan a login of whoever comes; an email is passed on, and nobody learns if it is known.

    It is a label that changes hands: no grant is found by it, and no consent is forced for it.
    """
    usual = told or normalise(settings.required_scopes, field=None)
    return _Plan(scopes=usual, account_sub=request.account, email=request.email)


def _forcing(request: HintsRequest) -> ConsentParameter:
    """Check what an IdP can be told; return the parameter that forces a consent there."""
    dialect = DIALECTS[request.idp]
    if request.subject is not None and request.email is not None:
        raise invalid("Give `subject` or `email`, one of them or neither.", field="email")
    if request.connection is not None and dialect.connection is None:
        raise invalid("Google itself has no connection to name.", field="connection")
    wanted = request.consent_parameter or dialect.consent[0]
    if wanted not in dialect.consent:
        takes = " or ".join(f"`{name.value}`" for name in dialect.consent)
        raise invalid(f"This IdP takes {takes} alone.", field="consent_parameter")
    return wanted


def _client(settings: TenantSettings, named: str | None) -> str:
    if named is not None and settings.client(named) is None:
        raise invalid("The tenant has no Google client of this id.", field="client")
    return named or sign_in_client(settings)


def _account(grants: Sequence[Grant], named: str | None) -> Account | None:
    """Return the account that will sign in, where it is named or there is one alone."""
    accounts = {g.account.sub: g.account for g in grants if named in (None, g.account.sub)}
    return next(iter(accounts.values())) if len(accounts) == 1 else None
