"""Keyed hashes: the same for ever, one purpose apart from another, and Google's names of tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA512, Hash

from bridge.crypto.hashes import KeyedHasher
from bridge.secret import Secret

_SECRET = bytes(range(32))
_TOKEN = Secret("1//0gExampleRefreshTokenOfSomeLength-_aBcDeFgHiJkLmNoPqRsTuVwXyZ")


def _hkdf(info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt and one block of output, from the definition."""
    extracted = hmac.new(bytes(32), _SECRET, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def _sha512(message: bytes) -> bytes:
    """OpenSSL's, where the code under test takes the standard library's."""
    digest = Hash(SHA512())
    digest.update(message)
    return digest.finalize()


def _expected(purpose: bytes, message: bytes) -> bytes:
    return hmac.new(_hkdf(b"grantbridge " + purpose), message, hashlib.sha256).digest()


def test_a_mark_is_the_keyed_hash_of_the_whole_token() -> None:
    """The mark equals HMAC-SHA256 under the key derived for marks, cut to 128 bits."""
    mark = KeyedHasher(_SECRET).mark(_TOKEN)

    assert mark == _expected(b"mark", _TOKEN.reveal().encode())[:16]


def test_the_risc_prefix_is_the_token_s_first_sixteen_characters() -> None:
    """It is the keyed hash of what Google's events call `prefix`."""
    found = KeyedHasher(_SECRET).risc_prefix(_TOKEN)

    assert found == _expected(b"risc-prefix", b"1//0gExampleRefr")[:16]


def test_the_risc_hash_is_the_double_sha512_of_the_raw_digest() -> None:
    """It is the keyed hash of base64(sha512(sha512(token))), as another implementation has it."""
    name = base64.b64encode(_sha512(_sha512(_TOKEN.reveal().encode())))

    found = KeyedHasher(_SECRET).risc_sha512(_TOKEN)

    assert found == _expected(b"risc-sha512", name)[:16]


def test_hashes_do_not_change_from_version_to_version() -> None:
    """Nothing stored can be hashed anew, so these values are fixed for ever."""
    hasher = KeyedHasher(_SECRET)

    assert hasher.mark(_TOKEN).hex() == "848e87995734d40cfa13e62c19595aa4"
    assert hasher.risc_prefix(_TOKEN).hex() == "9b970a848d08c0eb050b5635a0774803"
    assert hasher.risc_sha512(_TOKEN).hex() == "62a3ca54b0440e4b4cf2ced59b003f27"
    assert hasher.index("subject", "acme", "u1") == "F7-fL6Wok-Tp-i-4"
    assert hasher.body(b"{}").hex() == (
        "2835fc67e264e41f6b81e9187271dce95f4298e4b1957b6ef6823aa8a864e187"
    )


def test_one_message_has_another_hash_for_each_purpose() -> None:
    """A hash made for one purpose says nothing about another."""
    short = Secret("0123456789abcdef")
    hasher = KeyedHasher(_SECRET)

    found = {hasher.mark(short), hasher.risc_prefix(short), hasher.body(b"0123456789abcdef")[:16]}

    assert len(found) == 3


def test_another_secret_gives_other_hashes() -> None:
    """Without the hash key nobody can compute or compare."""
    one, other = KeyedHasher(_SECRET), KeyedHasher(bytes(32))

    assert one.mark(_TOKEN) != other.mark(_TOKEN)
    assert one.index("a") != other.index("a")


def test_the_parts_of_an_index_do_not_run_into_each_other() -> None:
    """Tenant and subject cannot be shifted against each other to give one name."""
    hasher = KeyedHasher(_SECRET)

    assert hasher.index("ab", "c") != hasher.index("a", "bc")
    assert hasher.index("ab") != hasher.index("a", "b")


@pytest.mark.parametrize("part", ["", "u1", "ü" * 300])
def test_an_index_name_has_sixteen_url_safe_characters(part: str) -> None:
    """Whatever the private value, its name fits a column, a partition and a grant's id."""
    name = KeyedHasher(_SECRET).index("subject", part)

    assert len(name) == 16
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
