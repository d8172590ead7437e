"""Settings of a tenant: its IdP, its hook secrets, its Google clients and its policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import Field

from bridge.config.section import Section
from bridge.config.urls import PeerUrl
from bridge.config.values import ClientId, HookSecret, SecretText
from bridge.secret import Secret

_PROJECT: Final = re.compile(r"([0-9]+)-")


class Purpose(StrEnum):
    """What a tenant uses a Google client for."""

    SIGNIN = "signin"
    DATA = "data"


class Recovery(StrEnum):
    """When consent may be forced on a user without a usable grant."""

    OBSERVE = "observe"
    ORDERED = "ordered"
    NEEDED = "needed"
    ALWAYS = "always"


class HookListener(StrEnum):
    """Which socket takes a tenant's hook."""

    INTERNAL = "internal"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class GoogleClientFile:
    """What a downloaded `client_secret.json` says of a web client."""

    client_id: str
    client_secret: Secret
    project_id: str
    redirect_uris: tuple[str, ...]


class ClientSettings(Section):
    """A Google OAuth client."""

    client_id: ClientId
    """The client's id, from the Google Cloud console; `google_json` brings it too."""

    client_secret: SecretText
    """The client's secret; `google_json` brings it too."""

    google_json: GoogleClientFile | None = Field(None, examples=["client_secret.json"])
    """The client's downloaded `client_secret.json`, instead of id and secret: a path."""

    purpose: Purpose = Purpose.SIGNIN
    """`signin` for the client that the IdP signs users in with, `data` for one that only the app
    uses."""

    narrowing: bool | None = Field(None, examples=[False])
    """This client's own value of `google.narrowing`."""

    refreshes_per_second: float | None = Field(None, gt=0, le=1000, examples=[5.0])
    """This client's own value of `google.refreshes_per_second`."""

    @property
    def project(self) -> str:
        """The Cloud project number: the digits before the id's dash.

        An id of another form, which only development allows, is a project of its own.
        """
        digits = _PROJECT.match(self.client_id)
        return digits[1] if digits else self.client_id


class TenantSettings(Section):
    """One IdP issuer with its hook secrets, Google clients and policies."""

    issuer: PeerUrl
    """The IdP's issuer URL, exactly as its tokens carry it in `iss`."""

    hook_secrets: tuple[HookSecret, ...] = Field(min_length=1)
    """Standard Webhooks secrets that sign the tenant's hook: `whsec_` and base64 of 24 to 64 bytes.
    Each of them is accepted, so that a new one can be added before the old one goes. No two
    tenants share one."""

    hook_listener: HookListener = HookListener.INTERNAL
    """Which listener takes the hook: `internal`, or `public` for a hosted IdP."""

    recovery: Recovery = Recovery.NEEDED
    """When a login may be asked to consent again, for users without a usable grant only: `observe`
    never, `ordered` by an admin's order, `needed` also when a backend asked in vain, `always`."""

    clients: tuple[ClientSettings, ...] = Field(min_length=1)
    """The tenant's Google clients, one table each."""

    def client(self, client_id: str) -> ClientSettings | None:
        """Return the client with this id, or None."""
        return next((c for c in self.clients if c.client_id == client_id), None)
