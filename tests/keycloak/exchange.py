"""Keycloak's token exchange with Google, as far as the tested versions have it.

Version 1 changes a token of Google's for one of Keycloak's, and one of Keycloak's for one of
Google's; Keycloak's fine-grained permissions must allow a client each. 26.4 has a version 2 of the
first as well, which needs no permission; 26.7 has it no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import requests

from bridge.sandbox.records import Account
from tests.canary.hunt import Hunt
from tests.keycloak.admin import Admin
from tests.keycloak.evidence import kept_in_database, shown_to_admin
from tests.keycloak.probing import kept_in_memory
from tests.keycloak.site import Site
from tools.keycloak.relying_app import CLIENT_ID, SECRET

VERSION_1 = "token-exchange:v1,admin-fine-grained-authz:v1"
VERSION_2 = f"{VERSION_1},token-exchange-external-internal:v2"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_TIMEOUT_S = 60


def exchanged(site: Site, realm: str, subject_token: object, **more: str) -> requests.Response:
    """Have the sample app change a token for another one."""
    form = {
        "grant_type": _EXCHANGE,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "subject_token": str(subject_token),
        "subject_token_type": _ACCESS_TOKEN,
    }
    url = f"{site.issuer(realm)}/protocol/openid-connect/token"
    return requests.post(url, data=form | more, timeout=_TIMEOUT_S)


def allow_exchange(admin: Admin, realm: str) -> None:
    """Permit the sample app to change tokens with a realm's `google`."""
    path = f"{realm}/identity-provider/instances/google/management/permissions"
    admin.put(path, {"enabled": True})
    permission = admin.get(path)["scopePermissions"]["token-exchange"]
    [management] = admin.get(f"{realm}/clients", clientId="realm-management")
    [app] = admin.get(f"{realm}/clients", clientId=CLIENT_ID)
    server = f"{realm}/clients/{management['id']}/authz/resource-server"
    name = {"name": "sample app", "type": "client", "logic": "POSITIVE", "clients": [app["id"]]}
    policy = admin.post(f"{server}/policy/client", name)
    scope = f"{server}/permission/scope/{permission}"
    wanted: dict[str, Any] = admin.get(scope)
    for part, key in (("resources", "_id"), ("scopes", "id")):
        wanted[part] = [it[key] for it in admin.get(f"{server}/policy/{permission}/{part}")]
    admin.put(scope, wanted | {"policies": [policy["id"]]})


def stored_token(site: Site, realm: str, account: Account) -> str:
    """Return the access token of Google's that a realm has stored with a link."""
    [row] = site.database.query(
        f"select token from federated_identity where user_id = '{site.subject(realm, account)}'"  # noqa: S608 - our own
    )
    return str(json.loads(row)["access_token"])


def traces(site: Site, realm: str, account: Account, *answers: requests.Response) -> list[str]:
    """Return the places, the log apart, where an account's token is found after an exchange."""
    hunt = Hunt(site.refresh_tokens(account))
    places = chain(
        (("answer", answer.text) for answer in answers),
        shown_to_admin(site, realm, site.subject(realm, account)),
        kept_in_database(site),
        kept_in_memory(site),
    )
    return [place for place, text in places if hunt.found(text)]


@contextmanager
def all_expired(admin: Admin, realm: str) -> Iterator[None]:
    """Have Keycloak take every access token of Google's for expired."""
    path = f"{realm}/identity-provider/instances/google"
    google = admin.get(path)
    admin.put(path, google | {"config": google["config"] | {"minValidityToken": "7200"}})
    try:
        yield
    finally:
        admin.put(path, google)
