"""The control API under `/sandbox`: its parts put together, and its errors.

Owns the JSON of `SandboxGoogle`'s methods and nothing else.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify

from bridge.sandbox.control_faults import add_fault_routes
from bridge.sandbox.control_people import add_people_routes
from bridge.sandbox.control_tokens import add_token_routes
from bridge.sandbox.control_world import add_world_routes
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.state import SandboxGoogle


def control_routes(google: SandboxGoogle) -> Blueprint:
    """Return the control API of one `SandboxGoogle`."""
    routes = Blueprint("sandbox", __name__, url_prefix="/sandbox")
    _add_errors(routes)
    add_people_routes(routes, google)
    add_token_routes(routes, google)
    add_fault_routes(routes, google)
    add_world_routes(routes, google)
    return routes


def _add_errors(routes: Blueprint) -> None:
    @routes.errorhandler(GoogleRefusal)
    def refused(refusal: GoogleRefusal) -> tuple[Response, int]:
        return jsonify(refusal.as_json()), refusal.status

    @routes.errorhandler(ValueError)
    def bad(error: ValueError) -> tuple[Response, int]:
        return jsonify(error="bad_control_request", detail=str(error)), HTTPStatus.BAD_REQUEST

    @routes.errorhandler(LookupError)
    def missing(error: LookupError) -> tuple[Response, int]:
        return jsonify(error="not_found", detail=str(error)), HTTPStatus.NOT_FOUND
