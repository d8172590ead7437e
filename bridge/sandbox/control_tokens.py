"""The control API's part on sign-ins and refresh tokens."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from bridge.sandbox.control_body import Body
from bridge.sandbox.records import RefreshToken
from bridge.sandbox.state import SandboxGoogle


def add_token_routes(routes: Blueprint, google: SandboxGoogle) -> None:
    """Add the routes on sign-ins and refresh tokens."""
    _add_login(routes, google)
    _add_refresh_tokens(routes, google)


def _add_login(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.post("/login")
    def login() -> Response:
        body = Body(request)
        answer = google.login(
            body.text("account"),
            body.text("client"),
            body.texts("scopes"),
            offline=body.flag("offline", default=True),
            prompt=body.maybe_text("prompt") or "",
            redirect_uri=body.maybe_text("redirect_uri"),
            include_granted_scopes=body.flag("include_granted_scopes", default=False),
            nonce=body.maybe_text("nonce"),
            iat=body.maybe_number("iat"),
            unticked=body.maybe_texts("unticked") or (),
            lifetime=body.maybe_whole("lifetime"),
        )
        body.done()
        return jsonify(answer.as_json())


def _add_refresh_tokens(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get("/refresh-tokens")
    def refresh_tokens() -> Response:
        tokens = google.refresh_tokens(request.args["account"], request.args.get("client"))
        return jsonify(refresh_tokens=[_refresh_token(token) for token in tokens])

    @routes.post("/refresh-tokens")
    def mint() -> tuple[Response, int]:
        body = Body(request)
        token = google.mint_refresh_token(
            body.text("account"),
            body.text("client"),
            body.texts("scopes"),
            lifetime=body.maybe_number("lifetime"),
        )
        body.done()
        return jsonify(refresh_token=token), HTTPStatus.CREATED

    @routes.post("/refresh-tokens/kill")
    def kill() -> Response:
        body = Body(request)
        killed = google.kill_refresh_tokens(
            body.text("account"),
            body.maybe_text("client"),
            refresh_token=body.maybe_text("refresh_token"),
        )
        body.done()
        return jsonify(killed=killed)

    @routes.post("/access-tokens/kill")
    def kill_access_tokens() -> Response:
        body = Body(request)
        killed = google.kill_access_tokens(body.text("account"), body.maybe_text("client"))
        body.done()
        return jsonify(killed=killed)

    @routes.post("/refresh-tokens/lose")
    def lose() -> Response:
        body = Body(request)
        return jsonify(lost=google.lose_refresh_token(body.text("refresh_token")))

    @routes.post("/revoke-as-user")
    def revoke_as_user() -> Response:
        body = Body(request)
        google.revoke_as_user(body.text("account"), body.text("client"))
        body.done()
        return jsonify({})


def _refresh_token(token: RefreshToken) -> dict[str, object]:
    return {
        "refresh_token": token.token,
        "sub": token.sub,
        "client_id": token.client_id,
        "scopes": sorted(token.scopes),
        "issued_at": token.issued_at,
        "last_used_at": token.last_used_at,
        "expires_at": token.expires_at,
    }
