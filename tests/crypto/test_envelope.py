"""The hook's encryption: what opens, what is refused, and what is published."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, RSAKey

from bridge.crypto.envelope import Envelope
from bridge.crypto.keyring import KeyUnavailableError
from bridge.errors import BridgeError, Code
from bridge.secret import Secret

_FIRST = ECKey.generate_key("P-256", {"kid": "first"}, private=True)
_SECOND = ECKey.generate_key("P-256", {"kid": "second"}, private=True)
_PLAIN = b'{"tokens": {}}'
_EVERY = ["ECDH-ES", "ECDH-ES+A256KW", "ECDH-ES+A128KW", "A256GCM", "A128GCM", "A128CBC-HS256"]


def _jwk(key: ECKey) -> Secret:
    return Secret(json.dumps(key.as_dict(private=True)))


_ENVELOPE = Envelope([_jwk(_FIRST), _jwk(_SECOND)])


def _sealed(key: ECKey = _FIRST, **header: Any) -> str:
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid} | header
    return jwe.encrypt_compact(header, _PLAIN, key, algorithms=[*_EVERY, "DEF"])


def _encoded(header: object) -> str:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _header(compact: str) -> dict[str, Any]:
    part = compact.split(".", maxsplit=1)[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _with_header(compact: str, header: object) -> str:
    return ".".join([_encoded(header), *compact.split(".")[1:]])


def _opened_or_code(compact: str) -> bytes | Code:
    try:
        return _ENVELOPE.open(compact, field="f")
    except BridgeError as refused:
        return refused.code


def _refusal(compact: str) -> BridgeError:
    with pytest.raises(BridgeError) as refused:
        _ENVELOPE.open(compact, field="tokens_jwe")
    return refused.value


@pytest.mark.parametrize("algorithm", ["ECDH-ES", "ECDH-ES+A256KW"])
@pytest.mark.parametrize("key", [_FIRST, _SECOND])
def test_what_is_sealed_to_any_published_key_opens(key: ECKey, algorithm: str) -> None:
    """Both ways of key agreement, and every key of the list, open."""
    assert _ENVELOPE.open(_sealed(key, alg=algorithm), field="f") == _PLAIN


@pytest.mark.parametrize(
    "header",
    [{"alg": "ECDH-ES+A128KW"}, {"enc": "A128GCM"}, {"enc": "A128CBC-HS256"}],
)
def test_algorithms_that_are_not_on_the_list_are_refused(header: dict[str, Any]) -> None:
    """A sender cannot choose something weaker, though the library could open it."""
    assert _refusal(_sealed(**header)).code is Code.INVALID_REQUEST


def test_a_symmetric_or_rsa_key_of_our_kid_does_not_open() -> None:
    """Naming our key's id while using `dir` or RSA-OAEP is refused."""
    direct = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM", "kid": "first"}, _PLAIN, OctKey.generate_key(256)
    )
    rsa = jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "first"}, _PLAIN, RSAKey.generate_key(2048)
    )

    assert _refusal(direct).code is Code.INVALID_REQUEST
    assert _refusal(rsa).code is Code.INVALID_REQUEST


def test_a_compressed_envelope_is_refused() -> None:
    """A small message cannot unfold into a large one: `zip` is not taken."""
    assert _refusal(_sealed(zip="DEF")).code is Code.INVALID_REQUEST


def test_an_envelope_longer_than_64_kb_is_refused_before_it_is_looked_at() -> None:
    """Its length alone is told."""
    refused = _refusal("A" * (64 * 1024 + 1))

    assert refused.code is Code.INVALID_REQUEST
    assert "64 kB" in refused.public


def test_an_envelope_for_a_key_that_is_not_here_is_to_be_kept() -> None:
    """An unknown `kid` answers `key_unavailable`, so that the IdP tries again later."""
    stranger = ECKey.generate_key("P-256", {"kid": "stranger"}, private=True)

    with pytest.raises(KeyUnavailableError) as unknown:
        _ENVELOPE.open(_sealed(stranger), field="f")

    assert unknown.value.key_id == "stranger"


def test_another_key_under_our_kid_does_not_open() -> None:
    """A `kid` is a name, not a proof."""
    impostor = ECKey.generate_key("P-256", {"kid": "first"}, private=True)

    assert _refusal(_sealed(impostor)).code is Code.INVALID_REQUEST


def test_a_refusal_names_the_field_and_nothing_of_the_message() -> None:
    """The request's field comes back; what was in it does not."""
    refused = _refusal(_sealed()[:-2])

    assert refused.field == "tokens_jwe"
    assert refused.__cause__ is None
    assert "first" not in refused.public


_KNOWN = _sealed()
_ODD_HEADERS: list[object] = [
    {},
    [],
    1,
    None,
    "kid",
    b"\xff\xfe",
    b"[" * 40_000,
    b'{"kid": "first", "alg": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"kid": "first", "alg": ' + b"9" * 30_000 + b"}",
    _header(_KNOWN) | {"kid": ["first"]},
    _header(_KNOWN) | {"epk": None},
    _header(_KNOWN) | {"epk": []},
    _header(_KNOWN) | {"epk": {"kty": "oct", "k": "AA"}},
    _header(_KNOWN) | {"epk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
    _header(_KNOWN) | {"epk": _header(_KNOWN)["epk"] | {"x": "AA"}},
    _header(_KNOWN) | {"epk": _header(_KNOWN)["epk"] | {"crv": "P-384"}},
    _header(_KNOWN) | {"alg": ["ECDH-ES"]},
    _header(_KNOWN) | {"alg": "none"},
    _header(_KNOWN) | {"alg": "PBES2-HS256+A128KW", "p2s": "AA", "p2c": 10**9},
    _header(_KNOWN) | {"enc": {}},
    _header(_KNOWN) | {"crit": ["b64"], "b64": False},
    _header(_KNOWN) | {"apu": 1},
]


@pytest.mark.parametrize("header", _ODD_HEADERS, ids=lambda header: str(header)[:40])
def test_an_odd_header_is_the_sender_s_mistake(header: object) -> None:
    """Headers of any JSON, deep, huge or none, are an invalid request and no failure of ours."""
    refused = _refusal(_with_header(_KNOWN, header))

    assert refused.code in {Code.INVALID_REQUEST, Code.KEY_UNAVAILABLE}


@given(st.text(max_size=200) | st.lists(st.text(max_size=20), min_size=5, max_size=5).map(".".join))
def test_garbage_is_the_sender_s_mistake(garbage: str) -> None:
    """No text whatever makes it fail otherwise than with an invalid request."""
    assert _refusal(garbage).code in {Code.INVALID_REQUEST, Code.KEY_UNAVAILABLE}


@given(st.integers(0, len(_KNOWN) - 1), st.sampled_from("A_.-é\0 "))
def test_a_changed_character_never_opens_to_something_else(place: int, character: str) -> None:
    """An envelope with one character changed is refused, or was not changed in meaning."""
    changed = _KNOWN[:place] + character + _KNOWN[place + 1 :]

    assert _opened_or_code(changed) in {_PLAIN, Code.INVALID_REQUEST, Code.KEY_UNAVAILABLE}


def test_the_published_set_holds_no_private_member() -> None:
    """The JWKS has the public halves alone, in order, each told to be for encryption."""
    published = _ENVELOPE.public_jwks()

    assert [key["kid"] for key in published["keys"]] == ["first", "second"]
    for key in published["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["use"], key["alg"]) == ("enc", "ECDH-ES")


def test_a_sender_can_encrypt_with_what_is_published() -> None:
    """A key read from the JWKS seals what the bridge opens."""
    published = ECKey.import_key(json.loads(json.dumps(_ENVELOPE.public_jwks()))["keys"][0])

    assert _ENVELOPE.open(_sealed(published), field="f") == _PLAIN
