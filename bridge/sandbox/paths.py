"""Where the endpoints are: Google's own paths, all on the sandbox's one origin."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "authorization": "/o/oauth2/v2/auth",
        "token": "/token",
        "revocation": "/revoke",
        "tokeninfo": "/tokeninfo",
        "certs": "/oauth2/v3/certs",
        "userinfo": "/v1/userinfo",
        "discovery": "/.well-known/openid-configuration",
        "risc_configuration": "/.well-known/risc-configuration",
    }
)


def endpoint_urls(origin: str) -> dict[str, str]:
    """Return the URLs of the endpoints of a sandbox by name."""
    return {name: origin + path for name, path in PATHS.items()}
