"""The authorization endpoint in a browser: account chooser, consent screen, way back.

Owns the steps and their pages, which work without JavaScript. Who may do what is the consent
desk's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, redirect, render_template, request

from bridge.sandbox import minting, scopes
from bridge.sandbox.authorize_request import read_request
from bridge.sandbox.consent import granular
from bridge.sandbox.identity import ISSUER
from bridge.sandbox.records import Account, AuthorizationRequest
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.state import SandboxGoogle

_FLOWS_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One browser's way through the pages; `sub` is the account once it is chosen."""

    id: str
    request: AuthorizationRequest
    sub: str | None = None


class _Flows:
    """The flows that wait for a form; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flows: OrderedDict[str, Flow] = OrderedDict()

    def keep(self, flow: Flow) -> Flow:
        with self._lock:
            self._flows[flow.id] = flow
            while len(self._flows) > _FLOWS_KEPT:
                self._flows.popitem(last=False)
        return flow

    def take(self, flow_id: str) -> Flow:
        with self._lock:
            flow = self._flows.pop(flow_id, None)
        if flow is None:
            raise GoogleRefusal("invalid_request", "This page is out of date.")
        return flow


class _Pages:
    """The steps between a request and the redirect back."""

    def __init__(self, google: SandboxGoogle) -> None:
        self._google = google
        self._flows = _Flows()

    def begin(self, asked: AuthorizationRequest) -> Response:
        account = self._obvious_account(asked)
        if "none" in asked.prompts:
            return self._silent(asked, account)
        if account is None:
            return self._chooser(asked)
        return self._proceed(asked, account)

    def choose(self, flow_id: str, who: str) -> Response:
        flow = self._flows.take(flow_id)
        account = self._google.accounts.find(who)
        if account is None:
            raise GoogleRefusal("invalid_request", "There is no such account.")
        self._google.accounts.sign_in(account)
        return self._proceed(flow.request, account)

    def decide(
        self, flow_id: str, *, allowed: bool, ticked: frozenset[str], lifetime: int | None
    ) -> Response:
        flow = self._flows.take(flow_id)
        if flow.sub is None:
            raise GoogleRefusal("invalid_request", "No account was chosen.")
        if not allowed:
            return _back(flow.request, {"error": "access_denied"})
        account = self._google.accounts.get(flow.sub)
        if granular(flow.request.scopes):
            # Sign-in scopes have no box of their own.
            ticked |= flow.request.scopes & scopes.SIGN_IN
        else:
            ticked = flow.request.scopes
        if not ticked & flow.request.scopes:
            return _back(flow.request, {"error": "access_denied"})
        return self._grant(flow.request, account, ticked, lifetime)

    def _obvious_account(self, asked: AuthorizationRequest) -> Account | None:
        if "select_account" in asked.prompts:
            return None
        signed_in = self._google.accounts.signed_in()
        if asked.login_hint:
            hinted = self._google.accounts.find(asked.login_hint)
            return hinted if hinted in signed_in else None
        offered = [account for account in signed_in if _offered(account, asked.hd)]
        return offered[0] if len(offered) == 1 else None

    def _silent(self, asked: AuthorizationRequest, account: Account | None) -> Response:
        if account is None:
            several = len(self._google.accounts.signed_in()) > 1 and not asked.login_hint
            error = "account_selection_required" if several else "login_required"
            return _back(asked, {"error": error})
        self._google.consents.check(asked, account)
        if self._google.consents.screen_needed(asked, account):
            return _back(asked, {"error": "consent_required"})
        return self._grant(asked, account, asked.scopes, None)

    def _chooser(self, asked: AuthorizationRequest) -> Response:
        accounts = self._google.accounts
        hinted = accounts.find(asked.login_hint or "")
        # Google would ask the hinted account for its password: no other one is offered.
        narrowed = hinted is not None and "select_account" not in asked.prompts
        offered = [
            account
            for account in ([hinted] if narrowed and hinted else accounts.all())
            if account.status != "deleted" and (narrowed or _offered(account, asked.hd))
        ]
        flow = self._flows.keep(Flow(id=minting.opaque_id(), request=asked))
        name = self._name(asked)
        return _page("chooser.html", flow=flow, accounts=offered, name=name)

    def _proceed(self, asked: AuthorizationRequest, account: Account) -> Response:
        desk = self._google.consents
        desk.check(asked, account)
        if not desk.screen_needed(asked, account):
            return self._grant(asked, account, asked.scopes, None)
        desk.shown(asked, account)
        flow = self._flows.keep(Flow(id=minting.opaque_id(), request=asked, sub=account.sub))
        return _page(
            "consent.html",
            flow=flow,
            account=account,
            name=self._name(asked),
            granular=granular(asked.scopes),
            lines=[
                (name, scopes.described(name), name in scopes.SIGN_IN)
                for name in sorted(asked.scopes)
            ],
            time_based=self._google.core.options.time_based_access,
        )

    def _name(self, asked: AuthorizationRequest) -> str:
        return self._google.clients.get(asked.client_id).name or asked.client_id

    def _grant(
        self,
        asked: AuthorizationRequest,
        account: Account,
        ticked: frozenset[str],
        lifetime: int | None,
    ) -> Response:
        code = self._google.consents.approve(asked, account, ticked=ticked, lifetime=lifetime)
        parameters = {
            "code": code.code,
            "scope": scopes.written(code.scopes),
            "authuser": "0",
            "prompt": "consent" if code.consent_shown else "none",
        }
        return _back(asked, parameters | ({"hd": account.hd} if account.hd else {}))


def authorize_routes(google: SandboxGoogle) -> Blueprint:
    """Return the routes that a browser visits."""
    routes = Blueprint("authorize", __name__)
    pages = _Pages(google)

    @routes.errorhandler(GoogleRefusal)
    def show(refusal: GoogleRefusal) -> Response:
        g.outcome = refusal.error
        page = _page("refused.html", refusal=refusal)
        page.status_code = refusal.status
        return page

    @routes.get("/o/oauth2/auth", endpoint="v1-authorization")
    @routes.get("/o/oauth2/v2/auth", endpoint="authorization")
    def authorize() -> Response:
        user_agent = request.headers.get("User-Agent", "")
        return pages.begin(read_request(request.args, user_agent, google.clients))

    @routes.post("/signin/oauth/account", endpoint="account-consent")
    def account() -> Response:
        return pages.choose(request.form.get("flow", ""), request.form.get("account", ""))

    @routes.post("/signin/oauth/consent", endpoint="consent")
    def consent() -> Response:
        lifetime = request.form.get("lifetime", "")
        return pages.decide(
            request.form.get("flow", ""),
            allowed=request.form.get("decision") == "allow",
            ticked=scopes.normalised(request.form.getlist("scope")),
            lifetime=int(lifetime) if lifetime.isdecimal() else None,
        )

    return routes


def _offered(account: Account, hd: str | None) -> bool:
    return hd is None or account.hd == hd or (hd == "*" and account.hd is not None)


def _back(asked: AuthorizationRequest, parameters: dict[str, str]) -> Response:
    # RFC 9207: the issuer goes with errors too.
    query = {"iss": ISSUER, **parameters}
    if asked.state is not None:
        query = {"state": asked.state, **query}
    joint = "&" if "?" in asked.redirect_uri else "?"
    response = redirect(asked.redirect_uri + joint + urlencode(query), HTTPStatus.FOUND)
    return make_response(response)


def _page(template: str, **values: object) -> Response:
    response = make_response(render_template(template, **values))
    response.headers["Cache-Control"] = "no-store"
    return response
