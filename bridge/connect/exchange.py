"""From the code that a browser brought to a consent that is proven: whose, when, and for what.

Owns the checks of a code exchange: nonce, audience and signature of the ID token that came with it.
Knows no link's owner: whether the account is the right one is its caller's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from hmac import compare_digest
from typing import Final

import structlog

from bridge.errors import BridgeError
from bridge.google.client import GoogleClient
from bridge.google.id_token import IdTokenInvalidError, IdTokenVerifier, VerifiedIdToken
from bridge.google.outcome import (
    Blocked,
    ClientFault,
    CodeRefused,
    Exchanged,
    InvalidScope,
    Outcome,
    Transient,
    WrongClient,
)
from bridge.google.signing_keys import KeysUnavailableError
from bridge.model import Attempt
from bridge.secret import Secret
from bridge.tokens.circuit import Circuits
from bridge.tokens.clients import Client

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a user consented to.

    Attributes:
        signed: the account, as Google's ID token says.
        scopes: what was granted, normalised.
        refresh_token: None where Google saw no reason to issue one.
        lifetime: Google's `refresh_token_expires_in`.
    """

    signed: VerifiedIdToken
    scopes: frozenset[str]
    refresh_token: Secret | None
    lifetime: int | None


class Hope(Enum):
    """What is left to do after a setback."""

    AGAIN = auto()  # the user may try again
    ADMIN = auto()  # a policy of the account's organisation stands against it
    OPERATOR = auto()  # the bridge's operator must mend something first


@dataclass(frozen=True, slots=True)
class Setback:
    """Why there is no consent.

    Attributes:
        reason: a word for the log, the backend and whoever is asked for help.
        hope: who can do something about it.
    """

    reason: str
    hope: Hope = Hope.AGAIN


_SETBACKS: Final[Mapping[type[Outcome], Setback]] = {
    WrongClient: Setback("unauthorized_client", Hope.OPERATOR),
    InvalidScope: Setback("invalid_scope", Hope.OPERATOR),
    CodeRefused: Setback("code_refused"),
    Transient: Setback("upstream_unavailable"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Exchanges codes."""

    google: GoogleClient
    verifier: IdTokenVerifier
    circuits: Circuits
    redirect_uri: str

    def run(self, client: Client, attempt: Attempt, code: Secret) -> Consent | Setback:
        """Return the consent that a code stands for, or why there is none."""
        outcome = self.google.exchange_code(
            client.credentials, code, self.redirect_uri, attempt.code_verifier
        )
        match outcome:
            case Exchanged():
                self.circuits.close(client)
                return self._proven(client, attempt, outcome)
            case ClientFault():
                self.circuits.open(client, outcome.fault.value)
                return Setback("client_fault", Hope.OPERATOR)
            case Blocked():
                return Setback(outcome.reason.value, Hope.ADMIN)
            case WrongClient() | InvalidScope() | CodeRefused() | Transient():
                return _SETBACKS[type(outcome)]

    def _proven(self, client: Client, attempt: Attempt, tokens: Exchanged) -> Consent | Setback:
        if tokens.id_token is None:
            return Setback("id_token_missing")
        try:
            signed = self.verifier.verify(tokens.id_token, audiences={client.id}, check_expiry=True)
        except (IdTokenInvalidError, KeysUnavailableError) as error:
            return _unread(client, error)
        # OpenID Connect Core section 3.1.3.7, 11: a code of somebody else's trip, put into this
        # browser's answer, brings another nonce.
        if not compare_digest((signed.nonce or "").encode(), attempt.nonce.reveal().encode()):
            return Setback("nonce")
        granted = frozenset(attempt.asked) if tokens.scopes is None else tokens.scopes
        return Consent(
            signed=signed,
            scopes=granted,
            refresh_token=tokens.refresh_token or None,
            lifetime=tokens.refresh_token_expires_in,
        )


def _unread(client: Client, error: BridgeError) -> Setback:
    log.warning("id_token_unread", client=client.id, reason=error.reason)
    return Setback(error.reason or error.code.value)
