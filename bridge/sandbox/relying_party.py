"""Signing in at an OpenID provider by the code flow: state, nonce, PKCE, and a checked ID token.

The IdP uses it towards Google, the sample app towards the IdP.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from authlib.integrations.requests_client import (  # type: ignore[import-untyped]  # ships no types
    OAuth2Session,
)
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.secret import Secret

_TIMEOUT_S: Final = 10
_VERIFIER_BYTES: Final = 48


class SignInFailedError(Exception):
    """The provider's answer cannot be used; the text is for the user's page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What must be remembered between going and coming back."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a sign-in brought: the ID token's claims, and the token response as it came."""

    claims: Mapping[str, Any]
    tokens: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """A client of one provider.

    Attributes:
        provider: the origin, under which its OpenID configuration is found.
        client_id, client_secret: the client's.
        redirect_uri: where the provider sends the browser back to.
        scope: what is asked for.
    """

    provider: str
    client_id: str
    client_secret: Secret
    redirect_uri: str
    scope: str

    def begin(self, **parameters: str) -> tuple[str, Attempt]:
        """Return the URL to send the browser to, and what to remember of it."""
        attempt = Attempt(
            state=secrets.token_urlsafe(),
            nonce=secrets.token_urlsafe(),
            verifier=Secret(secrets.token_urlsafe(_VERIFIER_BYTES)),
        )
        with self._session() as session:
            url, _ = session.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier.reveal(),
                **parameters,
            )
        return str(url), attempt

    def finish(self, answer: Mapping[str, str], attempt: Attempt | None) -> SignedIn:
        """Exchange the code that the browser brought.

        Raises:
            SignInFailedError: it is an error, of another attempt, or the provider's ID token is
                not for this one.
        """
        # An attacker's code under the victim's cookie would sign the victim in as the attacker.
        if attempt is None or not hmac.compare_digest(answer.get("state", ""), attempt.state):
            raise SignInFailedError("This sign-in was not begun in this browser, or is over.")
        if "code" not in answer:
            raise SignInFailedError("The sign-in was cancelled.")
        metadata = self._metadata()
        with self._session() as session:
            tokens = session.fetch_token(
                metadata["token_endpoint"],
                code=answer["code"],
                code_verifier=attempt.verifier.reveal(),
                timeout=_TIMEOUT_S,
            )
        return SignedIn(claims=self._claims(metadata, tokens, attempt), tokens=tokens)

    def _session(self) -> OAuth2Session:
        return OAuth2Session(
            self.client_id,
            self.client_secret.reveal(),
            redirect_uri=self.redirect_uri,
            scope=self.scope,
            code_challenge_method="S256",
        )

    def _metadata(self) -> Mapping[str, str]:
        return _get(f"{self.provider}/.well-known/openid-configuration")

    def _claims(
        self, metadata: Mapping[str, str], tokens: Mapping[str, Any], attempt: Attempt
    ) -> Mapping[str, Any]:
        keys = KeySet.import_key_set(_get(metadata["jwks_uri"]))  # type: ignore[arg-type]  # JSON
        rules = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": metadata["issuer"]},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": attempt.nonce},
            exp={"essential": True},
        )
        try:
            token = jwt.decode(str(tokens["id_token"]), keys, algorithms=["RS256"])
            rules.validate(token.claims)
        except (JoseError, KeyError, ValueError):
            raise SignInFailedError("The provider's ID token is not for this sign-in.") from None
        return token.claims


def _get(url: str) -> Mapping[str, str]:
    response = requests.get(url, timeout=_TIMEOUT_S)
    response.raise_for_status()
    document: Mapping[str, str] = response.json()
    return document
