"""DPoP at the token endpoint (RFC 9449): which key a caller has proven to hold.

Google binds a refresh token to the key of its code exchange; access tokens stay bearer tokens.
"""

from __future__ import annotations

import json
from typing import Final

from flask import Request
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bridge.sandbox.refusal import GoogleRefusal
from bridge.sandbox.state import SandboxGoogle

_FRESH: Final = 300


def proven_key(google: SandboxGoogle, request: Request) -> str | None:
    """Return the thumbprint (RFC 7638) of the key that the request's proof shows, if it has one.

    Raises:
        GoogleRefusal: `use_dpop_nonce` for a proof without our nonce; `invalid_dpop_proof`.
    """
    proof = request.headers.get("DPoP")
    if proof is None:
        return None
    try:
        key, claims = _verified(proof)
    except (JoseError, ValueError, KeyError, TypeError):
        raise _invalid("The proof is not an ES256 DPoP proof.") from None
    issued = claims.get("iat")
    if (claims.get("htm"), claims.get("htu")) != (request.method, request.base_url):
        raise _invalid("The proof is for another request.")
    if not isinstance(issued, int | float) or abs(google.now() - issued) > _FRESH:
        raise _invalid("The proof is too old.")
    if claims.get("nonce") != google.dpop_nonce:
        raise GoogleRefusal("use_dpop_nonce", "Use the nonce of the DPoP-Nonce header.")
    return key.thumbprint()


def _verified(proof: str) -> tuple[ECKey, dict[str, object]]:
    header = jws.extract_compact(proof.encode()).headers()
    if header["typ"] != "dpop+jwt":
        raise ValueError("not a DPoP proof")
    key = ECKey.import_key(header["jwk"])
    claims = json.loads(jws.deserialize_compact(proof, key, algorithms=["ES256"]).payload)
    if not isinstance(claims, dict):
        raise TypeError("claims are an object")
    return key, claims


def _invalid(why: str) -> GoogleRefusal:
    return GoogleRefusal("invalid_dpop_proof", why)
