"""`bridge events`: the record on the terminal, as JSON, and as it grows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bridge.audit.act import Act, ActType, Cause
from bridge.clock import SystemClock
from tests.cli.conftest import Run
from tests.kit import TENANT, World

Answer = Callable[..., Any]


def note(world: World, subject: str, **more: Any) -> None:
    fields: dict[str, Any] = {
        "type": ActType.CAPTURED,
        "tenant": TENANT,
        "cause": Cause("hook"),
    } | more
    world.services.audit.note(Act(subject=subject, **fields))


def test_a_line_tells_what_who_and_whose(run: Run, bridge_world: World) -> None:
    """Time and type come first, the rest is named, and nothing empty is printed."""
    note(
        bridge_world,
        "ann lee",
        type=ActType.REAUTH_REQUIRED_SET,
        cause=Cause("bridge", "testing_mode"),
        before="active",
        after="reauth_required",
        details=(("code", "x"),),
    )
    (line,) = run("events").stdout.splitlines()
    assert line[20:].split() == [
        "reauth_required_set",
        "tenant=acme",
        "by=bridge",
        "reason=testing_mode",
        "state=active>reauth_required",
        'subject="ann',
        'lee"',
        "code=x",
    ]
    assert line[19] == "Z"


def test_no_name_makes_a_line_of_its_own(run: Run, bridge_world: World) -> None:
    """Somebody else's name cannot forge an event, nor colour the terminal."""
    note(bridge_world, "a\n2026 recovered", details=(("code", "\x1b[31m"),))
    out = run("events").stdout
    assert len(out.splitlines()) == 1
    assert "\x1b" not in out


def test_the_newest_are_shown_unless_told_where_to_begin(
    answer: Answer, bridge_world: World
) -> None:
    """`--limit` counts from the end without `--after`, and forward from it with one."""
    for n in range(5):
        note(bridge_world, f"u{n}")
    newest = answer("events", "--limit", "2")
    assert [event["subject"] for event in newest["events"]] == ["u3", "u4"]
    note(bridge_world, "later")
    behind = answer("events", "--after", newest["events"][0]["id"], "--limit", "1")
    assert [event["subject"] for event in behind["events"]] == ["u4"]
    rest = answer("events", "--after", newest["next"])
    assert [event["subject"] for event in rest["events"]] == ["later"]


def test_tenant_and_type_choose(answer: Answer, run: Run, bridge_world: World) -> None:
    """Both together; a tenant that is not there is an error."""
    note(bridge_world, "a")
    note(bridge_world, "b", type=ActType.RECOVERED)
    note(bridge_world, "c", type=ActType.RECOVERED, tenant="globex")
    chosen = answer("events", "--tenant", TENANT, "--type", "recovered")
    assert [event["subject"] for event in chosen["events"]] == ["b"]
    assert run("events", "--tenant", "nowhere").exit_code == 1
    assert run("events", "--type", "born").exit_code == 2


def test_a_wrong_place_is_named(run: Run) -> None:
    """What is no event's id is refused with a text."""
    result = run("events", "--after", "yesterday")
    assert result.exit_code == 1
    assert "no place in the audit record" in result.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_following_goes_on_with_what_happens(
    run: Run, bridge_world: World, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    """Each event is a line as it comes, until the reader interrupts; that is no error."""
    note(bridge_world, "before")
    naps: list[float] = []

    def sleep(_clock: SystemClock, seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            raise KeyboardInterrupt
        note(bridge_world, "during")

    monkeypatch.setattr(SystemClock, "sleep", sleep)
    result = run("events", "--follow", *(["--json"] if as_json else []))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    if as_json:
        assert [json.loads(line)["subject"] for line in lines] == ["before", "during"]


def test_what_an_operator_does_is_told(answer: Answer, run: Run) -> None:
    """Callers and keys that are made and ended by command are events with the operator's name."""
    run("callers", "create", "sync", "--tenant", "*", "--permission", "grants:read")
    run("callers", "rotate", "sync")
    run("callers", "revoke", "sync")
    added = answer("keys", "add")["id"]
    run("keys", "rotate")
    told = answer("events")["events"]
    assert [event["type"] for event in told] == [
        "caller_created",
        "caller_rotated",
        "caller_revoked",
        "key_added",
        "keys_rotated",
    ]
    assert {event["actor"].partition(":")[0] for event in told} == {"cli"}
    assert {event["tenant"] for event in told} == {None}
    assert told[0]["details"]["caller"] == "sync"
    assert told[3]["details"] == {"kind": "record", "key": added}


def test_a_restored_store_is_told(answer: Answer, bridge_world: World) -> None:
    """Accepting it is an operator's act, and every grant that must prove itself is named."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.services.close()
    answer("store", "restored", "--yes")
    told = [(event["type"], event["reason"]) for event in answer("events")["events"]]
    assert told[-2:] == [("doubted", "restored"), ("store_restored", None)]
