"""Standard Webhooks: who signed a message, and when.

Owns the signed text, the tolerance and the comparison
(https://github.com/standard-webhooks/standard-webhooks, "spec"). Knows no tenant and no body.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.errors import BridgeError, Code
from bridge.secret import Secret

TOLERANCE_S: Final = 300
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"
_LONGEST_ID: Final = 255


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """The three headers of a signed message; None where one is missing."""

    id: str | None
    timestamp: str | None
    signature: str | None


def sign(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return _VERSION + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def verified_id(headers: SignedHeaders, body: bytes, secrets: Sequence[Secret], now: float) -> str:
    """Return the message's id once any of the secrets is proven to have signed it.

    Raises:
        BridgeError: `unauthenticated`, with the header at fault as its field.
    """
    message_id = _sound_id(headers.id)
    timestamp = _timely(headers.timestamp, now)
    given = (headers.signature or "").split(" ")
    wanted = [sign(secret, message_id, timestamp, body) for secret in secrets]
    # Every pair is compared, in constant time each: timing tells neither which secret matched nor
    # how far a forgery got.
    matches = [_equal(one, other) for one in wanted for other in given]
    if not any(matches):
        raise _refused(
            "No signature of the message is by a secret of this tenant.", "webhook-signature"
        )
    return message_id


def _sound_id(message_id: str | None) -> str:
    is_sound = message_id and message_id.isascii() and message_id.isprintable()
    if not message_id or not is_sound or len(message_id) > _LONGEST_ID:
        raise _refused(
            "The message needs an id of up to 255 printable ASCII characters.", "webhook-id"
        )
    return message_id


def _timely(timestamp: str | None, now: float) -> int:
    if not timestamp or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:  # noqa: PLR2004 - beyond any date
        raise _refused("The message needs its time in Unix seconds.", "webhook-timestamp")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise _refused(
            "The message's time is more than five minutes off: sign each attempt anew, and check "
            "both clocks.",
            "webhook-timestamp",
        )
    return int(timestamp)


def _equal(one: str, other: str) -> bool:
    try:
        return hmac.compare_digest(one.encode("ascii"), other.encode("ascii"))
    except UnicodeEncodeError:
        return False


def _refused(public: str, header: str) -> BridgeError:
    return BridgeError(Code.UNAUTHENTICATED, public, field=header)
