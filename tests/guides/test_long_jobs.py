"""The worker of docs/long-jobs.md: it halts, waits for its user, and repeats nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.guides.pages import page, sample
from tests.kit import CALENDAR, HOUR, TENANT, World

Call = Callable[[str, str], int]


@pytest.fixture
def guide() -> dict[str, Any]:
    return sample("long-jobs")


@pytest.fixture
def bridge(bridge_world: World, bridge_url: str, guide: dict[str, Any]) -> Iterator[Any]:
    """The sample's own client of the bridge."""
    key = bridge_world.key("sync", permissions=["token", "events:read"], scopes=[CALENDAR])
    made = guide["Bridge"](bridge_url, key.removeprefix("Bearer "), TENANT)
    yield made
    made.http.close()


def job_of(subject: str, *units: str) -> dict[str, Any]:
    return {"subject": subject, "units": list(units), "done": 0, "state": "ready"}


def test_a_job_halts_and_resumes_when_its_user_is_back(
    bridge_world: World, bridge: Any, guide: dict[str, Any]
) -> None:
    """Google ends the grant after the second unit; another user's job is not concerned."""
    ann = bridge_world.account()
    bridge_world.grant("ann", account=ann)
    bridge_world.grant("bob")
    jobs = {"a": job_of("ann", *"12345"), "b": job_of("bob", *"123")}
    done: list[str] = []
    place = bridge.place()

    def call(_token: str, unit: str) -> int:
        done.append(unit)
        if done == ["1", "2"]:
            bridge_world.google.kill_refresh_tokens(ann)
            bridge_world.clock.advance(2 * HOUR)
        return 200

    guide["run"](jobs["a"], bridge, call)
    assert (jobs["a"]["state"], jobs["a"]["done"]) == ("blocked_on_consent", 2)
    assert jobs["a"]["scopes"] == [CALENDAR]
    guide["run"](jobs["b"], bridge, lambda _token, _unit: 200)
    assert jobs["b"]["state"] == "done"

    place = guide["wake"](jobs, bridge, place)
    assert jobs["a"]["state"] == "blocked_on_consent"
    bridge_world.login("ann", ann, bridge_world.sign_in(ann))
    place = guide["wake"](jobs, bridge, place)
    assert jobs["a"]["state"] == "ready"

    guide["run"](jobs["a"], bridge, call)
    assert jobs["a"]["state"] == "done"
    assert done == list("12345")
    assert guide["wake"](jobs, bridge, place) != place


def test_a_consent_before_the_first_poll_is_not_missed(
    bridge_world: World, bridge: Any, guide: dict[str, Any]
) -> None:
    """The place was taken before the first token request."""
    ann = bridge_world.account()
    place = bridge.place()
    jobs = {"a": job_of("ann", "1")}
    guide["run"](jobs["a"], bridge, lambda _token, _unit: 200)
    assert jobs["a"]["state"] == "blocked_on_consent"
    bridge_world.login("ann", ann, bridge_world.sign_in(ann))
    guide["wake"](jobs, bridge, place)
    assert jobs["a"]["state"] == "ready"


def test_a_token_that_google_refuses_is_reported_once(
    bridge_world: World, bridge: Any, guide: dict[str, Any]
) -> None:
    """A 401 in the middle forces one refresh, and the unit is done with the new token."""
    ann = bridge_world.account()
    bridge_world.grant("ann", account=ann)
    tokens: list[str] = []

    def call(token: str, _unit: str) -> int:
        tokens.append(token)
        return 401 if len(tokens) == 1 else 200

    job = job_of("ann", "1")
    guide["run"](job, bridge, call)
    assert job["state"] == "done"
    assert len(set(tokens)) == len(tokens) == 2


def test_what_no_user_can_mend_is_not_waited_for(
    bridge_world: World, bridge: Any, guide: dict[str, Any]
) -> None:
    """A block is an operator's; an outage is waited for, and the job goes on."""
    bridge_world.grant("ann")
    bridge_world.google.inject("token", "admin_policy_enforced")
    with pytest.raises(RuntimeError, match="blocked"):
        guide["run"](job_of("ann", "1"), bridge, lambda _token, _unit: 200)

    bridge_world.grant("bob")
    bridge_world.google.inject("token", "temporarily_unavailable", times=3)
    waits: list[float] = []

    class Time:
        @staticmethod
        def sleep(seconds: float) -> None:
            waits.append(seconds)
            bridge_world.clock.advance(seconds + 1)

    guide["time"] = Time
    job = job_of("bob", "1")
    guide["run"](job, bridge, lambda _token, _unit: 200)
    assert job["state"] == "done"
    assert waits


def test_the_kinds_of_events_that_wake_are_explained(guide: dict[str, Any]) -> None:
    """Each has its line."""
    for kind in guide["WAKING"]:
        assert f"- `{kind}`: " in page("long-jobs")
