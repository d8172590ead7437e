"""Sealing: what is changed, moved or under another key does not open."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.crypto.keyring import Keyring, KeyUnavailableError, SealBrokenError, bind
from bridge.errors import Code

_OLD = os.urandom(32)
_NEW = os.urandom(32)


def _ring() -> Keyring:
    return Keyring({"new": _NEW, "old": _OLD})


def test_what_was_sealed_opens_where_it_belongs() -> None:
    """The same key and binding give the plaintext back."""
    sealed = _ring().seal("new", b"plain", b"here")

    assert _ring().open("new", sealed, b"here") == b"plain"


def test_the_first_key_is_the_sealing_one_and_all_are_known() -> None:
    """A key list's first key writes; the ids come in its order."""
    assert _ring().sealing_id == "new"
    assert _ring().ids == ("new", "old")


def test_an_older_key_still_opens_after_another_took_its_place() -> None:
    """What the former first key sealed opens while it is in the list."""
    sealed = Keyring({"old": _OLD}).seal("old", b"plain", b"here")

    assert _ring().open("old", sealed, b"here") == b"plain"


def test_two_seals_of_one_text_differ() -> None:
    """Equal plaintexts cannot be told to be equal from their seals."""
    ring = _ring()

    assert ring.seal("new", b"plain", b"") != ring.seal("new", b"plain", b"")


def test_a_changed_byte_anywhere_breaks_the_seal() -> None:
    """Format, nonce, ciphertext and tag are all protected, byte by byte."""
    sealed = _ring().seal("new", b"plain", b"here")

    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBrokenError):
            _ring().open("new", bytes(changed), b"here")


def test_a_cut_or_lengthened_seal_does_not_open() -> None:
    """Any other length than the sealed one is refused, none at all included."""
    sealed = _ring().seal("new", b"plain", b"here")

    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            _ring().open("new", sealed[:length], b"here")
    with pytest.raises(SealBrokenError):
        _ring().open("new", sealed + b"\0", b"here")


def test_a_moved_seal_does_not_open() -> None:
    """What is bound to one place does not open in another."""
    sealed = _ring().seal("new", b"plain", b"here")

    with pytest.raises(SealBrokenError):
        _ring().open("new", sealed, b"there")


def test_another_key_of_the_ring_does_not_open() -> None:
    """A seal opens under the key that made it, not under any that is held."""
    sealed = _ring().seal("new", b"plain", b"here")

    with pytest.raises(SealBrokenError):
        _ring().open("old", sealed, b"here")


def test_a_key_of_the_same_id_and_another_secret_does_not_open() -> None:
    """An id is a name only."""
    sealed = _ring().seal("new", b"plain", b"here")

    with pytest.raises(SealBrokenError):
        Keyring({"new": os.urandom(32)}).open("new", sealed, b"here")


def test_an_absent_key_is_named_and_is_no_broken_seal() -> None:
    """A seal under an unknown key id answers `key_unavailable` with that id, for both ways."""
    with pytest.raises(KeyUnavailableError) as opening:
        _ring().open("gone", b"anything", b"here")
    with pytest.raises(KeyUnavailableError):
        _ring().seal("gone", b"plain", b"here")

    assert opening.value.code is Code.KEY_UNAVAILABLE
    assert opening.value.key_id == "gone"


@pytest.mark.parametrize("keys", [{}, {"short": b"x" * 31}, {"good": _NEW, "long": b"x" * 33}])
def test_a_ring_without_keys_or_with_a_key_of_another_length_is_refused(
    keys: dict[str, bytes],
) -> None:
    """Only 256-bit keys are taken, and at least one."""
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(keys)


def test_neither_a_broken_seal_nor_its_error_tells_the_bytes() -> None:
    """The error of a broken seal has no cause and quotes nothing."""
    sealed = _ring().seal("new", b"plain", b"here")

    with pytest.raises(SealBrokenError) as broken:
        _ring().open("new", sealed[:-1], b"here")

    assert broken.value.__cause__ is None
    assert broken.value.__suppress_context__
    assert "plain" not in str(broken.value)


_parts = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@given(_parts.filter(bool), _parts.filter(bool))
def test_no_two_lists_of_parts_bind_to_the_same_bytes(one: list[str], other: list[str]) -> None:
    """Binding is unambiguous: where a part ends can be told."""
    assert (bind(*one) == bind(*other)) == (one == other)


@pytest.mark.parametrize("parts", [("a\0b",), ("a", "\0"), ("\0", "b")])
def test_a_part_with_a_nul_is_refused(parts: tuple[str, ...]) -> None:
    """NUL separates parts, so none may hold one."""
    with pytest.raises(ValueError, match="NUL"):
        bind(*parts)
