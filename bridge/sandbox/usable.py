"""Whether a refresh token works for a client and an account: the natural causes of a refusal."""

from __future__ import annotations

from http import HTTPStatus

from bridge.sandbox.records import Account, Client, RefreshToken
from bridge.sandbox.refusal import GoogleRefusal, dead_grant, reauth_needed
from bridge.sandbox.scopes import SIGN_IN


def dies_in_testing(client: Client, scopes: frozenset[str]) -> bool:
    """Tell whether a refresh token lives 7 days only.

    It does for an external app in testing, unless it asks for nothing but sign-in scopes.
    Source: Google's "Using OAuth 2.0 to Access Google APIs", refresh token expiration.
    """
    external = client.internal_domain is None
    return client.publishing == "testing" and external and not scopes <= SIGN_IN


def check_usable(
    token: RefreshToken, client: Client, account: Account, dpop_thumbprint: str | None
) -> None:
    """Refuse what cannot be refreshed.

    Args:
        token: the refresh token.
        client: who presents it.
        account: whose it is.
        dpop_thumbprint: the key that the client has proven to hold.

    Raises:
        GoogleRefusal: the first cause that is found.
    """
    if token.client_id != client.client_id:
        raise GoogleRefusal("unauthorized_client", "Unauthorized", status=HTTPStatus.UNAUTHORIZED)
    if account.status == "deleted":
        raise dead_grant("The account has been deleted")
    if token.death is not None:
        raise dead_grant()
    if account.status == "suspended":
        raise dead_grant("Bad Request")
    if account.status == "restricted":
        raise GoogleRefusal("access_denied", "Account restricted")
    if client.internal_domain is not None and client.internal_domain != account.hd:
        raise GoogleRefusal("org_internal", "This client is restricted to its organization.")
    if account.blocks(token.scopes):
        raise GoogleRefusal("admin_policy_enforced", "Not allowed by the Workspace admin.")
    if account.reauth_since is not None and token.issued_at <= account.reauth_since:
        raise reauth_needed(account.reauth_subtype)
    if token.dpop_thumbprint is not None and token.dpop_thumbprint != dpop_thumbprint:
        raise GoogleRefusal("invalid_dpop_proof", "The token is bound to another key.")
