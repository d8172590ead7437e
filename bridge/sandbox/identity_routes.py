"""Routes that tell about identities: tokeninfo, keys, profile, and the two configurations."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from bridge.sandbox import scopes
from bridge.sandbox.gate import bearer
from bridge.sandbox.identity import ISSUER, profile
from bridge.sandbox.paths import PATHS, endpoint_urls
from bridge.sandbox.records import AccessToken, Account
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.refused import answer_refusals
from bridge.sandbox.state import SandboxGoogle

_PUSH = "https://schemas.openid.net/secevent/risc/delivery-method/push"


def identity_routes(google: SandboxGoogle) -> Blueprint:
    """Return the routes that tell who somebody is, and who says so."""
    routes = Blueprint("identity", __name__)
    answer_refusals(routes, google)
    _add_people(routes, google)
    _add_documents(routes, google)
    return routes


def _add_people(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.route(PATHS["tokeninfo"], methods=["GET", "POST"])
    def tokeninfo() -> Response:
        if "id_token" in request.values:
            claims = google.identity.read(request.values["id_token"])
            if claims is None:
                raise GoogleRefusal("invalid_token", "Invalid Value")
            return jsonify({name: _as_text(value) for name, value in claims.items()})
        found = google.tokens.bearer(request.values.get("access_token") or bearer(request))
        if found is None:
            raise GoogleRefusal("invalid_token", "Invalid Value")
        return jsonify(_token_info(*found, google.now()))

    @routes.get(PATHS["userinfo"])
    def userinfo() -> Response:
        found = google.tokens.bearer(bearer(request))
        if found is None:
            raise GoogleRefusal(
                "invalid_request", "Invalid Credentials", status=HTTPStatus.UNAUTHORIZED
            )
        access, account = found
        claims = {"sub": account.sub, **profile(account, access.scopes)}
        return jsonify(claims | ({"hd": account.hd} if account.hd else {}))


def _add_documents(routes: Blueprint, google: SandboxGoogle) -> None:
    @routes.get(PATHS["certs"])
    def certs() -> Response:
        response = jsonify(google.keys.jwks())
        age = google.core.options.certs_max_age
        response.headers["Cache-Control"] = f"public, max-age={age}, must-revalidate, no-transform"
        return response

    @routes.get(PATHS["discovery"])
    def discovery() -> Response:
        return jsonify(_metadata(endpoint_urls(request.host_url.rstrip("/"))))

    @routes.get(PATHS["risc_configuration"])
    def risc_configuration() -> Response:
        certs_url = endpoint_urls(request.host_url.rstrip("/"))["certs"]
        return jsonify(issuer=ISSUER + "/", jwks_uri=certs_url, delivery_methods_supported=[_PUSH])


def _token_info(access: AccessToken, account: Account, now: float) -> dict[str, str]:
    info = {
        "azp": access.client_id,
        "aud": access.client_id,
        "sub": account.sub,
        "scope": scopes.written(access.scopes),
        "exp": str(int(access.expires_at)),
        "expires_in": str(int(access.expires_at - now)),
        "access_type": "offline" if access.offline else "online",
    }
    if scopes.EMAIL in access.scopes:
        info |= {"email": account.email, "email_verified": "true"}
    return info


def _metadata(urls: dict[str, str]) -> dict[str, str | list[str]]:
    return {
        "issuer": ISSUER,
        "authorization_endpoint": urls["authorization"],
        "token_endpoint": urls["token"],
        "userinfo_endpoint": urls["userinfo"],
        "revocation_endpoint": urls["revocation"],
        "jwks_uri": urls["certs"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
