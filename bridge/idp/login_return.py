"""How a browser is sent back into a login that waits for it: a signed word on how the consent went.

Owns the form that redirecting IdPs take, which is Auth0's: an HS256 JWT in `session_token` beside
the `state` of the login under way. It is signed, not encrypted: no token and no address is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import jwt

from bridge.secret import Secret

LIFETIME_S: Final = 15 * 60
_ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginReturn:
    """What is said at an IdP's return URL.

    Attributes:
        issuer: the bridge's public URL.
        subject: whose login waits.
        state: the IdP's own, as it came with the browser; binds the word to that one login.
        status: how the consent went.
        issued_at: Unix seconds.
    """

    issuer: str
    subject: str
    state: str | None
    status: str
    issued_at: int

    def url(self, return_url: str, secret: Secret) -> str:
        """Return where to send the browser."""
        claims: dict[str, str | int] = {
            "iss": self.issuer,
            "aud": return_url,
            "sub": self.subject,
            "status": self.status,
            "iat": self.issued_at,
            "exp": self.issued_at + LIFETIME_S,
        }
        parameters = {}
        if self.state is not None:
            parameters["state"] = claims["state"] = self.state
        parameters["session_token"] = jwt.encode(claims, secret.reveal(), algorithm=_ALGORITHM)
        joint = "&" if "?" in return_url else "?"
        return return_url + joint + urlencode(parameters)
