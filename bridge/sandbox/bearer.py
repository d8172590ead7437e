"""How the APIs check a bearer token: is it good, and does any of the scopes that suffice cover it.

Owns the 401, 403 and 404 bodies of Google's JSON APIs.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from flask import Request, Response, jsonify

from bridge.sandbox.gate import bearer
from bridge.sandbox.records import AccessToken, Account
from bridge.sandbox.state import SandboxGoogle

_REALM: Final = 'Bearer realm="https://accounts.google.com/"'


class ApiRefusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """An API's refusal; `reason` is what Google's clients classify by."""

    def __init__(self, status: HTTPStatus, name: str, reason: str, message: str) -> None:
        super().__init__(reason)
        self.status = status
        self.name = name
        self.reason = reason
        self.message = message
        self.challenge: str | None = None

    def response(self) -> Response:
        """Return the answer with the body that Google's JSON APIs give."""
        first: dict[str, str] = {
            "message": self.message,
            "domain": "global",
            "reason": self.reason,
        }
        if self.status == HTTPStatus.UNAUTHORIZED:
            first |= {"location": "Authorization", "locationType": "header"}
        error: dict[str, object] = {
            "code": int(self.status),
            "message": self.message,
            "status": self.name,
            "errors": [first],
        }
        if self.reason == "insufficientPermissions":
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                    "domain": "googleapis.com",
                }
            ]
        response = jsonify(error=error)
        response.status_code = self.status
        if self.challenge:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


def not_found(message: str = "Not Found") -> ApiRefusal:
    """Return the refusal for a resource that is not there."""
    return ApiRefusal(HTTPStatus.NOT_FOUND, "NOT_FOUND", "notFound", message)


def forbidden(message: str) -> ApiRefusal:
    """Return the refusal for something that the token's scopes do not allow in particular."""
    return ApiRefusal(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "forbidden", message)


def authorized(
    google: SandboxGoogle, request: Request, scopes: Iterable[str]
) -> tuple[AccessToken, Account]:
    """Return the token and account of a request that holds any one of `scopes`.

    Raises:
        ApiRefusal: 401 without a good token, 403 without a scope.
    """
    found = google.tokens.bearer(bearer(request))
    if found is None:
        refusal = ApiRefusal(
            HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "authError", "Invalid Credentials"
        )
        refusal.challenge = f'{_REALM}, error="invalid_token"'
        raise refusal
    access, account = found
    sufficient = frozenset(scopes)
    if access.scopes.isdisjoint(sufficient):
        refusal = ApiRefusal(
            HTTPStatus.FORBIDDEN,
            "PERMISSION_DENIED",
            "insufficientPermissions",
            "Request had insufficient authentication scopes.",
        )
        wanted = " ".join(sorted(sufficient))
        refusal.challenge = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
        raise refusal
    return access, account
