from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
import responses
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.google.endpoints import Endpoints
from bridge.google.id_token import (
    IdTokenFlaw,
    IdTokenInvalidError,
    IdTokenVerifier,
    VerifiedIdToken,
)
from bridge.google.signing_keys import KeysUnavailableError
from bridge.secret import Secret
from tests.google.conftest import CLIENT_ID, NOW, FakeClock, Signer


@pytest.fixture
def keys(
    google: responses.RequestsMock, endpoints: Endpoints, signer: Signer
) -> responses.RequestsMock:
    """Serve `k1` as Google's key."""
    google.get(endpoints.certs, json=signer.jwks("k1"))
    google.assert_all_requests_are_fired = False
    return google


def verify(
    verifier: IdTokenVerifier, token: Secret, *, check_expiry: bool = True
) -> VerifiedIdToken:
    return verifier.verify(token, audiences={"other", CLIENT_ID}, check_expiry=check_expiry)


def flaw_of(verifier: IdTokenVerifier, token: Secret, *, check_expiry: bool = True) -> IdTokenFlaw:
    with pytest.raises(IdTokenInvalidError) as caught:
        verify(verifier, token, check_expiry=check_expiry)
    error = caught.value
    # Neither a cause nor a context: those of pyjwt hold the token's payload.
    assert error.__cause__ is None
    assert error.__context__ is None
    return error.flaw


def raw(header: object, payload: object, signature: bytes = b"sig") -> Secret:
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return Secret(".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts))


def test_a_token_that_google_signed_is_read(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """All that the bridge uses of an ID token comes out typed."""
    assert verify(verifier, signer.token()) == VerifiedIdToken(
        sub="117",
        email="ada@example.com",
        email_verified=True,
        hosted_domain="example.com",
        audience=CLIENT_ID,
        authorized_party=CLIENT_ID,
        issued_at=NOW,
        expires_at=NOW + 3600,
        nonce="n-1",
        access_token_hash="h-1",
    )


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
def test_both_forms_of_googles_name_are_accepted(
    issuer: str, verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """Google writes `iss` with and without its scheme."""
    assert verify(verifier, signer.token(iss=issuer)).sub == "117"


def test_labels_may_be_absent(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """A token for `openid` alone has neither email nor domain."""
    bare = signer.token(
        email=None, email_verified=None, hd=None, azp=None, nonce=None, at_hash=None
    )
    token = verify(verifier, bare)
    assert (token.email, token.email_verified, token.hosted_domain) == (None, False, None)
    assert (token.authorized_party, token.nonce, token.access_token_hash) == (None, None, None)


@pytest.mark.parametrize(
    ("told", "meant"),
    [(True, True), ("true", True), (False, False), ("false", False), ("1", False)],
)
def test_a_verified_email_is_told_as_truth_or_text(
    *,
    told: object,
    meant: bool,
    verifier: IdTokenVerifier,
    signer: Signer,
    keys: responses.RequestsMock,
) -> None:
    """Only `true` in either type means verified."""
    assert verify(verifier, signer.token(email_verified=told)).email_verified is meant


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"iss": "https://accounts.google.com.evil.test"}, IdTokenFlaw.ISSUER),
        ({"iss": "https://accounts.google.com/"}, IdTokenFlaw.ISSUER),
        ({"iss": ["https://accounts.google.com"]}, IdTokenFlaw.ISSUER),
        ({"iss": None}, IdTokenFlaw.CLAIMS),
        ({"aud": "somebody-else"}, IdTokenFlaw.AUDIENCE),
        ({"aud": [CLIENT_ID, "somebody-else"]}, IdTokenFlaw.CLAIMS),
        ({"aud": {"a": 1}}, IdTokenFlaw.AUDIENCE),
        ({"aud": ""}, IdTokenFlaw.CLAIMS),
        ({"aud": None}, IdTokenFlaw.CLAIMS),
        ({"sub": None}, IdTokenFlaw.CLAIMS),
        ({"sub": ""}, IdTokenFlaw.CLAIMS),
        ({"sub": "a" * 256}, IdTokenFlaw.CLAIMS),
        ({"sub": "gr\u00fcn"}, IdTokenFlaw.CLAIMS),
        ({"sub": "1\n2"}, IdTokenFlaw.CLAIMS),
        ({"iat": None}, IdTokenFlaw.CLAIMS),
        ({"iat": "soon"}, IdTokenFlaw.CLAIMS),
        ({"iat": NOW + 301, "exp": NOW + 7200}, IdTokenFlaw.NOT_YET_VALID),
        ({"nbf": NOW + 301}, IdTokenFlaw.NOT_YET_VALID),
        ({"exp": None}, IdTokenFlaw.CLAIMS),
        ({"exp": NOW - 1, "iat": NOW}, IdTokenFlaw.CLAIMS),
        ({"iat": NOW - 4000, "exp": NOW - 300}, IdTokenFlaw.EXPIRED),
        ({"email": ["a@b"]}, IdTokenFlaw.CLAIMS),
        ({"email_verified": 1}, IdTokenFlaw.CLAIMS),
        # A security event of Google's: same issuer, keys and audience, and no login.
        ({"sub": None, "exp": None, "events": {"x": {}}, "jti": "j"}, IdTokenFlaw.CLAIMS),
    ],
)
def test_each_wrong_claim_is_found(
    changes: dict[str, Any],
    flaw: IdTokenFlaw,
    verifier: IdTokenVerifier,
    signer: Signer,
    keys: responses.RequestsMock,
) -> None:
    """A good signature over a wrong claim proves nothing."""
    claims = signer.claims(**changes)
    token = jwt.PyJWS().encode(
        json.dumps(claims).encode(), signer.keys["k1"], algorithm="RS256", headers={"kid": "k1"}
    )
    assert flaw_of(verifier, Secret(token)) is flaw


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + 300, "exp": NOW + 3900},
        {"nbf": NOW + 300},
        {"iat": NOW - 3899, "exp": NOW - 299},
    ],
)
def test_clocks_may_be_five_minutes_apart(
    changes: dict[str, Any],
    verifier: IdTokenVerifier,
    signer: Signer,
    keys: responses.RequestsMock,
) -> None:
    """A time within the allowed skew passes."""
    assert verify(verifier, signer.token(**changes)).sub == "117"


def test_a_late_token_passes_where_expiry_is_not_asked_about(
    verifier: IdTokenVerifier, signer: Signer, clock: FakeClock, keys: responses.RequestsMock
) -> None:
    """A hook message that waited a week still proves who logged in then."""
    token = signer.token()
    clock.advance(7 * 86_400)
    assert verify(verifier, token, check_expiry=False).issued_at == NOW
    assert flaw_of(verifier, token) is IdTokenFlaw.EXPIRED


def test_a_token_from_the_future_never_passes(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """Its `iat` would outrank every later RT, so that it is refused with or without expiry."""
    token = signer.token(iat=NOW + 86_400, exp=NOW + 90_000)
    assert flaw_of(verifier, token, check_expiry=False) is IdTokenFlaw.NOT_YET_VALID


@pytest.mark.parametrize("audiences", [set(), [], ()])
def test_without_audiences_no_token_passes(
    audiences: list[str],
    verifier: IdTokenVerifier,
    signer: Signer,
    keys: responses.RequestsMock,
) -> None:
    """An empty list of clients is not a wildcard."""
    with pytest.raises(IdTokenInvalidError) as caught:
        verifier.verify(signer.token(), audiences=audiences, check_expiry=True)
    assert caught.value.flaw is IdTokenFlaw.AUDIENCE


def test_a_key_of_somebody_else_under_googles_name_is_found(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """A token signed by another key that claims to be `k1` has a wrong signature."""
    assert flaw_of(verifier, signer.token("k2", named="k1")) is IdTokenFlaw.SIGNATURE


def test_a_key_that_google_does_not_have_is_unknown(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """A good signature by a key that Google does not list proves nothing."""
    assert flaw_of(verifier, signer.token("k2")) is IdTokenFlaw.UNKNOWN_KEY


def test_a_changed_payload_is_found(
    verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """The signature of one token does not carry another's claims."""
    header, _, signature = signer.token().reveal().split(".")
    _, payload, _ = signer.token(sub="118").reveal().split(".")
    token = Secret(f"{header}.{payload}.{signature}")
    assert flaw_of(verifier, token) is IdTokenFlaw.SIGNATURE


def test_the_public_key_as_a_shared_secret_is_refused(
    verifier: IdTokenVerifier, signer: Signer, google: responses.RequestsMock
) -> None:
    """HS256 over Google's public key is the classic confusion, and asks Google nothing."""
    public = signer.keys["k1"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing = raw({"alg": "HS256", "kid": "k1"}, signer.claims()).reveal().rpartition(".")[0]
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(signing.encode(), pem)
    encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert flaw_of(verifier, Secret(f"{signing}.{encoded}")) is IdTokenFlaw.ALGORITHM
    assert len(google.calls) == 0


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "RS512", "PS256", "ES256", "", None, ["RS256"]]
)
def test_only_rs256_is_read(
    algorithm: object, verifier: IdTokenVerifier, signer: Signer, google: responses.RequestsMock
) -> None:
    """The token does not choose its algorithm."""
    token = raw({"alg": algorithm, "kid": "k1"}, signer.claims(), b"")
    assert flaw_of(verifier, token) in {IdTokenFlaw.ALGORITHM, IdTokenFlaw.MALFORMED}
    assert len(google.calls) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d.e",
        "not a token",
        "....",
        "\u00fc.\u00fc.\u00fc",
        "x" * 20_000,
        "e30.e30.",
        "bnVsbA.bnVsbA.bnVsbA",
        "W10.W10.W10",
    ],
)
def test_what_is_no_jwt_is_malformed(
    text: str, verifier: IdTokenVerifier, google: responses.RequestsMock
) -> None:
    """Anything at all may arrive; it is refused without a call."""
    assert flaw_of(verifier, Secret(text)) in {IdTokenFlaw.MALFORMED, IdTokenFlaw.ALGORITHM}
    assert len(google.calls) == 0


@pytest.mark.parametrize("payload", [b"null", b"[]", b"{", b"\xff", b"[" * 5000, b'"x"'])
def test_a_signed_payload_that_is_no_object_is_malformed(
    payload: bytes, verifier: IdTokenVerifier, signer: Signer, keys: responses.RequestsMock
) -> None:
    """Even under a good signature only a JSON object is read."""
    token = jwt.PyJWS().encode(payload, signer.keys["k1"], algorithm="RS256", headers={"kid": "k1"})
    assert flaw_of(verifier, Secret(token)) is IdTokenFlaw.MALFORMED


@pytest.mark.parametrize("kid", [None, "", 7, ["k1"]])
def test_a_token_that_names_no_key_asks_for_none(
    kid: object, verifier: IdTokenVerifier, signer: Signer, google: responses.RequestsMock
) -> None:
    """Without a key id there is nothing to look up."""
    token = raw({"alg": "RS256", "kid": kid}, signer.claims())
    assert flaw_of(verifier, token) in {IdTokenFlaw.UNKNOWN_KEY, IdTokenFlaw.MALFORMED}
    assert len(google.calls) == 0


def test_a_short_key_is_not_believed(
    verifier: IdTokenVerifier, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """A 1024-bit key can be factored; a token under it proves nothing."""
    short = Signer({"short": generate_private_key(65537, 1024)})  # noqa: S505 - the claim itself
    google.get(endpoints.certs, json=short.jwks("short"))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = short.token("short")
    assert flaw_of(verifier, token) is IdTokenFlaw.MALFORMED


def test_an_unreachable_google_is_not_a_bad_token(
    verifier: IdTokenVerifier, endpoints: Endpoints, signer: Signer, google: responses.RequestsMock
) -> None:
    """Without keys nothing is concluded, and the caller is told to come back."""
    google.get(endpoints.certs, status=503)
    with pytest.raises(KeysUnavailableError) as caught:
        verify(verifier, signer.token())
    assert caught.value.answer.retryable
    assert caught.value.retry_after == 5
