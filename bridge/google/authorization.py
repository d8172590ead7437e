"""The URL of Google's authorization endpoint, with everything that protects the way back.

Owns the request's parameters (OpenID Connect Core section 3.1.2.1, RFC 7636, and Google's own of
https://developers.google.com/identity/protocols/oauth2/web-server). Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped] # ships no types
    prepare_grant_uri,
)
from authlib.oauth2.rfc7636 import (  # type: ignore[import-untyped] # ships no types
    create_s256_code_challenge,
)

from bridge.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a browser takes to Google.

    Attributes:
        client_id: the OAuth client.
        redirect_uri: registered for it, word for word.
        scopes: what is asked for.
        state, nonce, code_verifier: of this one trip.
        prompts: `consent`, `select_account`, both or neither.
        login_hint: an account's `sub` or address; Google then offers that one.
        include_granted_scopes: add all that the user granted to the project before.
    """

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    state: Secret
    nonce: Secret
    code_verifier: Secret
    prompts: frozenset[str] = frozenset()
    login_hint: str | None = None
    include_granted_scopes: bool = False

    def url(self, endpoint: str) -> str:
        """Return where to send the browser; it holds `state` and nonce, so it is not for a log."""
        url: str = prepare_grant_uri(
            endpoint,
            self.client_id,
            "code",
            redirect_uri=self.redirect_uri,
            scope=" ".join(sorted(self.scopes)),
            state=self.state.reveal(),
            nonce=self.nonce.reveal(),
            code_challenge=create_s256_code_challenge(self.code_verifier.reveal()),
            code_challenge_method="S256",
            # Without it Google issues no refresh token, whatever the user consents to.
            access_type="offline",
            prompt=" ".join(sorted(self.prompts)) or None,
            login_hint=self.login_hint,
            include_granted_scopes="true" if self.include_granted_scopes else None,
        )
        return url
