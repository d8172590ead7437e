"""Settings of a tenant: its IdP, its hook secrets, its Google clients and its policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from bridge.config.problems import wrong
from bridge.config.section import Section
from bridge.config.urls import PeerUrl
from bridge.config.values import ClientId, HookSecret, SecretText
from bridge.secret import Secret

_PROJECT: Final = re.compile(r"([0-9]+)-")
_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,255}")
_SHORTEST_HS256: Final = 32
_CALENDAR: Final = "https://www.googleapis.com/auth/calendar"


def _scope(scope: str) -> str:
    # RFC 6749 section 3.3.
    if not _SCOPE.fullmatch(scope):
        raise wrong("should be one scope, such as " + _CALENDAR)
    return scope


Scope = Annotated[str, AfterValidator(_scope)]


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

    recovery_rest_days: int = Field(default=7, ge=1, le=90)
    """Days for which a user who denied a forced consent, or never came back from it, is not asked
    again."""

    required_scopes: tuple[Scope, ...] = Field((), examples=[[_CALENDAR]])
    """Google scopes without which the app is of no use; a grant that lacks one counts like a
    backend that asked in vain."""

    app_name: str | None = Field(None, min_length=1, max_length=80, examples=["Acme Planner"])
    """What the pages call the app. Unset, they say "the app"."""

    return_to: tuple[PeerUrl, ...] = Field((), examples=[["https://app.example.com/connected"]])
    """Where a user may be sent back to after connecting an account: scheme, host, port and path
    must be one of these; a query is the link's own affair."""

    login_return_url: PeerUrl | None = Field(
        None, examples=["https://tenant.eu.auth0.com/continue"]
    )
    """Where an IdP that redirects in the middle of a login takes the user back, such as Auth0's
    `/continue`."""

    login_return_secret: SecretText | None = Field(None, examples=["at least 32 characters"])
    """Signs, by HS256, what is said at `login_return_url`; 32 characters at least."""

    include_granted_scopes: bool = False
    """Ask Google to add all that the user granted to the Google project before
    (`include_granted_scopes=true`)."""

    clients: tuple[ClientSettings, ...] = Field(min_length=1)
    """The tenant's Google clients, one table each."""

    @field_validator("login_return_secret")
    @classmethod
    def _long_enough(cls, secret: Secret | None) -> Secret | None:
        # RFC 7518 section 3.2: a key of the hash's size at least.
        if secret is not None and len(secret.reveal()) < _SHORTEST_HS256:
            raise wrong("should have 32 characters at least")
        return secret

    @model_validator(mode="after")
    def _return_is_whole(self) -> Self:
        if (self.login_return_url is None) != (self.login_return_secret is None):
            raise wrong(
                "has one of login_return_url and login_return_secret only", "give both or neither"
            )
        return self

    def client(self, client_id: str) -> ClientSettings | None:
        """Return the client with this id, or None."""
        return next((c for c in self.clients if c.client_id == client_id), None)
