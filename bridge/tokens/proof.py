"""What a successful refresh proves of a refresh token: its account, its client and its scopes.

Owns the refusal of an answer for another account and of one wider than was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.id_token import IdTokenInvalidError, IdTokenVerifier, VerifiedIdToken
from bridge.google.outcome import Refreshed
from bridge.google.scopes import SIGN_IN
from bridge.model import AccessToken, Account, Grant, RefreshToken, Source
from bridge.tokens.clients import Client
from bridge.vault import lifecycle
from bridge.vault.grants import Grants
from bridge.vault.needs import Needs
from bridge.vault.refresh_tokens import RefreshTokens


@dataclass(frozen=True, slots=True)
class Proof:
    """What to write after a refresh.

    Attributes:
        mark: the refresh token's.
        scopes: what it is proven to grant.
        access: the access token that came.
        account: labels that Google signed, or None.
        rotation: a refresh token that came along, or None.
    """

    mark: bytes
    scopes: tuple[str, ...]
    access: AccessToken
    account: Account | None
    rotation: RefreshToken | None

    @property
    def rotated(self) -> bool:
        """Whether another refresh token serves from now on."""
        return self.rotation is not None

    def apply(self, grant: Grant, now: int) -> Grant:
        """Return the grant with all of it."""
        proven = lifecycle.prove(grant, self.mark, self.scopes, now)
        if self.account is not None:
            proven = replace(proven, account=self.account)
        if proven.live is None or proven.live.mark != self.mark:
            return proven
        if self.rotation is not None:
            proven = lifecycle.rotate(proven, self.rotation, now)
        return lifecycle.keep_access(proven, self.access, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Reads refreshes."""

    verifier: IdTokenVerifier
    grants: Grants
    tokens: RefreshTokens
    needs: Needs
    clock: Clock

    def of(
        self,
        grant: Grant,
        client: Client,
        token: RefreshToken,
        asked: frozenset[str] | None,
        fresh: Refreshed,
    ) -> Proof | None:
        """Return what a refresh proves, or None if it is another account's.

        Raises:
            BridgeError: `client_fault`, if the access token covers more than was asked for;
                `upstream_unavailable`, if Google's keys cannot be had to check whose it is.
        """
        try:
            signed = self._signed(client, fresh)
        except IdTokenInvalidError:
            return None
        if signed is not None and signed.sub != grant.account.sub:
            return None
        answered = fresh.scopes if fresh.scopes is not None else asked or frozenset(grant.granted)
        if asked is not None and answered - asked - SIGN_IN:
            raise _too_wide()
        now = int(self.clock.now())
        return Proof(
            mark=token.mark,
            scopes=_proven_scopes(grant, asked, answered),
            access=AccessToken(
                token=fresh.access_token,
                scopes=None if asked is None else tuple(sorted(asked & (answered | SIGN_IN))),
                issued_at=now,
                expires_at=now + fresh.expires_in,
            ),
            account=_labels(grant, signed) if signed else None,
            rotation=self._rotation(grant, fresh, answered, now),
        )

    def met(self, grant: Grant) -> None:
        """Clear the need that the grant's proven scopes meet."""
        self.needs.clear(grant.tenant, grant.subject, grant.client_id, grant.granted)

    def _signed(self, client: Client, fresh: Refreshed) -> VerifiedIdToken | None:
        if fresh.id_token is None:
            return None
        return self.verifier.verify(fresh.id_token, audiences={client.id}, check_expiry=True)

    def _rotation(
        self, grant: Grant, fresh: Refreshed, answered: frozenset[str], now: int
    ) -> RefreshToken | None:
        if fresh.refresh_token is None:
            return None
        rotated = self.tokens.seal(
            self.grants.owner(grant),
            fresh.refresh_token,
            time=now,
            source=Source.ROTATION,
            lifetime=fresh.refresh_token_expires_in,
        )
        if rotated.mark in grant.seen:
            return None
        return replace(rotated, scopes=tuple(sorted(answered)))


def _proven_scopes(
    grant: Grant, asked: frozenset[str] | None, answered: frozenset[str]
) -> tuple[str, ...]:
    """Return all that the grant holds: what a full answer says, or what a narrow one leaves."""
    if asked is None:
        return tuple(sorted(answered))
    lost = asked - answered - SIGN_IN
    return tuple(scope for scope in grant.granted if scope not in lost)


def _labels(grant: Grant, signed: VerifiedIdToken) -> Account:
    return Account(
        sub=signed.sub,
        email=signed.email or grant.account.email,
        hosted_domain=signed.hosted_domain or grant.account.hosted_domain,
    )


def _too_wide() -> BridgeError:
    return BridgeError(
        Code.CLIENT_FAULT,
        "Google answered with more scopes than were asked for, so the token is not handed out. "
        "An operator can set `narrowing = false` for this client and give callers all its scopes.",
        reason="narrowing_ignored",
    )
