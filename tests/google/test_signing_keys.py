from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from requests import PreparedRequest

from bridge.google.endpoints import Endpoints
from bridge.google.signing_keys import KeysUnavailableError, SigningKeys
from bridge.google.transport import Transport
from tests.google.conftest import FakeClock, Signer

HOUR = {"Cache-Control": "public, max-age=3600, must-revalidate"}


@pytest.fixture
def google() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def keys(endpoints: Endpoints, transport: Transport, clock: FakeClock) -> SigningKeys:
    return SigningKeys(endpoints.certs, transport, clock)


def test_keys_are_fetched_once_and_kept_as_objects(
    keys: SigningKeys, endpoints: Endpoints, signer: Signer, google: responses.RequestsMock
) -> None:
    """A second reader gets the very object that the first one got, without a call."""
    google.get(endpoints.certs, json=signer.jwks("k1", "k2"), headers=HOUR)
    first = keys.find("k1")
    assert first is not None
    assert keys.find("k1") is first
    assert keys.find("k2") is not None
    assert len(google.calls) == 1


@pytest.mark.parametrize(
    ("headers", "life"),
    [
        (HOUR, 3600),
        (HOUR | {"Age": "600"}, 3000),
        (HOUR | {"Age": "9999"}, 300),
        ({"Cache-Control": "max-age=0"}, 300),
        ({"Cache-Control": "no-store"}, 300),
        ({}, 300),
        ({"Cache-Control": "max-age=999999999"}, 86_400),
    ],
)
def test_keys_live_as_long_as_google_says_within_bounds(
    *,
    headers: dict[str, str],
    life: int,
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """`max-age` less `Age` is kept to: five minutes at least, a day at most."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=headers)
    keys.find("k1")
    clock.advance(life - 1)
    keys.find("k1")
    assert len(google.calls) == 1
    clock.advance(1)
    keys.find("k1")
    assert len(google.calls) == 2


def test_an_unknown_key_has_the_keys_fetched_anew(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """A key that Google began to use before our copy expired is found."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    google.get(endpoints.certs, json=signer.jwks("k1", "k2"), headers=HOUR)
    keys.find("k1")
    clock.advance(60)
    assert keys.find("k2") is not None


def test_a_flood_of_made_up_keys_is_one_call_a_minute(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """Whoever sends made-up key ids cannot have us hammer Google."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    for number in range(100):
        assert keys.find(f"made-up-{number}") is None
    assert len(google.calls) == 1
    clock.advance(60)
    for number in range(100):
        assert keys.find(f"made-up-{number}") is None
    assert len(google.calls) == 2
    assert keys.find("k1") is not None


def test_a_withdrawn_key_is_forgotten_with_the_next_fetch(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """What Google no longer lists proves nothing."""
    google.get(endpoints.certs, json=signer.jwks("k1", "k2"), headers=HOUR)
    google.get(endpoints.certs, json=signer.jwks("k2"), headers=HOUR)
    assert keys.find("k1") is not None
    clock.advance(3600)
    assert keys.find("k1") is None


def test_stale_keys_serve_for_a_day_while_google_is_away(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """An outage fails no login with a known key, and ends after a day all the same."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    google.get(endpoints.certs, status=503)
    keys.find("k1")
    clock.advance(3600 + 86_399)
    assert keys.find("k1") is not None
    clock.advance(1)
    with pytest.raises(KeysUnavailableError):
        keys.find("k1")


def test_during_an_outage_an_unknown_key_is_not_called_wrong(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """It may be a new one: only Google could tell."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    google.get(endpoints.certs, status=503)
    keys.find("k1")
    clock.advance(60)
    with pytest.raises(KeysUnavailableError):
        keys.find("k2")
    assert keys.find("k1") is not None


def test_a_failed_fetch_is_repeated_after_five_seconds(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """An outage is not hammered, and its end is noticed soon."""
    google.get(endpoints.certs, status=503)
    google.get(endpoints.certs, json=signer.jwks("k1"))
    for _ in range(10):
        with pytest.raises(KeysUnavailableError):
            keys.find("k1")
    assert len(google.calls) == 1
    clock.advance(5)
    assert keys.find("k1") is not None


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": {}}',
        '{"keys": [1]}',
        '{"keys": [{"kty": "RSA", "kid": "k1", "n": "", "e": ""}]}',
        '{"keys": [{"kty": "RSA", "kid": "k1", "n": "!", "e": "AQAB"}]}',
        '{"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0", "alg": "HS256"}]}',
    ],
)
def test_an_answer_without_a_usable_key_is_a_failure(
    body: str,
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """Such an answer never takes the place of keys that are held."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    google.get(endpoints.certs, body=body)
    held = keys.find("k1")
    clock.advance(3600)
    assert keys.find("k1") is held
    assert len(google.calls) == 2


def test_keys_for_other_uses_are_left_out(
    keys: SigningKeys, endpoints: Endpoints, signer: Signer, google: responses.RequestsMock
) -> None:
    """An encryption key, another algorithm or a nameless key verifies nothing."""
    good = signer.jwk("k1")
    odd = [good | {"kid": "enc", "use": "enc"}, good | {"kid": "ps", "alg": "PS256"}]
    nameless = {name: value for name, value in good.items() if name != "kid"}
    google.get(endpoints.certs, json={"keys": [*odd, nameless, good]})
    assert keys.find("k1") is not None
    assert keys.find("enc") is None
    assert keys.find("ps") is None
    assert keys.find("") is None


def jwk_of(curve: ec.EllipticCurve, kid: str, **more: object) -> dict[str, object]:
    public = ec.generate_private_key(curve).public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "kid": kid, **more}


def test_another_issuers_keys_are_read_by_its_algorithms(
    transport: Transport, clock: FakeClock, signer: Signer, google: responses.RequestsMock
) -> None:
    """RSA and P-256 keys are read where they are allowed, with their `alg` or without it."""
    url = "https://idp.test/keys"
    rsa_key = signer.jwk("k1")
    plain = {name: value for name, value in rsa_key.items() if name not in ("alg", "use")}
    document = [
        rsa_key,
        plain | {"kid": "plain"},
        jwk_of(ec.SECP256R1(), "p256", alg="ES256", use="sig"),
        jwk_of(ec.SECP256R1(), "bare"),
        jwk_of(ec.SECP256R1(), "enc", use="enc"),
        jwk_of(ec.SECP256R1(), "ecdh", alg="ECDH-ES"),
        jwk_of(ec.SECP384R1(), "p384"),
        jwk_of(ec.SECP256R1(), "off", y="AAAA"),
    ]
    google.get(url, json={"keys": document})
    every = ("k1", "plain", "p256", "bare", "enc", "ecdh", "p384", "off")

    def found(*algorithms: str) -> dict[str, str]:
        keys = SigningKeys(url, transport, clock, issuer="the IdP", algorithms=algorithms)
        held = {kid: keys.find(kid) for kid in every}
        return {kid: key.algorithm_name for kid, key in held.items() if key is not None}

    rs, es = {"k1": "RS256", "plain": "RS256"}, {"p256": "ES256", "bare": "ES256"}
    assert found("RS256") == rs
    assert found("ES256") == es
    assert found("RS256", "ES256") == rs | es


def test_the_error_names_whose_keys_are_missing(
    transport: Transport, clock: FakeClock, google: responses.RequestsMock
) -> None:
    """An operator is not sent to Google for another issuer's outage."""
    google.get("https://idp.test/keys", status=503)
    keys = SigningKeys("https://idp.test/keys", transport, clock, issuer="the IdP")
    with pytest.raises(KeysUnavailableError, match="keys of the IdP cannot"):
        keys.find("k1")


def test_twenty_threads_fetch_once(
    keys: SigningKeys, endpoints: Endpoints, signer: Signer, google: responses.RequestsMock
) -> None:
    """Those who wait for the first fetch take its result."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    ready = threading.Barrier(20)

    def find(_thread: int) -> object:
        ready.wait()
        return keys.find("k1")

    with ThreadPoolExecutor(20) as threads:
        found = set(threads.map(find, range(20)))
    assert len(found) == 1
    assert None not in found
    assert len(google.calls) == 1


def test_nobody_with_a_stale_key_waits_for_a_fetch(
    keys: SigningKeys,
    clock: FakeClock,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
) -> None:
    """While one thread's fetch hangs, others go on with the key that they have."""
    google.get(endpoints.certs, json=signer.jwks("k1"), headers=HOUR)
    held = keys.find("k1")
    clock.advance(3600)
    asked, answer = threading.Event(), threading.Event()
    released: list[bool] = []

    def hang(_request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked.set()
        released.append(answer.wait(10))
        return 503, {}, ""

    google.reset()
    google.add_callback(responses.GET, endpoints.certs, callback=hang)
    fetcher = threading.Thread(target=keys.find, args=("k1",))
    fetcher.start()
    assert asked.wait(10)
    assert keys.find("k1") is held
    answer.set()
    fetcher.join()
    assert released == [True]
