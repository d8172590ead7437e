"""The name and password of an OAuth client."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.secret import Secret


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What authenticates an OAuth client at the token endpoint (RFC 6749 section 2.3.1)."""

    client_id: str
    client_secret: Secret
