"""Grants in the store: found, listed, and changed by many without a loss."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from bridge.errors import BridgeError, Code
from bridge.model import Account, Grant, State
from bridge.store.base import Ref
from bridge.vault import endings
from bridge.vault.grants import KIND, Grants, Identity, format_id, parse_id
from bridge.vault.records import CorruptRecordError
from tests.vault.conftest import Hand, Vault

_THREADS = 8
_CHANGES = 25


def _ref(grant: Grant) -> Ref:
    ref = parse_id(grant.id)
    assert ref is not None
    return ref


def test_no_update_is_lost_under_threads(vault: Vault) -> None:
    """Threads that all change one grant at once leave the sum of their changes."""
    ref = _ref(vault.grant())
    start = threading.Barrier(_THREADS)

    def work(_: int) -> None:
        start.wait()
        for _ in range(_CHANGES):
            vault.grants.update(ref, lambda g: replace(g, consents=g.consents + 1))

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, range(_THREADS)))

    held = vault.grants.at(ref)
    assert held is not None
    assert held.record.consents == _THREADS * _CHANGES


def test_an_update_is_applied_to_what_is_there_now(vault: Vault) -> None:
    """A change that meets another's write is made again upon that one's result."""
    ref = _ref(vault.grant())
    seen: list[int] = []

    def change(grant: Grant) -> Grant:
        seen.append(grant.consents)
        if len(seen) == 1:
            vault.grants.update(ref, lambda g: replace(g, consents=7))
        return replace(grant, epoch=grant.epoch + 1)

    after = vault.grants.update(ref, change)

    assert seen == [0, 7]
    assert (after.consents, after.epoch) == (7, 1)


def test_an_update_that_changes_nothing_writes_nothing(vault: Vault) -> None:
    """The version stays, so nobody who has read the grant is disturbed."""
    ref = _ref(vault.grant())
    before = vault.grants.at(ref)

    vault.grants.update(ref, lambda g: g)

    assert vault.grants.at(ref) == before


def test_an_update_of_a_grant_that_is_gone_is_told(vault: Vault) -> None:
    """Where there is none, `grant_missing` is raised and none is made."""
    with pytest.raises(BridgeError) as gone:
        vault.grants.update(Ref(KIND, "p" * 16, "i" * 16), lambda g: g)

    assert gone.value.code is Code.GRANT_MISSING


def test_an_update_gives_up_after_many_tries(vault: Vault) -> None:
    """A grant that changes at every try answers `conflict`, to be tried again."""
    ref = _ref(vault.grant())

    def overtaken(grant: Grant) -> Grant:
        vault.grants.update(ref, lambda g: replace(g, consents=g.consents + 1))
        return replace(grant, epoch=grant.epoch + 1)

    with pytest.raises(BridgeError) as busy:
        vault.grants.update(ref, overtaken)

    assert busy.value.code is Code.CONFLICT
    assert busy.value.answer.retryable


def test_an_exception_in_a_change_leaves_the_grant(vault: Vault) -> None:
    """What a change raises comes out, and nothing is written."""
    ref = _ref(vault.grant())
    before = vault.grants.at(ref)

    def fails(_: Grant) -> Grant:
        raise RuntimeError("overtaken")

    with pytest.raises(RuntimeError):
        vault.grants.update(ref, fails)
    assert vault.grants.at(ref) == before


def test_the_same_identity_always_names_the_same_grant(vault: Vault) -> None:
    """Tenant, subject, account and client together are the place; each of them counts."""
    identity = Identity("acme", "u1", "a1", "c1")
    others = [
        identity._replace(**{field: "other"})
        for field in ("tenant", "subject", "account_sub", "client_id")
    ]

    assert vault.grants.ref(identity) == vault.grants.ref(Identity(*identity))
    assert len({vault.grants.ref(one) for one in (identity, *others)}) == 5


def test_all_grants_of_an_account_in_a_tenant_share_a_partition(vault: Vault) -> None:
    """So that a capture, its answer and the grant are committed at once."""
    one = vault.grants.ref(Identity("acme", "u1", "a1", "c1"))
    other = vault.grants.ref(Identity("acme", "u2", "a1", "c2"))
    stranger = vault.grants.ref(Identity("globex", "u1", "a1", "c1"))

    assert one.partition == other.partition
    assert one.partition != stranger.partition


def test_a_subject_s_grants_are_found_and_no_one_else_s(vault: Vault) -> None:
    """All clients and accounts of the subject, in its tenant only."""
    mine = {
        vault.grant("u1", "a1").id,
        vault.grant("u1", "a2").id,
        vault.grant("u1", "a1", "c2").id,
    }
    vault.grant("u2", "a1")

    assert {held.record.id for held in vault.grants.find("acme", "u1")} == mine
    assert vault.grants.find("globex", "u1") == []


def test_an_account_s_grants_are_found_over_tenants(vault: Vault) -> None:
    """What a revocation may end is found wherever it is."""
    mine = vault.grant("u1", "a1").id
    identity = Identity("globex", "x9", "a1", "c9")
    other = vault.grants.new(identity, Account(sub="a1"))
    vault.store.commit(vault.grants.write(None, other))
    vault.grant("u1", "a2")

    assert {held.record.id for held in vault.grants.of_account("a1")} == {mine, other.id}


def test_a_forgotten_grant_is_found_by_nobody(vault: Vault) -> None:
    """Neither by subject, nor by account, nor by id, nor in a listing; only by its place."""
    grant = vault.grant()
    vault.grants.update(_ref(grant), lambda g: endings.forget(g, 50, 50))

    assert vault.grants.find("acme", "u1") == []
    assert list(vault.grants.of_account("a1")) == []
    assert vault.grants.get(grant.id) is None
    assert vault.grants.page("acme", state=None, after=None, limit=10) == []
    held = vault.grants.at(_ref(grant))
    assert held is not None
    assert held.record.state is State.FORGOTTEN
    returned = vault.grants.returned(held, Identity("acme", "u1", "a1", "c1"), Account(sub="a1"))
    assert (returned.subject, returned.account.sub) == ("u1", "a1")


def test_pages_hold_every_grant_once_and_go_on_past_damaged_and_forgotten_ones(
    vault: Vault,
) -> None:
    """Page by page all sound grants come, in the order of their ids, each once."""
    grants = [vault.grant(f"u{n}") for n in range(12)]
    Hand(vault.path).set(_ref(grants[3]), "body", b"broken")
    vault.grants.update(_ref(grants[7]), lambda g: endings.forget(g, 50, 50))
    expected = sorted(g.id for g in grants if g not in (grants[3], grants[7]))

    found: list[str] = []
    after: str | None = None
    while page := vault.grants.page("acme", state=None, after=after, limit=3):
        found += [held.record.id for held in page]
        after = found[-1]

    assert found == expected
    assert {held.record.id for held in vault.grants.everywhere()} >= set(expected)


def test_a_page_can_be_of_one_state(vault: Vault) -> None:
    """Only grants of the state asked for come."""
    grants = [vault.grant(f"u{n}") for n in range(4)]
    vault.grants.update(_ref(grants[1]), lambda g: endings.begin_revoking(g, 50))

    page = vault.grants.page("acme", state=State.REVOKING, after=None, limit=10)

    assert [held.record.id for held in page] == [grants[1].id]


def test_a_damaged_grant_of_a_subject_is_told_and_not_passed_over(vault: Vault) -> None:
    """Which of a subject's grants is meant cannot be told without reading all of them."""
    damaged = vault.grant("u1", "a1")
    vault.grant("u1", "a2")
    Hand(vault.path).set(_ref(damaged), "body", b"broken")

    with pytest.raises(CorruptRecordError) as broken:
        vault.grants.find("acme", "u1")

    assert broken.value.ref == _ref(damaged)


def test_ids_name_places_and_nothing_else_is_one(vault: Vault) -> None:
    """An id leads back to its place; whatever else callers send is no id, and no error."""
    ref = vault.grants.ref(Identity("acme", "u1", "a1", "c1"))

    assert parse_id(format_id(ref)) == ref
    for odd in ("", "g_", "g_" + "a" * 31, "g_" + "a" * 33, "x_" + "a" * 32, "g_" + "é" * 32):
        assert parse_id(odd) is None
        assert vault.grants.get(odd) is None


def test_a_new_grant_is_dated_and_missing(vault: Vault) -> None:
    """Before any token there is a grant in state `missing`."""
    grants: Grants = vault.grants

    grant = grants.new(Identity("acme", "u1", "a1", "c1"), Account(sub="a1"))

    assert grant.state is State.MISSING
    assert grant.created_at == grant.changed_at > 0
