"""What a process seals for itself alone."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from bridge.crypto.transient import TransientSeal

_PLAIN = b"ya29.a-token-that-is-nobody-elses"


def test_what_was_sealed_opens_and_shows_nothing() -> None:
    """Only sealed bytes are kept, no two alike, and they open to what went in."""
    seal = TransientSeal()
    sealed = [seal.seal(_PLAIN) for _ in range(3)]
    assert [seal.open(*each) for each in sealed] == [_PLAIN] * 3
    assert len(set(sealed)) == len({nonce for nonce, _ in sealed}) == 3
    assert not any(_PLAIN[:8] in body for _, body in sealed)


def test_nobody_else_opens_it() -> None:
    """Another object's key does not, and changed bytes do not open."""
    seal = TransientSeal()
    nonce, sealed = seal.seal(_PLAIN)
    changed = bytes([sealed[0] ^ 1]) + sealed[1:]
    for its, what in ((TransientSeal(), sealed), (seal, changed)):
        with pytest.raises(InvalidTag):
            its.open(nonce, what)
