"""The token and revocation endpoints: Authlib's server, bent to Google's ways.

Authlib dispatches grants, checks PKCE (RFC 7636) and shapes answers. Google differs in its client
errors, in naming a redirect mismatch, in hiding refresh tokens and in revoking without client
authentication: those steps are overridden here and carried out by `TokenDesk`.
"""

from __future__ import annotations

from typing import Any, cast

from authlib.integrations.flask_oauth2 import (  # type: ignore[import-untyped]  # ships no types
    AuthorizationServer,
)
from authlib.integrations.flask_oauth2.requests import (  # type: ignore[import-untyped]  # the same
    FlaskOAuth2Payload,
    FlaskOAuth2Request,
)
from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # the same
    AuthorizationCodeGrant,
    OAuth2Request,
    RefreshTokenGrant,
)
from authlib.oauth2.rfc6749.util import (  # type: ignore[import-untyped]  # the same
    extract_basic_authorization,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped]  # the same
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]  # the same
from flask import Flask, Request, g
from flask import request as current

from bridge.sandbox.records import AuthorizationCode, Client
from bridge.sandbox.refusal import GoogleRefusal, dead_grant
from bridge.sandbox.state import SandboxGoogle

_Answer = tuple[int, dict[str, str | int], list[tuple[str, str]]]


class _LoopbackRequest(FlaskOAuth2Request):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's view of a request, loopback HTTP counting as secure transport."""

    def __init__(self, request: Request) -> None:
        # Authlib refuses plain HTTP unless an environment variable says otherwise, for the whole
        # process; the sandbox listens on loopback only, so it says so for its own requests.
        OAuth2Request.__init__(
            self, method=request.method, uri="https://loopback/", headers=request.headers
        )
        self._request = request
        self.payload = FlaskOAuth2Payload(request)


class GoogleServer(AuthorizationServer):  # type: ignore[misc]  # Authlib ships no types
    """The authorization server of one `SandboxGoogle`."""

    def __init__(self, app: Flask, google: SandboxGoogle) -> None:
        super().__init__(app, query_client=None, save_token=None)
        self.google = google
        self.register_grant(_CodeGrant, [CodeChallenge(required=False)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)

    def create_oauth2_request(self, request: object) -> _LoopbackRequest:
        """Wrap the request that Flask is serving."""
        if isinstance(request, _LoopbackRequest):
            return request
        return _LoopbackRequest(current)

    def authenticate_client(
        self, request: _LoopbackRequest, methods: list[str], _endpoint: str = "token"
    ) -> Client:
        """Authenticate by `client_secret_basic` or `client_secret_post`, with Google's errors."""
        client_id, secret = extract_basic_authorization(request.headers)
        # The grants allow both methods; which of them it was, PKCE's check wants to know.
        request.auth_method = methods[0] if client_id else methods[1]
        return self.google.clients.authenticate(
            client_id or request.form.get("client_id"), secret or request.form.get("client_secret")
        )


def credentials(request: Request) -> str:
    """Return the client id that a request claims, by header or form, or an empty text."""
    client_id, _ = extract_basic_authorization(request.headers)
    return cast("str", client_id or request.form.get("client_id", ""))


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib ships no types
    def query_authorization_code(self, code: str, client: Client) -> AuthorizationCode:
        google: SandboxGoogle = self.server.google
        with google.core.lock:
            found = google.book.take_code(code)
        if not code.startswith("4/"):
            raise dead_grant("Malformed auth code.")
        if found is None or found.request.client_id != client.client_id:
            raise dead_grant("Bad Request")
        if self.request.form.get("redirect_uri") != found.request.redirect_uri:
            raise GoogleRefusal("redirect_uri_mismatch", "Bad Request")
        if found.code_challenge and not self.request.form.get("code_verifier"):
            raise dead_grant("Missing code verifier.")
        return found

    def create_token_response(self) -> _Answer:
        google: SandboxGoogle = self.server.google
        code: AuthorizationCode = self.request.authorization_code
        g.sub = code.sub
        answer = google.tokens.redeem(code, dpop_thumbprint=g.get("dpop_key"))
        return 200, answer.as_json(), self.TOKEN_RESPONSE_HEADER


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()
        if not self.request.form.get("refresh_token"):
            raise GoogleRefusal("invalid_request", "Missing required parameter: refresh_token")

    def create_token_response(self) -> _Answer:
        google: SandboxGoogle = self.server.google
        form = self.request.form
        answer = google.tokens.refresh(
            self.request.client,
            form["refresh_token"],
            form.get("scope"),
            dpop_thumbprint=g.get("dpop_key"),
        )
        return 200, answer.as_json(), self.TOKEN_RESPONSE_HEADER


class _Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib ships no types
    def create_endpoint_response(self, request: _LoopbackRequest) -> tuple[int, Any, Any]:
        """Revoke whatever token is given: Google asks for no client authentication."""
        google: SandboxGoogle = self.server.google
        token = request.payload.data.get("token")
        if not token:
            raise GoogleRefusal("invalid_request", "Missing required parameter: token")
        google.tokens.revoke(token)
        return 200, {}, [("Content-Type", "application/json; charset=utf-8")]
