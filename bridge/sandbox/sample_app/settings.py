"""What the sample app is configured with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.secret import Secret

SIGNED_IN_PATH: Final = "/signed-in"
CONNECTED_PATH: Final = "/connected"
CALENDAR: Final = "https://www.googleapis.com/auth/calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledBridge:
    """The bridge, as a backend or an admin knows it: where it is, and with which key."""

    internal: str
    tenant: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """All of it.

    Attributes:
        origin: the app's own.
        name: what pages call it.
        idp: the IdP's origin.
        client_id, client_secret: the app's at the IdP.
        google: where Google's APIs are.
        backend: the bridge with the key of the app's backend.
        admin: the bridge with an admin's key, for the tour alone.
        sign_out: where a browser ends its session at the IdP; unset, `/logout` there.
        prompt: what the app asks the IdP for at a sign-in, such as `select_account`.
    """

    origin: str
    name: str
    idp: str
    client_id: str
    client_secret: Secret
    google: str
    backend: CalledBridge
    admin: CalledBridge
    sign_out: str | None = None
    prompt: str | None = None
