"""`bridge grants list|show|forget|revoke|recheck`: what is chosen is what is acted on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from bridge.errors import BridgeError
from bridge.model import State
from bridge.secret import fingerprint
from tests.cli.conftest import Run
from tests.kit import CALENDAR, DAY, DRIVE, SIGN_IN, TENANT, World

Answer = Callable[..., Any]
CHOICE = ("--tenant", TENANT)


def dead(world: World, subject: str) -> str:
    """Give a subject a grant that no longer works; return its id."""
    account = world.account()
    grant = world.grant(subject, account=account)
    world.google.revoke_as_user(account, world.client)
    with pytest.raises(BridgeError, match="reauth_required"):
        world.read(subject)
    return grant.id


def listed(answer: Answer, *options: str) -> set[str]:
    """Return the subjects that a listing shows."""
    page = answer("grants", "list", *CHOICE, *options)
    return {grant["subject"] for grant in page["grants"]}


def test_show_tells_what_the_api_tells(answer: Answer, bridge_world: World) -> None:
    """The same members, and no token."""
    grant = bridge_world.grant("u1")
    bridge_world.read("u1")
    shown = answer("grants", "show", grant.id)
    by_http = bridge_world.http.get(
        f"/v1/grants/{grant.id}", headers={"Authorization": bridge_world.key()}
    )
    assert shown == by_http.get_json()


def test_show_is_readable(run: Run, bridge_world: World) -> None:
    """Whose it is, its state and times, a fact a line."""
    grant = bridge_world.grant("u1", account=bridge_world.account("ann@gmail.com"))
    text = run("grants", "show", grant.id).stdout
    assert re.search(r"^subject +u1$", text, re.MULTILINE)
    assert re.search(r"^account +\d+ \(ann@gmail.com\)$", text, re.MULTILINE)
    assert re.search(r"^state +unverified$", text, re.MULTILINE)
    assert re.search(r"^refreshed +never$", text, re.MULTILINE)


def test_an_unknown_grant_is_named(run: Run, bridge_world: World) -> None:
    """The exit code is 1, and nothing is done to those that are known."""
    grant = bridge_world.grant("u1")
    result = run("grants", "forget", grant.id, "g_" + "0" * 32, "--yes")
    assert result.exit_code == 1
    assert "grant_missing" in result.stderr
    assert bridge_world.grant_of("u1").state is State.UNVERIFIED


def test_lists_are_paged(answer: Answer, bridge_world: World) -> None:
    """Every grant comes once, however small the pages."""
    ids = sorted(bridge_world.grant(f"u{n}").id for n in range(5))
    found: list[str] = []
    after: list[str] = []
    while True:
        page = answer("grants", "list", *CHOICE, "--limit", "2", *after)
        found += [grant["id"] for grant in page["grants"]]
        if page["next"] is None:
            break
        after = ["--after", page["next"]]
    assert found == ids


def test_a_list_tells_how_to_go_on(run: Run, bridge_world: World) -> None:
    """The table goes to standard output, the way to the next page to standard error."""
    ids = sorted(bridge_world.grant(f"u{n}").id for n in range(3))
    result = run("grants", "list", *CHOICE, "--limit", "2")
    assert result.stdout.splitlines()[0].split() == [
        *("ID", "SUBJECT", "ACCOUNT", "STATE", "SCOPES", "LAST", "REFRESH"),
    ]
    assert f"--after {ids[1]}" in result.stderr
    assert ids[2] in run("grants", "list", *CHOICE, "--after", ids[1]).stdout


def test_filters_choose(answer: Answer, bridge_world: World) -> None:
    """Each option alone, and all of them together."""
    bridge_world.grant("ann", account=bridge_world.account("ann@gmail.com"))
    bridge_world.read("ann")
    domain = bridge_world.account("bob@acme.example", hd="acme.example")
    bridge_world.grant("bob", f"{SIGN_IN} {DRIVE}", account=domain)
    bridge_world.read("bob", DRIVE)
    dead(bridge_world, "cid")

    assert listed(answer, "--state", "reauth_required") == {"cid"}
    assert listed(answer, "--reason", "unknown") == {"cid"}
    assert listed(answer, "--domain", "ACME.example") == {"bob"}
    assert listed(answer, "--missing-scope", CALENDAR) == {"bob", "cid"}
    assert listed(answer, "--no-usable-grant") == {"cid"}
    assert listed(answer, "--idle-since", "1h") == set()
    assert listed(answer, "--state", "active", "--missing-scope", CALENDAR) == {"bob"}
    assert listed(answer) == {"ann", "bob", "cid"}


def test_idle_is_told_by_a_day_or_by_how_long(answer: Answer, bridge_world: World) -> None:
    """A day in UTC and a duration mean the same grants."""
    bridge_world.clock.shift = -100 * DAY
    bridge_world.grant("old")
    bridge_world.clock.shift = 0
    bridge_world.grant("new")
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 60 * DAY))
    assert listed(answer, "--idle-since", "60d") == listed(answer, "--idle-since", day) == {"old"}


@pytest.mark.parametrize("text", ["yesterday", "never", "2026-13-01"])
def test_a_time_that_cannot_be_read_is_a_usage_error(run: Run, text: str) -> None:
    """Exit code 2, with the two ways to write one."""
    result = run("grants", "list", *CHOICE, "--idle-since", text)
    assert result.exit_code == 2
    assert "90d" in result.stderr


def test_counts_are_by_state(answer: Answer, run: Run, bridge_world: World) -> None:
    """`--count` tells how many, as text and as JSON."""
    bridge_world.grant("u1")
    bridge_world.read("u1")
    bridge_world.grant("u2")
    told = answer("grants", "list", *CHOICE, "--count")
    assert told == {"grants": 2, "states": {"active": 1, "unverified": 1}}
    lines = run("grants", "list", *CHOICE, "--count").stdout.split("\n")
    assert [line.split() for line in lines if line] == [
        ["2", "grants"],
        ["1", "active"],
        ["1", "unverified"],
    ]


def test_a_tenant_must_be_named_where_there_are_several(run: Run) -> None:
    """Nothing is done to a tenant by accident; an unknown one is no empty list."""
    assert "Name a --tenant" in run("grants", "list").stderr
    result = run("grants", "list", "--tenant", "nobody")
    assert (result.exit_code, "not_found" in result.stderr) == (1, True)


@pytest.mark.parametrize("act", ["forget", "revoke", "recheck"])
def test_ids_and_filters_are_not_mixed(run: Run, act: str) -> None:
    """Neither and both are usage errors: nobody forgets all grants by forgetting an option."""
    assert run("grants", act, *CHOICE).exit_code == 2
    assert run("grants", act, "g_" + "0" * 32, "--state", "active").exit_code == 2


def test_a_dry_run_counts_and_does_nothing(answer: Answer, bridge_world: World) -> None:
    """By state, and for a revocation what else would end."""
    account = bridge_world.account()
    for client in (bridge_world.client, bridge_world.data_client):
        tokens = bridge_world.sign_in(account, client=client)
        bridge_world.login("u1", account, tokens, client=client)
    [one, _] = [grant.id for grant in bridge_world.grants_of("u1")]

    forgetting = answer("grants", "forget", *CHOICE, "--state", "unverified", "--dry-run")
    revoking = answer("grants", "revoke", one, "--dry-run")
    both = answer("grants", "revoke", *CHOICE, "--state", "unverified", "--dry-run")

    states = {"unverified": 2}
    told = {"ok": True, "dry_run": True}
    assert forgetting == told | {"grants": 2, "states": states, "also": 0}
    assert revoking == told | {"grants": 1, "states": {"unverified": 1}, "also": 1}
    assert both == told | {"grants": 2, "states": states, "also": 0}
    assert len(bridge_world.grants_of("u1")) == 2


def test_forgetting_by_a_filter_leaves_the_others(answer: Answer, bridge_world: World) -> None:
    """Only what was chosen goes, and Google is not told."""
    gone = dead(bridge_world, "u1")
    stays = bridge_world.grant("u2").id
    told = answer("grants", "forget", *CHOICE, "--state", "reauth_required", "--yes")
    assert told == {
        "ok": True,
        "dry_run": False,
        "done": 1,
        "passed_over": 0,
        "states": {},
        "failed": [],
    }
    assert bridge_world.services.grants.get(gone) is None
    assert bridge_world.services.grants.get(stays) is not None


def test_it_asks_before_it_forgets(run: Run, bridge_world: World) -> None:
    """With the number; `n` ends it, and nothing was done."""
    grant = bridge_world.grant("u1")
    result = run("grants", "forget", grant.id, typed="n\n")
    assert result.exit_code == 1
    assert "Forget 1 grants?" in result.stderr
    assert bridge_world.services.grants.get(grant.id) is not None
    assert run("grants", "forget", grant.id, typed="y\n").exit_code == 0
    assert bridge_world.services.grants.get(grant.id) is None


def test_a_revocation_ends_the_grants_at_google(answer: Answer, bridge_world: World) -> None:
    """Google forgets the consent, and the tally tells the state."""
    account = bridge_world.account()
    grant = bridge_world.grant("u1", account=account)
    bridge_world.read("u1")
    told = answer("grants", "revoke", grant.id, "--yes")
    assert (told["done"], told["states"]) == (1, {"revoked": 1})
    assert bridge_world.google.refresh_tokens(account) == []


def test_what_fails_is_named_and_the_rest_is_done(run: Run, bridge_world: World) -> None:
    """One grant of a client that left the configuration; exit code 1."""
    good = bridge_world.grant("u1").id
    bad = bridge_world.grant("u2", client=bridge_world.data_client).id
    text = bridge_world.config.read_text()
    start = text.index(
        f'[[tenants.{TENANT}.clients]]\nclient_id = "{bridge_world.data_client.client_id}"'
    )
    end = text.index("[tenants.globex]")
    bridge_world.config.write_text(text[:start] + text[end:])

    result = run("grants", "recheck", good, bad, "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["ok"], told["done"], told["states"]) == (False, 1, {"active": 1})
    assert [(it["grant"], it["code"]) for it in told["failed"]] == [(bad, "client_fault")]


def test_a_recheck_lifts_a_block(answer: Answer, bridge_world: World) -> None:
    """Blocked by a policy that was changed since: it serves again."""
    account = bridge_world.account()
    bridge_world.grant("u1", account=account)
    token = bridge_world.read("u1").access_token
    google = bridge_world.google
    google.inject("token", "admin_policy_enforced", times=None, client=bridge_world.client)
    with pytest.raises(BridgeError, match="blocked"):
        bridge_world.read("u1", rejected=fingerprint(token))

    still = answer("grants", "recheck", *CHOICE, "--state", "blocked")
    google.clear_faults()
    mended = answer("grants", "recheck", *CHOICE, "--state", "blocked")

    assert still["states"] == {"blocked": 1}
    assert mended["states"] == {"active": 1}


def test_every_act_is_told_with_who_did_it(answer: Answer, bridge_world: World) -> None:
    """The audit record names the system's user behind the command line."""
    forgotten = bridge_world.grant("u1").id
    rechecked = bridge_world.grant("u2").id
    bridge_world.read("u2")
    answer("grants", "forget", forgotten, "--yes")
    answer("grants", "recheck", rechecked)
    told = answer("events", *CHOICE)["events"]
    acts = {(event["type"], event["grant"], event["actor"].partition(":")[0]) for event in told}
    assert ("forgotten", forgotten, "cli") in acts
    assert ("rechecked", rechecked, "cli") in acts
