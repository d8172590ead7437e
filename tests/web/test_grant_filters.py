"""Listing grants by more than their state."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from bridge.errors import BridgeError
from tests.kit import CALENDAR, DAY, DRIVE, SIGN_IN, TENANT, World
from tests.web.conftest import Backend, assert_problem


@pytest.fixture
def people(bridge_world: World) -> World:
    """Ann works, Bob has Drive alone, Cid took the access away and Dan signed in without a token.

    Eve lost the grant for one client and has one for another.
    """
    world = bridge_world
    world.grant("ann", account=world.account("ann@gmail.com"))
    world.read("ann")
    world.grant(
        "bob", f"{SIGN_IN} {DRIVE}", account=world.account("bob@acme.example", hd="acme.example")
    )
    world.read("bob", DRIVE)
    cid = world.account("cid@gmail.com")
    world.grant("cid", account=cid)
    world.google.revoke_as_user(cid, world.client)
    with pytest.raises(BridgeError):
        world.read("cid")
    dan = world.account("dan@gmail.com")
    world.login("dan", dan, world.sign_in(dan, offline=False))
    eve = world.account("eve@gmail.com")
    for client in (world.client, world.data_client):
        world.login("eve", eve, world.sign_in(eve, client=client), client=client)
    world.google.kill_refresh_tokens(eve, world.client)
    with pytest.raises(BridgeError):
        world.read("eve", client=world.client.client_id)
    world.read("eve", client=world.data_client.client_id)
    return world


def subjects(backend: Backend, **query: object) -> list[str]:
    response = backend.get(f"/v1/grants?{urlencode({'tenant': TENANT, **query})}")
    assert response.status_code == 200, response.text
    return sorted(grant["subject"] for grant in response.get_json()["grants"])


def test_each_filter_selects(people: World, backend: Backend) -> None:
    """By reason, domain, missing scope and by having nothing usable."""
    assert subjects(backend) == ["ann", "bob", "cid", "dan", "eve", "eve"]
    assert subjects(backend, reason="unknown") == ["cid", "eve"]
    assert subjects(backend, domain="acme.example") == ["bob"]
    assert subjects(backend, domain="GMAIL.com", state="active") == ["ann", "eve"]
    assert subjects(backend, missing_scope=CALENDAR) == ["bob", "cid", "dan", "eve"]
    assert subjects(backend, missing_scope="email", state="active") == []


def test_no_usable_grant_is_about_the_user(people: World, backend: Backend) -> None:
    """Eve's dead grant is not listed: another one serves her."""
    assert subjects(backend, no_usable_grant="true") == ["cid", "dan"]
    assert subjects(backend, no_usable_grant="true", state="missing") == ["dan"]
    assert subjects(backend, no_usable_grant="false") == subjects(backend)


def test_idle_grants_are_those_without_a_refresh_since(people: World, backend: Backend) -> None:
    """One that was never refreshed counts from its beginning."""
    then = int(people.clock.now())
    people.clock.advance(30 * DAY)
    people.read("ann")
    assert subjects(backend, idle_since=then) == ["bob", "cid", "dan", "eve", "eve"]
    assert subjects(backend, idle_since=then - DAY) == []


def test_filtered_pages_hold_every_grant_once(people: World, backend: Backend) -> None:
    """Whatever the page's size."""
    path = f"/v1/grants?tenant={TENANT}&domain=gmail.com"
    for limit in (1, 2, 5, 500):
        found: list[str] = []
        after = ""
        while True:
            page = backend.get(f"{path}&limit={limit}{after}").get_json()
            found += [grant["id"] for grant in page["grants"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert len(found) == len(set(found)) == 5
        assert found == sorted(found)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("missing_scope=a%20b", "missing_scope"),
        ("missing_scope=%22", "missing_scope"),
        ("idle_since=yesterday", "idle_since"),
        ("idle_since=-1", "idle_since"),
        ("no_usable_grant=perhaps", "no_usable_grant"),
        ("domain=", "domain"),
        ("colour=blue", "colour"),
    ],
)
def test_a_filter_of_the_wrong_form_is_refused(backend: Backend, query: str, field: str) -> None:
    """With the parameter at fault: a typing error must not list everybody."""
    response = backend.get(f"/v1/grants?tenant={TENANT}&{query}")
    assert_problem(response, 400, "invalid_request", field=field)
