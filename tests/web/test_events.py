"""`GET /v1/events`: who sees which events, and how a poller goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.audit.act import EVERYWHERE, Act, ActType, Cause
from tests.kit import OTHER, TENANT, World
from tests.web.conftest import Backend, assert_problem

AskAs = Callable[..., Backend]


@pytest.fixture
def ask_as(bridge_world: World) -> AskAs:
    """Make a caller of these rights that asks."""

    def made(name: str = "reader", **rights: Any) -> Backend:
        return Backend(bridge_world.http, bridge_world.key(name, **rights))

    return made


def note(world: World, subject: str, tenant: str = TENANT, **more: Any) -> None:
    world.services.audit.note(
        Act(type=ActType.CAPTURED, tenant=tenant, subject=subject, cause=Cause("me"), **more)
    )


def events(backend: Backend, query: str = "") -> Any:
    return backend.get(f"/v1/events{query}").get_json()


def subjects(answer: Any) -> list[str]:
    return [event["subject"] for event in answer["events"]]


def test_a_poller_gets_each_event_once(bridge_world: World, ask_as: AskAs) -> None:
    """Reading on from `next`, or from an event's id, goes on just behind it."""
    backend = ask_as()
    for n in range(5):
        note(bridge_world, f"u{n}")
    first = events(backend, "?limit=3")
    assert subjects(first) == ["u0", "u1", "u2"]
    second = events(backend, f"?after={first['next']}")
    assert subjects(second) == ["u3", "u4"]
    third = events(backend, f"?after={second['next']}")
    assert third == {"events": [], "next": second["next"]}
    behind = events(backend, f"?after={first['events'][0]['id']}&limit=1")
    assert subjects(behind) == ["u1"]


def test_an_empty_record_has_a_place_to_go_on_from(bridge_world: World, ask_as: AskAs) -> None:
    """Before the first event there is a `next` already, and the first one comes behind it."""
    backend = ask_as()
    start = events(backend)
    assert start["events"] == []
    note(bridge_world, "u1")
    assert subjects(events(backend, f"?after={start['next']}")) == ["u1"]


def test_a_caller_sees_its_own_tenants_events(bridge_world: World, ask_as: AskAs) -> None:
    """Of another tenant, and of the bridge as a whole, it is told nothing."""
    note(bridge_world, "mine")
    note(bridge_world, "theirs", OTHER)
    note(bridge_world, "everybody's", EVERYWHERE)
    own = ask_as("own", tenants=[TENANT])
    assert subjects(events(own)) == ["mine"]
    assert subjects(events(own, f"?tenant={TENANT}")) == ["mine"]
    for tenant in (OTHER, "nowhere"):
        assert_problem(own.get(f"/v1/events?tenant={tenant}"), 404, "not_found", field="tenant")
    every = events(ask_as("every"))
    assert subjects(every) == ["mine", "theirs", "everybody's"]
    assert every["events"][2]["tenant"] is None


def test_a_tenant_that_is_not_there_is_not_found(bridge_world: World, ask_as: AskAs) -> None:
    """One that left the configuration is there as long as its events are."""
    backend = ask_as()
    assert_problem(backend.get("/v1/events?tenant=former"), 404, "not_found", field="tenant")
    note(bridge_world, "u1", "former")
    assert subjects(events(backend, "?tenant=former")) == ["u1"]


def test_events_need_their_permission(ask_as: AskAs) -> None:
    """Whoever may read grants may not read what others did."""
    backend = ask_as(permissions=["grants:read", "token"])
    assert_problem(backend.get("/v1/events"), 403, "forbidden")


def test_only_a_type_that_was_asked_for_is_listed(bridge_world: World, ask_as: AskAs) -> None:
    """A poller for one type gets no other."""
    note(bridge_world, "u1")
    bridge_world.services.audit.note(Act(type=ActType.RECOVERED, tenant=TENANT, subject="u2"))
    assert subjects(events(ask_as(), "?type=recovered")) == ["u2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=born", "type"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("after=5", "after"),
        ("after=e_AAAAAAAAAAAAAAA%3D", "after"),
        ("since=1", "since"),
    ],
)
def test_a_query_of_the_wrong_form_is_refused(ask_as: AskAs, query: str, field: str) -> None:
    """The answer names the parameter."""
    assert_problem(ask_as().get(f"/v1/events?{query}"), 400, "invalid_request", field=field)


def test_a_place_in_the_future_is_refused(bridge_world: World, ask_as: AskAs) -> None:
    """As after a restore from a backup: the poller must know that it could miss events."""
    note(bridge_world, "u1")
    answer = ask_as().get("/v1/events?after=e_AAAAAAAAAAlSgmhP")
    assert_problem(answer, 400, "invalid_request", field="after")
