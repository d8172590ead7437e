"""Listing, showing and forgetting grants over HTTP."""

from __future__ import annotations

from bridge.admin.views import ShownState
from bridge.model import State
from tests.kit import CALENDAR, OTHER, SIGN_IN, TENANT, World
from tests.web.conftest import Backend, assert_problem, damaged

UNKNOWN = "g_" + "A" * 32


def pages(backend: Backend, limit: int, **query: object) -> list[str]:
    """Return the ids of all pages, in the order they came."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        args = {"tenant": TENANT, "limit": limit} | query | after
        page = backend.get("/v1/grants", query_string=args).get_json()
        assert len(page["grants"]) <= limit
        found += [grant["id"] for grant in page["grants"]]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_a_grant_is_shown_without_anything_to_use(bridge_world: World, backend: Backend) -> None:
    """A view has the grant's state and labels, and no token."""
    account = bridge_world.account("ada@example.com")
    tokens = bridge_world.sign_in(account)
    bridge_world.login("u1", account, tokens)
    served = bridge_world.read("u1")

    shown = backend.get(f"/v1/grants/{served.grant}").get_json()

    grant = bridge_world.grant_of("u1")
    assert shown == {
        "id": grant.id,
        "tenant": TENANT,
        "subject": "u1",
        "account": {"sub": account.sub, "email": "ada@example.com", "hd": None},
        "client": bridge_world.client.client_id,
        "state": "active",
        "reason": None,
        "scopes": list(grant.granted),
        "candidates": 0,
        "has_spare": False,
        "captured": 1,
        "created_at": grant.created_at,
        "changed_at": grant.changed_at,
        "refreshed_at": grant.refreshed_at,
    }
    assert CALENDAR in shown["scopes"]


def test_an_unknown_grant_is_missing(backend: Backend) -> None:
    """Ids that nobody has, or that are none, get the same 404."""
    for grant in (UNKNOWN, "g_", "x", "g_" + "a" * 31, "g_" + "é" * 32, "%00", "%FF"):
        assert_problem(backend.get(f"/v1/grants/{grant}"), 404, "grant_missing")
    assert_problem(backend.get("/v1/grants/..%2F.."), 404, "not_found")


def test_every_state_but_that_of_the_forgotten_is_shown() -> None:
    """The states of the API are the grants' own, so that none is left out by mistake."""
    assert {state.value for state in ShownState} == {s.value for s in State} - {"forgotten"}


def test_pages_hold_every_grant_once(bridge_world: World, backend: Backend) -> None:
    """Whatever the page's size, all grants of the tenant come, in order, and nobody else's."""
    ids = sorted(bridge_world.grant(f"u{n}").id for n in range(7))
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account, client=bridge_world.other_client)
    theirs = {
        "type": "login",
        "tenant": OTHER,
        "subject": "x1",
        "account": {"sub": account.sub},
        "client_id": bridge_world.other_client.client_id,
        "login": {"id": "l1"},
        "tokens": {"refresh_token": tokens.refresh_token, "id_token": tokens.id_token},
    }
    assert bridge_world.hook(theirs, tenant=OTHER)["result"] == "captured"

    for limit in (1, 2, 3, 6, 7, 8, 500):
        assert pages(backend, limit) == ids
    assert len(pages(backend, 5, tenant=OTHER)) == 1


def test_pages_hold_what_stays_while_rows_change(bridge_world: World, backend: Backend) -> None:
    """Grants that come and go between pages cost no other its place, and none comes twice."""
    ids = sorted(bridge_world.grant(f"u{n}").id for n in range(6))
    first = backend.get(f"/v1/grants?tenant={TENANT}&limit=2").get_json()
    assert [grant["id"] for grant in first["grants"]] == ids[:2]

    # The row that the next page starts from, one that is still to come, and new ones.
    for gone in (ids[1], ids[3]):
        assert backend.delete(f"/v1/grants/{gone}").status_code == 204
    new = {bridge_world.grant(f"new{n}").id for n in range(3)}

    rest: list[str] = []
    after = first["next"]
    while after:
        page = backend.get(f"/v1/grants?tenant={TENANT}&limit=2&after={after}").get_json()
        rest += [grant["id"] for grant in page["grants"]]
        after = page["next"]
    assert rest == sorted(rest)
    assert set(rest) - new == {ids[2], ids[4], ids[5]}
    assert set(rest) <= {ids[2], ids[4], ids[5]} | new


def test_grants_are_listed_by_state(bridge_world: World, backend: Backend) -> None:
    """`state` selects; the forgotten are in no list."""
    active = bridge_world.grant("u1").id
    fresh = bridge_world.grant("u2").id
    bridge_world.read("u1")
    gone = bridge_world.grant("u3").id
    backend.delete(f"/v1/grants/{gone}")

    assert pages(backend, 10, state="active") == [active]
    assert pages(backend, 10, state="unverified") == [fresh]
    assert pages(backend, 10, state="revoked") == []
    assert pages(backend, 10) == sorted([active, fresh])
    forgotten = backend.get(f"/v1/grants?tenant={TENANT}&state=forgotten")
    assert_problem(forgotten, 400, "invalid_request", field="state")


def test_an_unknown_tenant_is_not_found(backend: Backend) -> None:
    """A tenant that is not configured and holds nothing is a 404 that names the parameter."""
    response = backend.get("/v1/grants?tenant=nobody")
    assert_problem(response, 404, "not_found", field="tenant")


def test_a_forgotten_grant_is_gone_and_google_is_not_told(
    bridge_world: World, backend: Backend
) -> None:
    """`DELETE` answers 204 without content, and its repetition 404; the token lives at Google."""
    account = bridge_world.account()
    bridge_world.grant("u1", account=account)
    grant = bridge_world.grant_of("u1")

    response = backend.delete(f"/v1/grants/{grant.id}")

    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Length" not in response.headers
    assert_problem(backend.delete(f"/v1/grants/{grant.id}"), 404, "grant_missing")
    assert_problem(backend.get(f"/v1/grants/{grant.id}"), 404, "grant_missing")
    assert_problem(backend.token("u1"), 404, "grant_missing")
    assert len(bridge_world.google.refresh_tokens(account)) == 1


def test_a_damaged_grant_is_named_and_the_others_are_listed(
    bridge_world: World, backend: Backend
) -> None:
    """One corrupt record is a named 500 for itself alone."""
    good, bad = bridge_world.grant("u1"), bridge_world.grant("u2")
    held = bridge_world.services.grants.get(bad.id)
    assert held is not None
    store = bridge_world.services.store
    row = store.get(held.ref)
    assert row is not None
    store.replace(damaged(row), row.version)

    assert_problem(backend.get(f"/v1/grants/{bad.id}"), 500, "record_corrupt")
    assert_problem(backend.token("u2"), 500, "record_corrupt")
    assert pages(backend, 10) == [good.id]
    assert backend.token("u1").status_code == 200


def test_scopes_of_a_sign_in_show_in_full(bridge_world: World, backend: Backend) -> None:
    """A proven grant shows what Google granted, in Google's spelling."""
    bridge_world.grant("u1", SIGN_IN)
    bridge_world.read("u1", "openid")
    shown = backend.get(f"/v1/grants/{bridge_world.grant_of('u1').id}").get_json()
    assert shown["scopes"] == [
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
        "openid",
    ]
