"""A valid configuration to change, the secrets planted in it, and the types of the fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from bridge.config import Settings

HOOK_SECRET: Final = "whsec_QkZ3cTlLcDRYYTdNdEwyVm5ZOHNIYzFKZzVSdUVvVDA="
CLIENT_SECRET: Final = "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"
CLIENT_ID: Final = "123456789012-abcdef0123.apps.googleusercontent.com"

VALID: Final = f"""\
public_url = "https://bridge.acme.com"

[tenants.acme]
issuer = "https://idp.acme.com/realms/main"
hook_secrets = ["{HOOK_SECRET}"]

[[tenants.acme.clients]]
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
"""


class Configure(Protocol):
    """Loads a TOML text with an environment."""

    def __call__(self, text: str = VALID, environ: Mapping[str, str] | None = None) -> Settings: ...


class Problems(Protocol):
    """Loads a TOML text with an environment and gives what is wrong, by path."""

    def __call__(
        self, text: str = VALID, environ: Mapping[str, str] | None = None
    ) -> dict[str, str]: ...
