"""Where Google's OAuth 2.0 endpoints are, and where a stand-in with Google's paths has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs that the bridge calls or sends browsers to.

    Attributes:
        authorization: where a browser asks for consent.
        token: code exchange and refresh (RFC 6749 section 3.2).
        revocation: RFC 7009.
        tokeninfo: what an access token is for.
        certs: the keys that sign ID tokens, a JWKS.
        issuers: every `iss` that an ID token may carry. Google uses two forms of its own name
            (https://developers.google.com/identity/openid-connect/openid-connect).
    """

    authorization: str
    token: str
    revocation: str
    tokeninfo: str
    certs: str
    issuers: tuple[str, ...]

    @classmethod
    def at(cls, base_url: str) -> Self:
        """Return a stand-in's endpoints: Google's paths on one host, Google's issuers."""
        base = base_url.rstrip("/")
        return cls(
            authorization=f"{base}/o/oauth2/v2/auth",
            token=f"{base}/token",
            revocation=f"{base}/revoke",
            tokeninfo=f"{base}/tokeninfo",
            certs=f"{base}/oauth2/v3/certs",
            issuers=GOOGLE.issuers,
        )


GOOGLE: Final = Endpoints(
    authorization="https://accounts.google.com/o/oauth2/v2/auth",
    token="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL, not a password
    revocation="https://oauth2.googleapis.com/revoke",
    tokeninfo="https://oauth2.googleapis.com/tokeninfo",
    certs="https://www.googleapis.com/oauth2/v3/certs",
    issuers=("https://accounts.google.com", "accounts.google.com"),
)
