"""What a successful refresh proves of a refresh token: its account, its client and its scopes.

Owns the refusal of an answer for another account and of one wider than was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from bridge.clock import Clock
from bridge.errors import BridgeError, Code
from bridge.google.id_token import IdTokenInvalidError, IdTokenVerifier, VerifiedIdToken
from bridge.google.outcome import Refreshed, TokenInfo
from bridge.google.scopes import SIGN_IN
from bridge.google.signing_keys import KeysUnavailableError
from bridge.model import AccessToken, Account, Grant, RefreshToken, Source
from bridge.tokens.clients import Client
from bridge.vault import lifecycle
from bridge.vault.grants import Grants
from bridge.vault.needs import Needs
from bridge.vault.refresh_tokens import RefreshTokens

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What Google said of a refresh token.

    Attributes:
        asked: the scopes that it was asked for; None is all that is granted.
        fresh: the refresh's answer.
        signed: its ID token, if one came and is Google's for this client.
        info: what tokeninfo adds where the answer left something open.
    """

    asked: frozenset[str] | None
    fresh: Refreshed
    signed: VerifiedIdToken | None
    info: TokenInfo | None = None

    @property
    def leaves_open(self) -> bool:
        """Whether an unproven token's account or scopes are untold.

        An ID token comes only where `openid` was granted, and a `scope` that is left out means "as
        granted" (RFC 6749 section 5.1), which nobody knows of a token that was never proven.
        """
        return self.signed is None or self.fresh.scopes is None

    def contradicts(self, account_sub: str, client_id: str) -> bool:
        """Tell whether Google says that this is another account's, or another client's."""
        subs = {self.signed.sub if self.signed else None, self.info.sub if self.info else None}
        other_client = self.info is not None and self.info.audience != client_id
        return other_client or bool(subs - {None, account_sub})

    def scopes(self, known: tuple[str, ...]) -> frozenset[str]:
        """Return what the access token covers; `known` is what the refresh token is known for."""
        if self.fresh.scopes is not None:
            return self.fresh.scopes
        if self.asked is not None:
            return self.asked
        return self.info.scopes if self.info is not None else frozenset(known)


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

    def serves(self, grant: Grant) -> bool:
        """Tell whether the refresh token, or the one that came along, serves the grant."""
        marks = (self.mark, self.rotation.mark if self.rotation is not None else None)
        return grant.live is not None and grant.live.mark in marks

    def apply(self, grant: Grant, now: int) -> Grant:
        """Return the grant with all of it."""
        proven = lifecycle.prove(grant, self.mark, self.scopes, now)
        if self.account is not None:
            proven = replace(proven, account=self.account)
        if proven.live is None or proven.live.mark != self.mark:
            return self._rotated_spare(proven)
        if self.rotation is not None:
            proven = lifecycle.rotate(proven, self.rotation, now)
        return lifecycle.keep_access(proven, self.access, now)

    def _rotated_spare(self, grant: Grant) -> Grant:
        """Return the grant with what replaces the spare; as a candidate it would be tried anew."""
        if self.rotation is None or grant.spare is None or grant.spare.mark != self.mark:
            return grant
        seen = (self.rotation.mark, *grant.seen)[: lifecycle.SEEN_KEPT]
        return replace(grant, spare=self.rotation, seen=seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Reads refreshes."""

    verifier: IdTokenVerifier
    grants: Grants
    tokens: RefreshTokens
    needs: Needs
    clock: Clock

    def read(self, client: Client, asked: frozenset[str] | None, fresh: Refreshed) -> Evidence:
        """Return what a refresh's answer says.

        An ID token that cannot be judged, for want of Google's keys or because the host's clock is
        off, says nothing: it must never end a refresh token that Google has just honoured.
        """
        signed = None
        if fresh.id_token is not None:
            try:
                signed = self.verifier.verify(
                    fresh.id_token, audiences={client.id}, check_expiry=True
                )
            except (IdTokenInvalidError, KeysUnavailableError) as error:
                log.warning("id_token_unread", client=client.id, reason=error.reason)
        return Evidence(asked=asked, fresh=fresh, signed=signed)

    def of(self, grant: Grant, token: RefreshToken, evidence: Evidence) -> Proof | None:
        """Return what a refresh proves, or None if the token is another account's.

        Raises:
            BridgeError: `client_fault`, if the access token covers more than was asked for.
        """
        if evidence.contradicts(grant.account.sub, grant.client_id):
            return None
        asked, fresh = evidence.asked, evidence.fresh
        answered = evidence.scopes(token.scopes or ())
        if asked is not None and answered - asked - SIGN_IN:
            raise _too_wide()
        now = int(self.clock.now())
        scopes = _proven_scopes(grant, asked, answered)
        return Proof(
            mark=token.mark,
            scopes=scopes,
            access=AccessToken(
                token=fresh.access_token,
                scopes=None if asked is None else tuple(sorted(asked & (answered | SIGN_IN))),
                issued_at=now,
                expires_at=now + fresh.expires_in,
            ),
            account=_labels(grant, evidence.signed) if evidence.signed else None,
            rotation=self._rotation(grant, token, fresh, scopes),
        )

    def met(self, grant: Grant) -> None:
        """Clear the need that the grant's proven scopes meet."""
        self.needs.clear(grant.tenant, grant.subject, grant.client_id, grant.granted)

    def _rotation(
        self, grant: Grant, token: RefreshToken, fresh: Refreshed, scopes: tuple[str, ...]
    ) -> RefreshToken | None:
        if fresh.refresh_token is None:
            return None
        lifetime = fresh.refresh_token_expires_in
        if lifetime is not None:
            lifetime += int(self.clock.now()) - token.time
        rotated = self.tokens.seal(
            self.grants.owner(grant),
            fresh.refresh_token,
            # No consent came along: one that the user gives while the refresh runs is newer.
            time=token.time,
            source=Source.ROTATION,
            lifetime=lifetime,
        )
        if any(rotated.mark == mark for mark in (*grant.seen, *(t.mark for t in grant.tokens))):
            return None
        return replace(rotated, scopes=scopes)


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
