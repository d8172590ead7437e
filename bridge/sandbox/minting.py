"""The shapes of what Google hands out. Random, unique and opaque; nobody may parse them."""

from __future__ import annotations

import secrets
from typing import Final

_ACCESS_TOKEN_LENGTH: Final = 220
_REFRESH_TOKEN_LENGTH: Final = 103
_CODE_LENGTH: Final = 73


def _padded(prefix: str, length: int) -> str:
    return (prefix + secrets.token_urlsafe(length))[:length]


def access_token() -> str:
    """Return an access token, `ya29.` and 220 characters in all."""
    return _padded("ya29.", _ACCESS_TOKEN_LENGTH)


def refresh_token() -> str:
    """Return a refresh token, `1//` and 103 characters in all."""
    return _padded("1//0", _REFRESH_TOKEN_LENGTH)


def code() -> str:
    """Return an authorization code, `4/` and 73 characters in all."""
    return _padded("4/0A", _CODE_LENGTH)


def subject() -> str:
    """Return a `sub`: 21 decimal digits."""
    return "1" + "".join(secrets.choice("0123456789") for _ in range(20))


def project() -> str:
    """Return a Cloud project number: 12 decimal digits."""
    return str(10**11 + secrets.randbelow(9 * 10**11))


def client_id(project_number: str) -> str:
    """Return a client id of a project; the digits before the dash are the project's number."""
    return f"{project_number}-{secrets.token_hex(16)}.apps.googleusercontent.com"


def client_secret() -> str:
    """Return a client secret, `GOCSPX-` and 28 characters."""
    return f"GOCSPX-{secrets.token_urlsafe(21)}"


def opaque_id() -> str:
    """Return an id for whatever else needs one (flows, events, files, requests)."""
    return secrets.token_hex(13)
