"""The control API's part on accounts and clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import get_args

from flask import Blueprint, Response, jsonify, request

from bridge.sandbox.clients import DEFAULT_REDIRECT_URI
from bridge.sandbox.control_body import BadControlRequestError, Body
from bridge.sandbox.records import Account, AccountKind, Client, Publishing, ReauthSubtype
from bridge.sandbox.state import SandboxGoogle

_Act = Callable[[SandboxGoogle, str, Body], object]

_ACCOUNT_ACTS: Mapping[str, _Act] = {
    "sign-in": lambda google, who, _: google.accounts.sign_in(who),
    "sign-out": lambda google, who, _: google.accounts.sign_out(who),
    "suspend": lambda google, who, _: google.accounts.suspend(who),
    "restrict": lambda google, who, _: google.accounts.restrict(who),
    "restore": lambda google, who, _: google.accounts.restore(who),
    "delete": lambda google, who, _: google.accounts.delete(who),
    "rename": lambda google, who, body: google.accounts.rename(who, body.text("email")),
    "change-password": lambda google, who, _: google.accounts.change_password(who),
    "block-scopes": lambda google, who, body: google.accounts.block_scopes(
        who, body.texts("scopes") if body.given("scopes") else ["*"]
    ),
    "require-reauth": lambda google, who, body: google.accounts.require_reauth(
        who, body.one_of("subtype", get_args(ReauthSubtype), "invalid_rapt")
    ),
    "protect": lambda google, who, body: google.accounts.protect(
        who, on=body.flag("on", default=True)
    ),
}

_CLIENT_ACTS: Mapping[str, _Act] = {
    "publish": lambda google, which, body: google.clients.publish(
        which, body.one_of("publishing", get_args(Publishing), "production")
    ),
    "redirect-uris": lambda google, which, body: google.clients.set_redirect_uris(
        which, body.texts("redirect_uris")
    ),
    "test-users": lambda google, which, body: google.clients.set_test_users(
        which, body.maybe_texts("test_users")
    ),
    "internal": lambda google, which, body: google.clients.set_internal(
        which, body.maybe_text("domain")
    ),
    "disable": lambda google, which, _: google.clients.set_status(which, "disabled"),
    "delete": lambda google, which, _: google.clients.set_status(which, "deleted"),
    "restore": lambda google, which, _: google.clients.set_status(which, "active"),
    "rotate-secret": lambda google, which, body: google.clients.rotate_secret(
        which, body.maybe_text("secret"), keep_old=body.flag("keep_old", default=False)
    ),
}


def add_people_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    """Add the routes on accounts and clients."""
    _add_account_routes(routes, google)
    _add_client_routes(routes, google)


def _add_account_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/accounts")
    def accounts() -> Response:
        signed_in = {account.sub for account in google.accounts.signed_in()}
        return jsonify(
            accounts=[
                _account(account) | {"signed_in": account.sub in signed_in}
                for account in google.accounts.all()
            ]
        )

    @routes.post("/accounts")
    def create_account() -> tuple[Response, int]:
        body = Body(request)
        account = google.accounts.create(
            body.maybe_text("email"),
            sub=body.maybe_text("sub"),
            hd=body.maybe_text("hd"),
            kind=body.one_of("kind", (*get_args(AccountKind), None), None),
            name=body.maybe_text("name"),
        )
        body.done()
        return jsonify(_account(account)), HTTPStatus.CREATED

    @routes.post("/accounts/<who>/<act>")
    def change_account(who: str, act: str) -> Response:
        if act not in _ACCOUNT_ACTS:
            raise BadControlRequestError(f"an account can: {', '.join(_ACCOUNT_ACTS)}")
        account = google.accounts.get(who)
        body = Body(request)
        _ACCOUNT_ACTS[act](google, account.sub, body)
        body.done()
        return jsonify(_account(account))


def _add_client_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/clients")
    def clients() -> Response:
        return jsonify(clients=[_client(client) for client in google.clients.all()])

    @routes.post("/clients")
    def create_client() -> tuple[Response, int]:
        body = Body(request)
        client = google.clients.create(
            body.maybe_text("client_id"),
            project=body.maybe_text("project"),
            secret=body.maybe_text("client_secret"),
            publishing=body.one_of("publishing", get_args(Publishing), "production"),
            internal_domain=body.maybe_text("internal_domain"),
            test_users=body.maybe_texts("test_users"),
            name=body.maybe_text("name"),
            redirect_uris=body.maybe_texts("redirect_uris") or (DEFAULT_REDIRECT_URI,),
        )
        body.done()
        return jsonify(_client(client)), HTTPStatus.CREATED

    @routes.get("/clients/<which>/client_secret.json")
    def client_document(which: str) -> Response:
        return jsonify(google.clients.document(which, origin=request.host_url.rstrip("/")))

    @routes.post("/clients/<which>/<act>")
    def change_client(which: str, act: str) -> Response:
        if act not in _CLIENT_ACTS:
            raise BadControlRequestError(f"a client can: {', '.join(_CLIENT_ACTS)}")
        client = google.clients.get(which)
        body = Body(request)
        _CLIENT_ACTS[act](google, which, body)
        body.done()
        return jsonify(_client(client))


def _account(account: Account) -> dict[str, object]:
    return {
        "sub": account.sub,
        "email": account.email,
        "hd": account.hd,
        "kind": account.kind,
        "name": account.name,
        "status": account.status,
        "advanced_protection": account.advanced_protection,
        "blocked_scopes": sorted(account.blocked_scopes),
    }


def _client(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_secret": client.secrets[0],
        "project": client.project,
        "name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "publishing": client.publishing,
        "internal_domain": client.internal_domain,
        "test_users": None if client.test_users is None else sorted(client.test_users),
        "status": client.status,
    }
