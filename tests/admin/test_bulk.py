"""Acting on many grants: what was chosen is looked at again before each act."""

from __future__ import annotations

import pytest

from bridge.admin import selecting
from bridge.admin.bulk import Act, Bulk
from bridge.admin.selecting import Selection, filter_of
from bridge.admin.views import ShownState
from bridge.errors import BridgeError, Code
from bridge.model import Filter, Grant, State
from bridge.store.base import StoreUnavailableError
from tests.kit import OTHER, TENANT, World

DEAD = Filter(state=State.REAUTH_REQUIRED)


def bulk_of(world: World) -> Bulk:
    return Bulk(admin=world.services.admin, rechecking=world.services.rechecking)


def dead(world: World, subject: str) -> Grant:
    """Give a subject a grant that Google no longer honours."""
    account = world.account(f"{subject}@gmail.com")
    world.grant(subject, account=account)
    world.google.revoke_as_user(account, world.client)
    with pytest.raises(BridgeError, match="reauth_required"):
        world.read(subject)
    return world.grant_of(subject)


@pytest.mark.parametrize("act", Act)
def test_a_user_who_consented_meanwhile_is_passed_over(bridge_world: World, act: Act) -> None:
    """Chosen while dead, working again by the time of the act: nothing is done to it."""
    bulk, caller = bulk_of(bridge_world), bridge_world.caller()
    dead(bridge_world, "u1")
    dead(bridge_world, "u2")
    chosen = bulk.choose(caller, TENANT, DEAD)
    account = bridge_world.google.accounts.get("u1@gmail.com")
    bridge_world.login("u1", account, bridge_world.sign_in(account))
    assert bridge_world.read("u1").access_token

    results = {result.grant: result for result in bulk.run(act, caller, chosen, DEAD)}

    working = bridge_world.grant_of("u1")
    assert results[working.id].is_passed_over
    assert working.state is State.ACTIVE
    assert len(results) == 2
    assert [result.is_passed_over for result in results.values()].count(True) == 1


@pytest.mark.parametrize("act", Act)
def test_a_consent_in_the_middle_of_the_act_wins(bridge_world: World, act: Act) -> None:
    """Between the last look and the write the user consents: the write sees it."""
    caller = bridge_world.caller()
    account = bridge_world.account()
    grant = bridge_world.grant("u1", account=account)
    bridge_world.google.inject("token", "admin_policy_enforced")
    with pytest.raises(BridgeError, match="blocked"):
        bridge_world.read("u1")
    fresh = bridge_world.sign_in(account)
    blocked = Filter(state=State.BLOCKED)
    original = Selection.require

    def consent_after(selection: Selection, wanted: Filter, present: Grant) -> None:
        original(selection, wanted, present)
        bridge_world.login("u1", account, fresh)

    bulk = bulk_of(bridge_world)
    chosen = bulk.choose(caller, TENANT, blocked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Selection, "require", consent_after)
        [done] = bulk.run(act, caller, chosen, blocked)

    assert (done.grant, done.is_passed_over) == (grant.id, True)
    assert bridge_world.read("u1").access_token


def test_a_store_that_is_away_ends_the_work(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand same failures would tell nothing: the first is raised."""
    bulk, caller = bulk_of(bridge_world), bridge_world.caller()
    dead(bridge_world, "u1")
    chosen = bulk.choose(caller, TENANT, DEAD)

    def away(*_: object) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(type(bridge_world.services.store), "commit", away)
    with pytest.raises(StoreUnavailableError):
        list(bulk.run(Act.FORGET, caller, chosen, DEAD))


def test_acting_needs_the_permission_of_the_act(bridge_world: World) -> None:
    """A caller that may look is not one that may forget, revoke or recheck."""
    bridge_world.grant("u1")
    looks = bridge_world.caller(permissions=["grants:read"])
    bulk = bulk_of(bridge_world)
    chosen = bulk.choose(looks, TENANT, Filter())
    for act in Act:
        [done] = bulk.run(act, looks, chosen)
        assert done.error is not None
        assert done.error.code is Code.FORBIDDEN
    assert bridge_world.grant_of("u1").state is State.UNVERIFIED


def test_a_tenant_of_others_has_no_grants_to_choose(bridge_world: World) -> None:
    """It does not exist for this caller."""
    caller = bridge_world.caller(tenants=[OTHER])
    with pytest.raises(BridgeError, match="not_found"):
        bulk_of(bridge_world).choose(caller, TENANT, Filter())


def test_a_grant_named_twice_is_acted_on_once(bridge_world: World) -> None:
    """Ids may come from lists that overlap."""
    grant = bridge_world.grant("u1")
    chosen = bulk_of(bridge_world).name(bridge_world.caller(), [grant.id, grant.id])
    assert chosen.ids == (grant.id,)


def test_a_search_for_what_is_rare_goes_on_over_pages(
    bridge_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page reads so many grants and no more; the search finds all the same."""
    monkeypatch.setattr(selecting, "_BATCH", 2)
    monkeypatch.setattr(selecting, "_MOST_LOOKED_AT", 4)
    grants = [bridge_world.grant(f"u{n}") for n in range(11)]
    last = max(grant.id for grant in grants)
    [subject] = [grant.subject for grant in grants if grant.id == last]
    account = bridge_world.grant_of(subject).account
    wanted = Filter(domain="gmail.com", missing_scope="x", reason=None)

    def is_last(_wanted: Filter, grant: Grant) -> bool:
        return grant.account == account

    monkeypatch.setattr(selecting, "selects", is_last)
    selection = bridge_world.services.admin.selection

    first = selection.page(TENANT, wanted, None, 10)
    assert (list(first.found), first.next is None) == ([], False)
    assert [held.record.id for held in selection.every(TENANT, wanted)] == [last]


def test_nobody_is_chosen_by_a_guess(bridge_world: World) -> None:
    """A user one of whose grants is damaged may have one that serves."""
    grant = dead(bridge_world, "u1")
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account, client=bridge_world.data_client)
    bridge_world.login("u1", account, tokens, client=bridge_world.data_client)
    selection = bridge_world.services.admin.selection
    wanted = Filter(no_usable_grant=True)
    assert not selection.fits(wanted, grant)

    [other] = [g for g in bridge_world.grants_of("u1") if g.id != grant.id]
    held = bridge_world.services.grants.get(other.id)
    assert held is not None
    store = bridge_world.services.store
    row = store.get(held.ref)
    assert row is not None
    body = row.body[:-1] + bytes([row.body[-1] ^ 1])
    store.replace(
        type(row)(row.ref, row.version + 1, body, row.key_id, row.tenant, row.subject), row.version
    )
    assert not selection.fits(wanted, grant)


def test_what_an_admin_gives_is_brought_into_form() -> None:
    """Domains in lower case, scopes in Google's spelling."""
    wanted = filter_of(
        state=ShownState.ACTIVE, domain="Acme.Example", missing_scope="email", no_usable_grant=True
    )
    assert wanted == Filter(
        state=State.ACTIVE,
        domain="acme.example",
        missing_scope="https://www.googleapis.com/auth/userinfo.email",
        no_usable_grant=True,
    )
    assert filter_of() == selecting.EVERY
    with pytest.raises(BridgeError, match="one scope"):
        filter_of(missing_scope="a b")
