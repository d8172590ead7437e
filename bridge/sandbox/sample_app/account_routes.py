"""Connecting accounts: to the bridge's page with a link, and back with a code to redeem.

Owns the app's half of the connect flow. That the code is redeemed for the member of *this* session
is what keeps a link that was sent to somebody else from doing harm.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, make_response, redirect, request

from bridge.sandbox.diary import Actor, Diary, Kind
from bridge.sandbox.sample_app.bridge_client import BridgeClient, Problem
from bridge.sandbox.sample_app.browser import Browser
from bridge.sandbox.sample_app.members import ConnectedAccount, Members
from bridge.sandbox.sample_app.settings import CONNECTED_PATH, AppSettings


def account_routes(
    settings: AppSettings,
    browser: Browser,
    members: Members,
    bridge: BridgeClient,
    diary: Diary,
) -> Blueprint:
    """Return the routes that lead to the bridge's pages and back."""
    routes = Blueprint("accounts", __name__)
    return_to = settings.origin + CONNECTED_PATH

    @routes.post("/accounts")
    def connect() -> Response:
        member = browser.member()
        if member is None:
            return browser.told("Sign in first.")
        # An account of the member's own to connect again, or none: any other one.
        account = member.account(request.form.get("account", ""))
        return _sent(
            bridge.connect_link(member.subject, return_to, account.sub if account else None)
        )

    @routes.post("/connections")
    def connections() -> Response:
        member = browser.member()
        if member is None:
            return browser.told("Sign in first.")
        return _sent(bridge.connections_link(member.subject, return_to))

    @routes.get(CONNECTED_PATH)
    def connected() -> Response:
        member = browser.member()
        if member is None or "code" not in request.args:
            return browser.told("")
        made = bridge.redeem(request.args["code"], member.subject)
        if isinstance(made, Problem):
            email = member.accounts[0].email
            text = f"The bridge would not redeem what came back: {made.code}."
            diary.write(Actor.APP, Kind.NOT_CONNECTED, email, text, word=made.code)
            return browser.told(f"Nothing was connected: {made.detail}")
        account = ConnectedAccount(sub=made.account_sub, email=made.email)
        members.connect(member.subject, account)
        text = f"Planner redeemed the code: {made.email} belongs to {member.first_name} now."
        diary.write(Actor.APP, Kind.CONNECTED, made.email, text, word=made.status)
        return browser.told(f"{made.email} is connected.")

    def _sent(url: str | Problem) -> Response:
        if isinstance(url, Problem):
            return browser.told(f"That did not work: {url.detail}")
        return make_response(redirect(url, HTTPStatus.SEE_OTHER))

    return routes
