from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bridge.errors import BridgeError, Code
from bridge.secret import Secret
from bridge.signing.webhooks import TOLERANCE_S, SignedHeaders, sign, verified_id

NOW = 1767225600
BODY = b'{"type":"decide"}'


def _secret(fill: bytes = b"k") -> Secret:
    return Secret("whsec_" + base64.b64encode(fill * 24).decode())


SECRET = _secret()


def _headers(**changes: str | None) -> SignedHeaders:
    parts: dict[str, str | None] = {"id": "msg_1", "timestamp": str(NOW)}
    parts["signature"] = sign(SECRET, "msg_1", NOW, BODY)
    parts |= changes
    return SignedHeaders(parts["id"], parts["timestamp"], parts["signature"])


def _fault(headers: SignedHeaders, body: bytes = BODY, now: float = NOW) -> str | None:
    """Return the header at fault."""
    with pytest.raises(BridgeError) as refused:
        verified_id(headers, body, [SECRET], now)
    assert refused.value.code is Code.UNAUTHENTICATED
    return refused.value.field


@given(
    key=st.binary(min_size=24, max_size=64),
    message_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64),
    body=st.text().map(str.encode),
    timestamp=st.integers(0, 2**33),
)
def test_signatures_are_those_of_the_reference_library(
    key: bytes, message_id: str, body: bytes, timestamp: int
) -> None:
    """Whatever is signed, the library and the bridge make the same signature."""
    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = Webhook(secret).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body.decode())
    assert sign(Secret(secret), message_id, timestamp, body) == theirs


@given(changed=st.binary(max_size=40))
def test_no_other_body_passes(changed: bytes) -> None:
    """A signature holds for its own body and no other."""
    if changed == BODY:
        return
    assert _fault(_headers(), changed) == "webhook-signature"


def test_any_of_several_secrets_may_have_signed() -> None:
    """While secrets are rotated, the old and the new one are accepted, in any order."""
    other = _secret(b"o")
    assert verified_id(_headers(), BODY, [SECRET, other], NOW) == "msg_1"
    assert verified_id(_headers(), BODY, [other, SECRET], NOW) == "msg_1"


def test_without_a_secret_nothing_passes() -> None:
    """A tenant without secrets has no message that is its own."""
    with pytest.raises(BridgeError):
        verified_id(_headers(), BODY, [], NOW)


@pytest.mark.parametrize("off", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_five_minutes_are_tolerated(off: int) -> None:
    """Clocks may differ by five minutes in either direction."""
    assert verified_id(_headers(), BODY, [SECRET], NOW + off) == "msg_1"


@pytest.mark.parametrize("off", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 10**9])
def test_more_than_five_minutes_are_not(off: int) -> None:
    """A message that was recorded cannot be played back later."""
    assert _fault(_headers(), now=NOW + off) == "webhook-timestamp"


@pytest.mark.parametrize(
    "timestamp",
    [None, "", "now", "1767225600.0", "-1767225600", " 1767225600", "١٧٦٧٢٢٥٦٠٠", "9" * 400],
)
def test_a_time_that_is_no_whole_number_is_refused(timestamp: str | None) -> None:
    """Only ASCII digits are a time."""
    assert _fault(_headers(timestamp=timestamp)) == "webhook-timestamp"


@pytest.mark.parametrize("message_id", [None, "", "x" * 256, "a\nb", "a\x00b", "zoë"])
def test_an_id_that_is_not_printable_ascii_is_refused(message_id: str | None) -> None:
    """A header of other letters reads differently on each server; a short one fits every store."""
    assert _fault(_headers(id=message_id)) == "webhook-id"


@pytest.mark.parametrize("signature", [None, "", "v1,", "v1", ",", "v1,é", "v2,AAAA", "v1a,AAAA"])
def test_a_signature_of_another_form_is_refused(signature: str | None) -> None:
    """What is no v1 signature is none, and never an accident."""
    assert _fault(_headers(signature=signature)) == "webhook-signature"


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    """A sender that rotates its secret sends a signature by each."""
    good = sign(SECRET, "msg_1", NOW, BODY)
    assert verified_id(_headers(signature=f"v1,é v2,x {good}"), BODY, [SECRET], NOW) == "msg_1"


def test_the_id_and_time_are_signed() -> None:
    """Neither can be exchanged under a signature."""
    assert _fault(_headers(id="msg_2")) == "webhook-signature"
    assert _fault(_headers(timestamp=str(NOW + 1))) == "webhook-signature"
