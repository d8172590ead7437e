"""Routes of the token and revocation endpoints."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from flask import Blueprint, Response, g, request

from bridge.sandbox.dpop import proven_key
from bridge.sandbox.oauth_server import GoogleServer
from bridge.sandbox.paths import PATHS
from bridge.sandbox.refused import answer_refusals
from bridge.sandbox.state import SandboxGoogle


def oauth_routes(google: SandboxGoogle, server: GoogleServer) -> Blueprint:
    """Return the routes that clients call with their secrets and tokens."""
    routes = Blueprint("oauth", __name__)
    answer_refusals(routes, google)

    @routes.post(PATHS["token"])
    def token() -> Response:
        # Before the grant: a proof without a nonce must not use the code up (RFC 9449 section 8).
        g.dpop_key = proven_key(google, request)
        response = cast("Response", server.create_token_response())
        if response.status_code != HTTPStatus.OK:
            g.outcome = (response.get_json(silent=True) or {}).get("error", "unknown")
        return response

    @routes.post(PATHS["revocation"])
    def revocation() -> Response:
        return cast("Response", server.create_endpoint_response("revocation"))

    return routes
