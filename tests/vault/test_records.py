"""Sealed records: what is edited, moved or put back by hand is named and never believed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.config.keys import generate
from bridge.crypto.keyring import KeyUnavailableError
from bridge.errors import BridgeError, Code
from bridge.model import Account, Grant, Need, RefreshToken, State, Unbound
from bridge.services import material
from bridge.store.base import Put, Ref, Replace
from bridge.vault.grants import Grants, parse_id
from bridge.vault.keys import KeyMaterial
from bridge.vault.records import CorruptRecordError, encode, next_version
from bridge.vault.refresh_tokens import Owner, RefreshTokens, key_id_of
from tests.kit import CALENDAR, HOUR, TENANT, World
from tests.vault.conftest import Hand, Vault, unjournalled

pytestmark = pytest.mark.sqlite


def _hand(world: World) -> Hand:
    return Hand(world.settings.store.path)


def _ref(grant: Grant) -> Ref:
    ref = parse_id(grant.id)
    assert ref is not None
    return ref


_EDITS: list[tuple[str, object]] = [
    ("tenant", "globex"),
    ("subject", "another-subject!"),
    ("account", "another-account!"),
    ("state", "active"),
    ("state", "revoked"),
    ("state", "act\0ive"),
    ("expires_at", 2**40),
    ("version", 5),
    ("body", b""),
    ("body", bytes(range(200))),
]


@pytest.mark.parametrize(("column", "value"), _EDITS, ids=lambda value: str(value)[:12])
def test_an_edited_column_is_a_corrupt_record_and_the_others_are_served(
    bridge_world: World, column: str, value: object
) -> None:
    """Columns are only an index: whoever edits one breaks that record alone, and it is named."""
    damaged = bridge_world.grant("u1")
    bridge_world.grant("u2")
    _hand(bridge_world).set(_ref(damaged), column, value)

    with pytest.raises(CorruptRecordError) as broken:
        bridge_world.services.grants.get(damaged.id)

    assert broken.value.code is Code.RECORD_CORRUPT
    assert damaged.id == "g_" + str(broken.value.context["record"]).replace("/", "")
    assert bridge_world.read("u2").grant != damaged.id


def test_a_row_copied_over_another_does_not_open(bridge_world: World) -> None:
    """One user's sealed grant cannot be made another user's."""
    victim, thief = bridge_world.grant("u1"), bridge_world.grant("u2")
    hand = _hand(bridge_world)
    for column in ("version", "body", "key_id", "state"):
        hand.set(_ref(thief), column, hand.get(_ref(victim), column))

    with pytest.raises(CorruptRecordError):
        bridge_world.services.grants.get(thief.id)
    assert bridge_world.read("u1").grant == victim.id


def test_a_row_moved_to_another_place_does_not_open(bridge_world: World) -> None:
    """A whole row, all its columns with it, opens only where it was written."""
    grant = bridge_world.grant("u1")
    hand = _hand(bridge_world)
    moved = _ref(grant)._replace(id="A" * 16)
    hand.set(_ref(grant), "id", moved.id)

    with pytest.raises(CorruptRecordError):
        bridge_world.services.grants.at(moved)


def test_an_older_body_does_not_open_under_a_newer_version(bridge_world: World) -> None:
    """A body is sealed for one version: what was written over cannot be slipped back in."""
    grant = bridge_world.grant("u1")
    hand = _hand(bridge_world)
    older = hand.get(_ref(grant), "body")
    bridge_world.read("u1")
    hand.set(_ref(grant), "body", older)
    bridge_world.services.store.recent.forget_all()

    with pytest.raises(CorruptRecordError):
        bridge_world.read("u1")


def test_a_refresh_token_cannot_be_moved_into_another_account_s_grant(vault: Vault) -> None:
    """The inner seal names tenant and account: even the vault's own hand cannot mix them up."""
    token = vault.sealed("1//mine", account="a1")
    other = vault.grants.owner(vault.grant("u2", account="a2"))

    with pytest.raises(BridgeError) as broken:
        vault.tokens.reveal(other, token)

    assert broken.value.code is Code.RECORD_CORRUPT


def test_a_corrupt_record_is_told_over_http_without_harm_to_others(bridge_world: World) -> None:
    """The damaged grant answers `record_corrupt`; listing goes on past it; others are served."""
    damaged, sound = bridge_world.grant("u1"), bridge_world.grant("u2")
    _hand(bridge_world).set(_ref(damaged), "body", b"\x01 damaged")
    headers = {"Authorization": bridge_world.key()}

    read = _read(bridge_world, headers, damaged)
    listed = bridge_world.http.get(f"/v1/grants?tenant={TENANT}", headers=headers).get_json()

    assert (read["status"], read["code"]) == (500, "record_corrupt")
    assert [grant["id"] for grant in listed["grants"]] == [sound.id]
    assert _read(bridge_world, headers, sound)["grant"] == sound.id


def _read(world: World, headers: dict[str, str], grant: Grant) -> dict[str, Any]:
    body = {"grant": grant.id, "scopes": [CALENDAR]}
    answer: dict[str, Any] = world.http.post("/v1/token", json=body, headers=headers).get_json(
        force=True
    )
    return answer


def _without_its_key(world: World) -> tuple[KeyMaterial, KeyMaterial]:
    """Return the world's key material, and the same but for another record key."""
    present = world.services.keys.present
    stranger = material(generate(1))
    return present, KeyMaterial(stranger.records, present.hasher, present.envelope)


def test_a_missing_key_is_no_reason_to_ask_the_user(bridge_world: World) -> None:
    """Under a key that is not here a read answers `key_unavailable`, and works again with it."""
    grant = bridge_world.grant("u1")
    headers = {"Authorization": bridge_world.key()}
    mine, other = _without_its_key(bridge_world)

    bridge_world.services.keys.refill(other)
    with pytest.raises(KeyUnavailableError):
        bridge_world.read("u1")
    refused = _read(bridge_world, headers, grant)
    bridge_world.services.keys.refill(mine)

    assert (refused["status"], refused["code"]) == (503, "key_unavailable")
    assert bridge_world.grant_of("u1").state is State.UNVERIFIED
    assert _read(bridge_world, headers, grant)["grant"] == grant.id


def test_a_missing_key_while_a_refresh_is_due_leaves_the_grant_alone(bridge_world: World) -> None:
    """The state of a grant never changes for want of a key, expired access token or not."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.clock.advance(2 * HOUR)
    before = bridge_world.grant_of("u1")
    mine, other = _without_its_key(bridge_world)

    bridge_world.services.keys.refill(other)
    with pytest.raises(KeyUnavailableError):
        bridge_world.read("u1")
    bridge_world.services.keys.refill(mine)

    assert bridge_world.grant_of("u1") == before


def test_a_key_file_with_another_hash_key_is_not_taken_over(vault: Vault) -> None:
    """A running process keeps its keys: under another hash key nothing would be found again."""
    before = vault.keys.present

    with pytest.raises(ValueError, match="hash key"):
        vault.keys.refill(material(generate(1)))

    assert vault.keys.present is before


def test_a_damaged_caller_s_key_does_not_keep_another_from_being_revoked(
    bridge_world: World,
) -> None:
    """Lists go on past a record that does not open."""
    bridge_world.key("broken")
    _hand(bridge_world).break_all("caller")
    bridge_world.key("sound")

    assert [key.name for key in bridge_world.services.callers.every()] == ["sound"]
    assert bridge_world.services.callers.revoke("sound") == 1


def test_a_damaged_binding_does_not_stop_the_upkeep(bridge_world: World) -> None:
    """The rounds reach their end: the witness moves on."""
    bridge_world.hook(
        {
            "type": "bind",
            "tenant": TENANT,
            "login_id": "l1",
            "account": {"sub": "a1"},
            "subject": "u1",
        }
    )
    _hand(bridge_world).break_all("binding")
    witness = bridge_world.settings.witness_file
    before = witness.read_text()

    bridge_world.services.upkeep.rare()

    assert witness.read_text() != before


def test_versions_grow_and_are_not_given_out_again() -> None:
    """Each is greater than the last and holds a random part, for a store that fell back."""
    first = [next_version(0) for _ in range(50)]
    second = [next_version(version) for version in first]

    assert all(later > earlier for earlier, later in zip(first, second, strict=True))
    assert min(second) > max(first)
    assert len(set(first)) > 1
    assert max(second) < 2**63


def test_only_secrets_are_encoded_beside_plain_values() -> None:
    """A value of a type that no record has is refused, not guessed at."""
    with pytest.raises(TypeError, match="complex"):
        encode(1j)


def test_a_body_of_another_form_is_a_corrupt_record(vault: Vault) -> None:
    """What opens but is not the record's type is named as damaged too."""
    ref = Ref("need", "p" * 16, "i" * 16)
    grant = vault.grants.at(_ref(vault.grant()))
    assert grant is not None
    vault.store.commit([vault.records.put(ref, grant.record)])

    with pytest.raises(CorruptRecordError):
        vault.records.get(ref, Need)


def test_both_seals_of_a_capture_are_under_one_key(vault: Vault) -> None:
    """A capture whose key ceased to write before it was stored is found by the rotation."""
    token = vault.sealed()
    former = vault.keys.present.records.sealing_id
    vault.add_key()
    unbound = Unbound(
        login="l1",
        account=Account(sub="a1"),
        client_id="c1",
        token=token,
        id_token=None,
        verified=True,
    )

    op = vault.inbox.keep_unbound("p" * 16, "acme", unbound)

    assert isinstance(op, Put)
    assert op.row.key_id == key_id_of(token.sealed) == former


def test_both_seals_of_a_grant_are_under_one_key(vault: Vault) -> None:
    """A rotation that begins between the two seals leaves a grant that it finds."""

    class Turning(RefreshTokens):
        def resealed(self, owner: Owner, token: RefreshToken, key_id: str) -> RefreshToken:
            anew = super().resealed(owner, token, key_id)
            vault.add_key()
            return anew

    token = vault.sealed()
    vault.add_key()
    grant = replace(vault.grant(), candidates=(token, vault.sealed("1//another")))
    held = vault.grants.get(grant.id)

    turning = Grants(vault.records, Turning(vault.keys), vault.clock, unjournalled)
    (op,) = turning.write(held, grant)

    assert isinstance(op, Replace)
    vault.store.commit([op])
    stored = vault.grants.get(grant.id)
    assert stored is not None
    assert {key_id_of(t.sealed) for t in stored.record.tokens} == {op.row.key_id}
