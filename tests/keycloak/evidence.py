"""All places where a provider's token could show, asked with what a client of Keycloak has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import requests

from bridge.sandbox.relying_party import SignedIn
from tests.keycloak.site import Site
from tools.keycloak.relying_app import CLIENT_ID, SECRET

V1 = "broker token endpoint, V1"
V2 = "broker token endpoint, V2"
_TIMEOUT_S = 60
_ACCOUNT_PAGES = ("", "linked-accounts", "sessions", "sessions/devices", "credentials")


def shown_to_client(site: Site, realm: str, arrival: SignedIn) -> Iterator[tuple[str, str]]:
    """Yield a place and its text for all that the holder of an access token can ask."""
    issuer = site.issuer(realm)
    yield "token response", str(dict(arrival.tokens))
    yield "ID token's claims", str(dict(arrival.claims))
    access = str(arrival.tokens["access_token"])
    yield "access token's claims", str(_claims(access))
    endpoint = f"{issuer}/broker/google/token"
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "token": access}
    with requests.Session() as http:
        yield V2, _body(http, "POST", endpoint, data=form)
        http.headers["Authorization"] = f"Bearer {access}"
        yield "userinfo", _body(http, "GET", f"{issuer}/protocol/openid-connect/userinfo")
        yield V1, _body(http, "GET", endpoint)
        http.headers["Accept"] = "application/json"
        for page in _ACCOUNT_PAGES:
            yield f"account API, /{page}", _body(http, "GET", f"{issuer}/account/{page}")


def shown_to_admin(site: Site, realm: str, user: str) -> Iterator[tuple[str, str]]:
    """Yield the same for all that an admin of Keycloak can ask about a user and the realm."""
    everything = "exportClients=true&exportGroupsAndRoles=true"
    with site.admin() as admin:
        for path in ("", "/sessions", "/federated-identity", "/credentials", "/consents"):
            yield f"Admin API, user{path}", str(admin.get(f"{realm}/users/{user}{path}"))
        for path in ("events", "admin-events", "identity-provider/instances", ""):
            yield f"Admin API, /{path}", str(admin.get(f"{realm}/{path}".rstrip("/")))
        yield "exported realm", str(admin.post(f"{realm}/partial-export?{everything}"))


def kept_in_database(site: Site) -> Iterator[tuple[str, str]]:
    """Yield a table and its rows for everything that Keycloak keeps."""
    table, rows = "", list[str]()
    for line in site.database.dump().splitlines():
        if line.startswith("INSERT INTO "):
            name = line.split()[2]
            if name != table:
                yield table, "\n".join(rows)
                table, rows = name, []
        rows.append(line)
    yield table, "\n".join(rows)


def _body(http: requests.Session, method: str, url: str, **more: Any) -> str:
    answer = http.request(method, url, timeout=_TIMEOUT_S, **more)
    return f"{answer.status_code} {answer.headers} {answer.text}"


def _claims(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False})
