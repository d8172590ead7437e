"""The names that the provider for Keycloak has there, and those of the settings it needs."""

from __future__ import annotations

from typing import Final

AUTHENTICATOR: Final = "grantbridge-consent"
MAPPER: Final = "grantbridge-mapper"
ACTION: Final = "grantbridge-consent-action"
ACTION_NAME: Final = "grantbridge: Google consent"
RESOURCE: Final = "grantbridge"
"""Below a realm's path in the Admin API."""
OUR_NAME: Final = "grantbridge"
"""Of the flow and the mapper that the guide has an admin make."""

GOOGLE: Final = "google"
OIDC: Final = "oidc"
GOOGLE_ISSUER: Final = "https://accounts.google.com"
GOOGLE_JWKS: Final = "https://www.googleapis.com/oauth2/v3/certs"
OFFLINE: Final = "access_type=offline"
REQUIRED: Final = "REQUIRED"
ALTERNATIVE: Final = "ALTERNATIVE"
FORCE: Final = "FORCE"
ON: Final = "true"
