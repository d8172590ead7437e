"""What this Google remembers: accounts, clients, consents, codes and tokens.

Owns the shapes. Knows nothing of the rules by which they come and go. Tokens stay out of a repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AccountKind = Literal["consumer", "workspace"]
AccountStatus = Literal["active", "suspended", "restricted", "deleted"]
ClientStatus = Literal["active", "disabled", "deleted"]
Publishing = Literal["testing", "production"]
ReauthSubtype = Literal["invalid_rapt", "rapt_required"]


@dataclass(slots=True, kw_only=True)
class Account:
    """A Google account.

    Attributes:
        sub: the account's permanent id, decimal digits.
        email: a label that can change.
        hd: the Workspace domain, None for a consumer.
        kind: consumer or workspace.
        name: what the profile shows.
        status: deleted is for ever; suspended and restricted can be lifted.
        advanced_protection: whether the account may not consent to data scopes again.
        blocked_scopes: scopes that the Workspace admin forbids; `*` is all.
        reauth_subtype: how tokens older than `reauth_since` are refused by session control.
        reauth_since: Unix time of the last session that ended.
    """

    sub: str
    email: str
    hd: str | None
    kind: AccountKind
    name: str
    status: AccountStatus = "active"
    advanced_protection: bool = False
    blocked_scopes: frozenset[str] = frozenset()
    reauth_subtype: ReauthSubtype = "invalid_rapt"
    reauth_since: float | None = None

    def blocks(self, scopes: frozenset[str]) -> bool:
        """Tell whether the account's admin forbids any of `scopes`."""
        return "*" in self.blocked_scopes or not self.blocked_scopes.isdisjoint(scopes)


@dataclass(slots=True, kw_only=True)
class Client:
    """An OAuth client.

    Attributes:
        client_id: `<project number>-<random>.apps.googleusercontent.com`.
        secrets: every secret that works now; two while one is being rotated.
        redirect_uris: compared character by character.
        publishing: of the consent screen; in testing, refresh tokens live 7 days.
        internal_domain: the only `hd` that may use the client, None for external ones.
        test_users: emails that may consent while testing; None is everybody.
        status: whether it works.
        created_at: Unix time.
        last_used_at: Unix time of the last authentication or authorization.
        deleted_at: Unix time; a deleted client can be restored for 30 days.
        name: what the consent screen calls the app; None: its id.
    """

    client_id: str
    secrets: tuple[str, ...] = field(repr=False)
    redirect_uris: tuple[str, ...]
    publishing: Publishing
    internal_domain: str | None
    test_users: frozenset[str] | None
    created_at: float
    last_used_at: float
    status: ClientStatus = "active"
    deleted_at: float | None = None
    name: str | None = None

    @property
    def project(self) -> str:
        """The Cloud project's number."""
        return self.client_id.partition("-")[0]

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell Authlib which grants a web client has: all that the server knows."""
        return bool(grant_type)


@dataclass(slots=True, kw_only=True)
class Consent:
    """What an account granted to a project; `until` is Unix time for time-based access."""

    scopes: frozenset[str]
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """An authorization request that has been found well-formed.

    Attributes:
        client_id: who asks.
        redirect_uri: where the browser goes back to.
        scopes: asked for, spelled out.
        offline: `access_type=offline`.
        prompts: the words of `prompt`; `approval_prompt=force` is `consent`.
        state: returned as it came.
        nonce: put into the ID token.
        login_hint: an email or a `sub`.
        hd: which accounts the chooser offers; proves nothing.
        include_granted_scopes: whether the token carries what was granted before.
        code_challenge: PKCE (RFC 7636).
        code_challenge_method: S256 or plain.
    """

    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    offline: bool = False
    prompts: frozenset[str] = frozenset()
    state: str | None = None
    nonce: str | None = None
    login_hint: str | None = None
    hd: str | None = None
    include_granted_scopes: bool = False
    code_challenge: str | None = field(default=None, repr=False)
    code_challenge_method: str | None = None


@dataclass(slots=True, kw_only=True)
class AuthorizationCode:
    """A code: single use, short-lived; `lifetime` seconds bound what it is exchanged for."""

    code: str = field(repr=False)
    request: AuthorizationRequest
    sub: str
    scopes: frozenset[str]
    consent_shown: bool
    issued_at: float
    lifetime: int | None = None

    @property
    def code_challenge(self) -> str | None:
        """RFC 7636's challenge, under the name that Authlib's check reads."""
        return self.request.code_challenge

    @property
    def code_challenge_method(self) -> str | None:
        """RFC 7636's method, likewise."""
        return self.request.code_challenge_method

    def get_redirect_uri(self) -> None:
        """Tell Authlib not to compare: Google has an error of its own for a mismatch."""
        return


@dataclass(slots=True, kw_only=True)
class RefreshToken:
    """A refresh token; `death` tells what killed it."""

    token: str = field(repr=False)
    sub: str
    client_id: str
    scopes: frozenset[str]
    issued_at: float
    last_used_at: float
    expires_at: float | None = None
    death: str | None = None
    dpop_thumbprint: str | None = None

    @property
    def project(self) -> str:
        """The Cloud project's number."""
        return self.client_id.partition("-")[0]


@dataclass(slots=True, kw_only=True)
class AccessToken:
    """An access token; `dead` is a revocation, expiry shows from `expires_at`."""

    token: str = field(repr=False)
    sub: str
    client_id: str
    scopes: frozenset[str]
    expires_at: float
    offline: bool
    dead: bool = False

    @property
    def project(self) -> str:
        """The Cloud project's number."""
        return self.client_id.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """A successful answer of the token endpoint."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - a type's name, not a secret
    refresh_token: str | None = field(default=None, repr=False)
    refresh_token_expires_in: int | None = None
    id_token: str | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, str | int]:
        """Return the JSON body; what was not issued is absent."""
        members: dict[str, str | int | None] = {
            "access_token": self.access_token,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "scope": self.scope,
            "token_type": self.token_type,
            "id_token": self.id_token,
            "refresh_token_expires_in": self.refresh_token_expires_in,
        }
        return {name: value for name, value in members.items() if value is not None}
