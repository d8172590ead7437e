"""What the IdP is configured with: its Google client, its one app, and the bridge's hook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.secret import Secret

CALLBACK_PATH: Final = "/federation/google/callback"
CONTINUE_PATH: Final = "/login/continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleRegistration:
    """The IdP as a client of Google.

    Attributes:
        origin: of Google, or of its stand-in.
        client_id, client_secret: as registered there.
        scopes: what every login asks for.
    """

    origin: str
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTarget:
    """The bridge, as the IdP knows it.

    Attributes:
        internal: the URL of its internal listener.
        issuer: its public URL, which signs what the browser brings back from a consent.
        tenant: the IdP's name there.
        secret: signs the hook's messages.
        return_secret: signs what the browser brings back.
    """

    internal: str
    issuer: str
    tenant: str
    secret: Secret
    return_secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRegistration:
    """The one app that signs its users in here."""

    name: str
    client_id: str
    client_secret: Secret
    redirect_uri: str
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdpSettings:
    """All of it; `origin` is the IdP's own."""

    origin: str
    google: GoogleRegistration
    bridge: HookTarget
    app: AppRegistration
