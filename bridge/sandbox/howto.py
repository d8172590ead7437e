"""What the command prints: how to point ordinary client libraries at a sandbox."""

from __future__ import annotations

from typing import Final

_TEXT: Final = """\
Sandbox Google listens on {origin} (loopback only; whoever reaches it gets tokens).

Make an account and a client, then download the client like from Google's console:
  curl -s {origin}/sandbox/accounts -H 'Content-Type: application/json' \\
       -d '{{"email": "ann@gmail.com"}}'
  curl -s {origin}/sandbox/clients -H 'Content-Type: application/json' \\
       -d '{{"redirect_uris": ["http://localhost:8080/callback"]}}'
  curl -s {origin}/sandbox/clients/CLIENT_ID/client_secret.json > client_secret.json

Sign in without a browser (the answer is what a code exchange gets):
  curl -s {origin}/sandbox/login -H 'Content-Type: application/json' -d \\
       '{{"account": "ann@gmail.com", "client": "CLIENT_ID", "scopes": "openid email"}}'

Point a library at it:
  google-auth            Credentials(..., token_uri="{origin}/token")
  google-auth-oauthlib   Flow.from_client_secrets_file("client_secret.json", ...)
                         and OAUTHLIB_INSECURE_TRANSPORT=1, as this is plain HTTP
  requests-oauthlib      authorization_url("{origin}/o/oauth2/v2/auth"),
                         fetch_token("{origin}/token"); the same variable
  google-api-python-client
                         build("calendar", "v3", ..., client_options=
                         {{"api_endpoint": "{origin}/calendar/v3/"}})
                         (Drive: {origin}/drive/v3/, Gmail: {origin}/)
  OpenID Connect         {origin}/.well-known/openid-configuration

The control API, option by option, is in docs/sandbox.md.
"""


def howto(origin: str) -> str:
    """Return the text for a sandbox at `origin`, such as `http://127.0.0.1:8090`."""
    return _TEXT.format(origin=origin)
