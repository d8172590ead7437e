"""DPoP at the token endpoint (RFC 9449): which key a caller has proven to hold.

Google binds a refresh token to the key of its code exchange; access tokens stay bearer tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Request, g
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bridge.sandbox import minting
from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.state import SandboxGoogle

import json

_FRESH: Final = 300


def proven_key(google: SandboxGoogle, request: Request) -> str | None:
    """Return the thumbprint (RFC 7638) of the key that the request's proof shows, if it has one.

    Raises:
        GoogleRefusal: `use_dpop_nonce` for a proof without our nonce; `invalid_dpop_proof`.
    """
    proof = request.headers.get("DPoP")
    if proof is None:
        return None
    key, claims = _verified(proof)
    if claims.get("htm") != request.method or claims.get("htu") != request.base_url:
        raise GoogleRefusal("invalid_dpop_proof", "The proof is for another request.")
    issued = claims.get("iat")
    if not isinstance(issued, int | float) or abs(google.now() - issued) > _FRESH:
        raise GoogleRefusal("invalid_dpop_proof", "The proof is too old.")
    if claims.get("nonce") != google.dpop_nonce:
        g.dpop_nonce = google.dpop_nonce
        raise GoogleRefusal("use_dpop_nonce", "Use the nonce of the DPoP-Nonce header.")
    return key.thumbprint()
