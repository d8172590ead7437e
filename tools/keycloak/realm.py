"""The shipped realm, read, and made to fit a place: another Google, another app.

Owns no settings: they are in `keycloak/grantbridge-realm.json`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tools.keycloak.distribution import PROVIDER

SHIPPED: Final = PROVIDER.parents[1] / "keycloak" / "grantbridge-realm.json"
Realm = dict[str, Any]
_ACCOUNT: Final = "google_sub"


def shipped() -> Realm:
    """Return the realm as it is shipped; its `${…}` are Keycloak's to fill in."""
    realm: Realm = json.loads(SHIPPED.read_text())
    return realm


def google_of(realm: Realm) -> dict[str, Any]:
    """Return the realm's Google provider, to be changed."""
    [provider] = realm["identityProviders"]
    found: dict[str, Any] = provider
    return found


def with_oidc(realm: Realm, origin: str) -> Realm:
    """Have the realm use the generic `oidc` provider, whose URLs can be those of a stand-in.

    Keycloak's `google` provider takes no other URLs than Google's. The alias stays.

    Args:
        realm: it is changed.
        origin: the stand-in's.
    """
    provider = google_of(realm)
    provider["providerId"] = "oidc"
    config = provider["config"]
    del config["offlineAccess"]
    config |= {
        # What `offlineAccess` does in the `google` provider.
        "authorizationUrl": f"{origin}/o/oauth2/v2/auth?access_type=offline",
        "tokenUrl": f"{origin}/token",
        "userInfoUrl": f"{origin}/v1/userinfo",
        "jwksUrl": f"{origin}/oauth2/v3/certs",
        "clientAuthMethod": "client_secret_post",
    }
    return realm


def without_provider(realm: Realm) -> Realm:
    """Have the realm be what it is in a Keycloak without our provider.

    Args:
        realm: it is changed.
    """
    realm["authenticationFlows"] = []
    realm["identityProviderMappers"] = []
    # Keycloak then makes its own ones.
    del realm["requiredActions"]
    del google_of(realm)["postBrokerLoginFlowAlias"]
    return realm


def named(realm: Realm, name: str) -> Realm:
    """Give the realm another name.

    Args:
        realm: it is changed.
        name: the new one.
    """
    realm["realm"] = realm["displayName"] = name
    return realm


def with_account_claim(realm: Realm) -> Realm:
    """Have ID tokens tell the app the user's Google account, as `google_sub`.

    Args:
        realm: it is changed.
    """
    realm["identityProviderMappers"].append(
        {
            "name": _ACCOUNT,
            "identityProviderAlias": google_of(realm)["alias"],
            "identityProviderMapper": "oidc-user-attribute-idp-mapper",
            "config": {"syncMode": "FORCE", "claim": "sub", "user.attribute": _ACCOUNT},
        }
    )
    [client] = realm["clients"]
    client["protocolMappers"] = [
        {
            "name": _ACCOUNT,
            "protocol": "openid-connect",
            "protocolMapper": "oidc-usermodel-attribute-mapper",
            "config": {
                "user.attribute": _ACCOUNT,
                "claim.name": _ACCOUNT,
                "jsonType.label": "String",
                "id.token.claim": "true",
            },
        }
    ]
    return realm
