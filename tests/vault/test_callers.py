"""Callers' keys in the store: found by their public half, proven by their secret one."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeError, Code
from bridge.model import CallerKey
from bridge.secret import Secret
from bridge.vault.callers import Callers
from tests.kit import DAY, ShiftedClock
from tests.vault.conftest import Vault


@pytest.fixture
def clock(vault: Vault) -> ShiftedClock:
    """The vault's clock."""
    assert isinstance(vault.clock, ShiftedClock)
    return vault.clock


@pytest.fixture
def callers(vault: Vault) -> Callers:
    """An empty register."""
    return Callers(vault.records, vault.clock)


def _template(name: str = "backend", expires_at: int | None = None) -> CallerKey:
    return CallerKey(
        id="",
        digest=b"",
        name=name,
        tenants=("acme",),
        scopes=("*",),
        permissions=("token",),
        created_at=0,
        expires_at=expires_at,
    )


def test_a_key_proves_its_caller(callers: Callers) -> None:
    """The secret that is shown once leads back to the caller, with all that it may do."""
    key, secret = callers.create(_template())

    assert callers.authenticated(secret) == key
    assert (key.name, key.tenants, key.permissions) == ("backend", ("acme",), ("token",))
    assert secret.reveal().startswith(f"gbk_{key.id}.")


def test_only_a_digest_of_the_secret_is_kept(callers: Callers) -> None:
    """Nothing in the record can be used to call."""
    key, secret = callers.create(_template())

    kept = repr(next(callers.every()))
    assert secret.reveal().partition(".")[2] not in kept
    assert len(key.digest) == 32


def test_nothing_but_the_exact_secret_is_taken(callers: Callers) -> None:
    """Another secret, another key's, a part, and no secret at all are refused alike."""
    key, secret = callers.create(_template())
    _, other = callers.create(_template("other"))
    text = secret.reveal()
    mixed = f"gbk_{key.id}.{other.reveal().partition('.')[2]}"

    for wrong in (
        text[:-1],
        f"{text}x",
        text.swapcase(),
        f"gbk_{key.id}.",
        "gbk_.",
        "",
        ".",
        mixed,
    ):
        assert callers.authenticated(Secret(wrong)) is None


def test_a_key_ends_at_its_expiry(callers: Callers, clock: ShiftedClock) -> None:
    """A second before it serves; from then on it does not."""
    _, secret = callers.create(_template(expires_at=int(clock.now()) + DAY))

    clock.advance(DAY - 5)
    assert callers.authenticated(secret) is not None
    clock.advance(5)
    assert callers.authenticated(secret) is None


def test_a_rotation_leaves_two_live_keys_and_no_third(callers: Callers) -> None:
    """Both serve while backends change over; a third is refused until one is revoked."""
    first, old = callers.create(_template())
    second, new = callers.rotate("backend", None)

    assert {callers.authenticated(old), callers.authenticated(new)} == {first, second}
    with pytest.raises(BridgeError) as third:
        callers.rotate("backend", None)
    assert third.value.code is Code.CONFLICT
    callers.revoke("backend", first.id)
    assert callers.authenticated(old) is None
    assert callers.authenticated(new) == second
    callers.rotate("backend", None)


def test_a_key_that_is_over_does_not_count(callers: Callers, clock: ShiftedClock) -> None:
    """An expired key neither blocks a rotation nor is a template for one."""
    callers.create(_template(expires_at=int(clock.now()) + DAY))
    callers.rotate("backend", None)
    clock.advance(2 * DAY)
    callers.rotate("backend", int(clock.now()) + DAY)

    clock.advance(2 * DAY)
    for key in list(callers.of("backend")):
        if key.expires_at is None:
            callers.revoke("backend", key.id)
    with pytest.raises(BridgeError) as over:
        callers.rotate("backend", None)
    assert over.value.code is Code.NOT_FOUND


def test_a_name_is_given_once(callers: Callers) -> None:
    """A second caller of a name is refused, with the field."""
    callers.create(_template())

    with pytest.raises(BridgeError) as taken:
        callers.create(_template())

    assert (taken.value.code, taken.value.field) == (Code.INVALID_REQUEST, "name")


def test_revoking_ends_all_keys_of_one_caller(callers: Callers) -> None:
    """How many ended is told; other callers are not concerned."""
    callers.create(_template())
    callers.rotate("backend", None)
    _, other = callers.create(_template("other"))

    assert callers.revoke("backend") == 2
    assert callers.revoke("backend") == 0
    assert callers.authenticated(other) is not None
