"""What a browser brings back from the bridge's consent page in the middle of a login.

Owns the check of the signed statement: HS256, from this bridge, for this IdP, this user and this
very login, and not expired.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bridge.secret import Secret

_ALGORITHMS: Final = ["HS256"]


class ForgedReturnError(Exception):
    """The statement is not the bridge's, or about another login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a statement must say; `state` is the one that went out with this login."""

    issuer: str
    audience: str
    subject: str
    state: str


def read_return(session_token: str, state: str, expected: Expected, secret: Secret) -> str:
    """Return the outcome that the bridge states, such as `connected` or `denied`.

    Raises:
        ForgedReturnError: it must not be believed.
    """
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.audience},
        sub={"essential": True, "value": expected.subject},
        state={"essential": True, "value": expected.state},
        exp={"essential": True},
    )
    if not hmac.compare_digest(state, expected.state):
        raise ForgedReturnError
    try:
        # The algorithm is fixed here: a token that says `none` is not asked what it likes.
        token = jwt.decode(session_token, OctKey.import_key(secret.reveal()), _ALGORITHMS)
        rules.validate(token.claims)
    except (JoseError, ValueError):
        raise ForgedReturnError from None
    return str(token.claims.get("status", ""))
