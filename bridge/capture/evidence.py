"""What the tokens of a login prove, and what they only claim.

Owns opening `tokens_jwe`, checking the ID token offline, and the time of a refresh token. An
adapter's word about the account is a hint; Google's signature is proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import msgspec

from bridge.capture.wire import AccountHint, Capture, Login, SealedTokens, TokenResponse
from bridge.errors import BridgeError, invalid
from bridge.google.id_token import (
    CLOCK_SKEW,
    IdTokenFlaw,
    IdTokenInvalidError,
    IdTokenVerifier,
)
from bridge.google.signing_keys import KeysUnavailableError
from bridge.model import UNKNOWN_TIME, Account
from bridge.parsing import read_json
from bridge.secret import Secret
from bridge.vault.keys import Keys

LONGEST_REFRESH_TOKEN: Final = 512  # Google's own bound
# Flaws of our own clock or of a message's age rather than of the token: Google retires its keys
# after weeks, and a message may have waited for longer.
_UNDECIDED: Final = frozenset({IdTokenFlaw.UNKNOWN_KEY, IdTokenFlaw.NOT_YET_VALID})


def secret_hook(kind: type, value: object) -> Secret:
    """Decode a token field; for msgspec's `dec_hook`."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("expected a string")


_DECODER: Final = msgspec.json.Decoder(SealedTokens, dec_hook=secret_hook)


class Standing(Enum):
    """How far the account of a capture is proven."""

    CLAIMED = auto()  # no ID token came
    PENDING = auto()  # one came, and cannot be checked for now
    VERIFIED = auto()
    CONTRADICTED = auto()  # one came, and is not for this account and client


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a login brought.

    Attributes:
        account: labelled by Google where it signed, else by the adapter.
        refresh_token: the one that came, if any.
        lifetime: Google's `refresh_token_expires_in`.
        id_token: as it came.
        time: of the refresh token: `iat`, else the message's, else unknown.
        standing: how far it is proven.
        known: every token that came, to be struck from a profile.
    """

    account: Account
    refresh_token: Secret | None
    lifetime: int | None
    id_token: Secret | None
    time: int
    standing: Standing
    known: tuple[Secret, ...]


class Examiner:
    """Reads captures and logins."""

    def __init__(self, keys: Keys, verifier: IdTokenVerifier) -> None:
        self._keys = keys
        self._verifier = verifier

    def examine(self, message: Capture | Login, now: int) -> Evidence:
        """Return what a message's tokens are worth.

        A time that the adapter tells is not believed beyond `now` and the skew of clocks: a token
        from the future would outlive every later revocation.

        Raises:
            KeyUnavailableError: `tokens_jwe` is for a key that is not here; the IdP keeps it.
            BridgeError: `invalid_request` with the field.
        """
        tokens, told_time = self._tokens(message)
        if tokens.refresh_token and len(tokens.refresh_token.reveal()) > LONGEST_REFRESH_TOKEN:
            raise invalid(
                "A refresh token has at most 512 characters.", field="tokens.refresh_token"
            )
        told = told_time if told_time is not None else message.obtained_at
        time = UNKNOWN_TIME if told is None else min(told, now + CLOCK_SKEW)
        account, iat, standing = self.verify(message.account, message.client_id, tokens.id_token)
        return Evidence(
            account=account,
            refresh_token=tokens.refresh_token or None,
            lifetime=tokens.refresh_token_expires_in,
            id_token=tokens.id_token or None,
            time=iat if iat is not None else time,
            standing=standing,
            known=tuple(
                t for t in (tokens.refresh_token, tokens.access_token, tokens.id_token) if t
            ),
        )

    def verify(
        self, hint: AccountHint, client_id: str, id_token: Secret | None
    ) -> tuple[Account, int | None, Standing]:
        """Check an ID token that came with a hint; returns account, `iat` and standing."""
        claimed = Account(sub=hint.sub, email=hint.email, hosted_domain=hint.hd)
        if not id_token:
            return claimed, None, Standing.CLAIMED
        try:
            # A hook message may arrive days late, kept while the bridge was down: the token
            # proves that login still, so its expiry does not matter.
            signed = self._verifier.verify(id_token, audiences={client_id}, check_expiry=False)
        except IdTokenInvalidError as error:
            undecided = error.flaw in _UNDECIDED
            return claimed, None, Standing.PENDING if undecided else Standing.CONTRADICTED
        except KeysUnavailableError:
            return claimed, None, Standing.PENDING
        if signed.sub != hint.sub:
            return claimed, None, Standing.CONTRADICTED
        account = Account(
            sub=signed.sub, email=signed.email or hint.email, hosted_domain=signed.hosted_domain
        )
        return account, signed.issued_at, Standing.VERIFIED

    def _tokens(self, message: Capture | Login) -> tuple[TokenResponse, int | None]:
        if message.tokens_jwe is None:
            return message.tokens or TokenResponse(), None
        if message.tokens is not None:
            raise invalid("Give `tokens` or `tokens_jwe`, not both.", field="tokens_jwe")
        plain = self._keys.present.envelope.open(message.tokens_jwe, field="tokens_jwe")
        sealed = _decoded(plain)
        # A reader of the IdP's database could otherwise put one user's tokens into another's
        # message.
        if sealed.tenant != message.tenant or sealed.sub != message.account.sub:
            raise invalid(
                "The encrypted tokens are not of this tenant and account.", field="tokens_jwe"
            )
        return sealed.tokens, sealed.time


def _decoded(plain: bytes) -> SealedTokens:
    try:
        return read_json(_DECODER, plain)
    except BridgeError:
        # Not chained, and not quoted: the error could name a part of the plaintext.
        raise invalid(
            "The encrypted tokens are not the JSON object that hooks/README.md describes.",
            field="tokens_jwe",
        ) from None
