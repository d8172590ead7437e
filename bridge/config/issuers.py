"""Settings of the issuers whose JWTs a backend may present instead of a key of the bridge's own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from bridge.config.permissions import Permission
from bridge.config.problems import wrong
from bridge.config.section import Section, context_of
from bridge.config.urls import PeerUrl
from bridge.config.values import Token


class IssuerSettings(Section):
    """An issuer of callers' JWTs, and what its callers may do."""

    issuer: PeerUrl
    """The issuer URL, exactly as its tokens carry it in `iss`."""

    jwks_url: PeerUrl
    """Where the issuer publishes its keys."""

    audience: Token
    """What `aud` must hold: the name of this bridge at the issuer."""

    authorized_parties: tuple[Token, ...] = Field(min_length=1)
    """Which values of `azp` are let in: the backends' own client ids at the issuer."""

    tenants: tuple[str, ...] = Field(min_length=1)
    """The tenants that these callers may act in."""

    scopes: tuple[Token, ...] = Field((), examples=[["https://www.googleapis.com/auth/calendar"]])
    """The Google scopes that their tokens may carry at most; `*` stands for all of them."""

    permissions: tuple[Permission, ...] = Field(min_length=1)
    """What they may do: `token`, `grants:read`, `grants:forget`, `grants:revoke`,
    `grants:recheck`, `connect`, `login-hints`, `orders`, `events:read`, `preflight`, `profiles`."""

    algorithms: tuple[Literal["RS256", "ES256"], ...] = Field(("RS256", "ES256"), min_length=1)
    """Signature algorithms that are accepted."""

    @field_validator("tenants")
    @classmethod
    def _known_tenants(cls, tenants: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not set(tenants) <= context_of(info).tenant_names:
            raise wrong("names a tenant that is not configured")
        return tenants
