"""Turns `GoogleRefusal` into the JSON that Google's OAuth endpoints answer with."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from bridge.sandbox.canned import USER_RATE_LIMIT
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.state import SandboxGoogle


def answer_refusals(routes: Blueprint, google: SandboxGoogle) -> None:
    """Let a blueprint answer refusals as JSON, the user rate limit as the HTML that it is."""

    @routes.errorhandler(GoogleRefusal)
    def refuse(refusal: GoogleRefusal) -> Response:
        g.outcome = refusal.error
        if refusal.error == "user_rate_limit":
            return Response(
                USER_RATE_LIMIT.body, refusal.status, content_type=USER_RATE_LIMIT.content_type
            )
        response = jsonify(refusal.as_json())
        response.status_code = refusal.status
        if refusal.error == "use_dpop_nonce":
            response.headers["DPoP-Nonce"] = google.dpop_nonce
        return response
