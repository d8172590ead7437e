"""`bridge demo-check`: passes where all is well, and else names the step and what to mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli.callers import list_callers
from bridge.cli.demo.serving import caller_key
from bridge.cli.demo.stage import TENANT, Stage
from bridge.cli.demo_check import demo_check
from bridge.cli.demo_check.calls import CALENDAR, Called
from bridge.cli.demo_check.hands import Clicker
from bridge.cli.demo_check.steps import Check, Hand, Result, Wanted
from bridge.sandbox.canned import CannedAnswer
from bridge.sandbox.records import Account
from bridge.sandbox.sample_app.settings import CONNECTED_PATH
from bridge.secret import Secret

MAY = ("token", "connect", "grants:read", "grants:forget")
NAMES = [
    "serving",
    "connected",
    "disconnect",
    "reconnect",
    "account and scopes",
    "create, read, update",
    "force a refresh",
]


class Idle:
    """A person who presses Enter without having gone anywhere."""

    def follow(self, url: str) -> str | None:
        assert url.startswith("http")
        return None


@pytest.fixture(scope="module")
def bridge(stage: Stage) -> Called:
    permissions = [word for may in MAY for word in ("--permission", may)]
    options = ("checker", "--tenant", TENANT, "--scope", CALENDAR, *permissions)
    return Called(url=stage.internal, key=caller_key(stage.config, options))


@pytest.fixture
def account(stage: Stage, person: Callable[[str], Account]) -> Iterator[Account]:
    """The one account that is signed in at Google."""
    made = person("nia")
    stage.google.accounts.sign_out()
    stage.google.accounts.sign_in(made)
    yield made
    stage.google.clear_faults()
    stage.google.accounts.sign_out()


def wanted(stage: Stage, account: Account, email: str | None = None) -> Wanted:
    return Wanted(
        tenant=TENANT,
        subject=f"user-{account.sub}",
        account=email,
        return_to=stage.app + CONNECTED_PATH,
        calendar=stage.google_url,
    )


def run(bridge: Called, wish: Wanted, hand: Hand | None = None) -> Sequence[Result]:
    return list(Check(bridge, wish, hand or Clicker(home=wish.return_to)).results())


def failure(results: Sequence[Result]) -> Result:
    """Return the one step that failed; those after it were not tried, and it says what to mend."""
    assert [result.step for result in results] == NAMES
    [failed] = [result for result in results if result.passed is False]
    place = results.index(failed)
    assert all(result.passed for result in results[:place])
    assert all(result.passed is None for result in results[place + 1 :])
    assert failed.found
    assert failed.mend
    return failed


pytestmark = pytest.mark.slow


def test_every_step_passes_where_all_is_well(
    stage: Stage, bridge: Called, account: Account
) -> None:
    """Also for a user who is connected already; the calendar is as it was before."""
    for _ in range(2):
        results = run(bridge, wanted(stage, account, account.email))
        assert [(result.step, result.passed) for result in results] == [(n, True) for n in NAMES]
    assert stage.google.workspace.events(account.sub) == []


def test_a_bridge_that_is_not_there_is_named(stage: Stage, account: Account) -> None:
    """Nothing else is tried."""
    nowhere = Called(url="http://127.0.0.1:9", key=Secret("gbk_x"))
    assert failure(run(nowhere, wanted(stage, account))).step == "serving"


def test_a_link_that_nobody_followed_is_named(
    stage: Stage, bridge: Called, account: Account
) -> None:
    """The person is told to open it."""
    failed = failure(run(bridge, wanted(stage, account), Idle()))
    assert failed.step == "connected"
    assert "created" in failed.found


def test_a_page_outside_of_the_list_is_named(
    stage: Stage, bridge: Called, account: Account
) -> None:
    """The bridge's own words say what is wrong."""
    wish = replace(wanted(stage, account), return_to="http://localhost:1/other")
    assert "return_to" in failure(run(bridge, wish)).found


def test_a_calendar_that_refuses_is_named(stage: Stage, bridge: Called, account: Account) -> None:
    """An API that is switched off in the Cloud project is the classic."""
    refusal = CannedAnswer(status=403, body="{}")
    stage.google.inject("calendar", refusal, account=account, times=None)
    failed = failure(run(bridge, wanted(stage, account)))
    assert failed.step == "create, read, update"
    assert "Calendar API" in failed.mend


def test_a_dead_refresh_token_is_named(stage: Stage, bridge: Called, account: Account) -> None:
    """What Google answers to a refresh is found before any event is written."""
    stage.google.inject("token", "invalid_grant", grant_type="refresh_token", times=None)
    failed = failure(run(bridge, wanted(stage, account)))
    assert failed.step == "account and scopes"
    assert "reauth_required" in failed.found


def test_the_command_checks_in_a_sandbox_of_its_own(tmp_path: Path) -> None:
    """It needs no configuration, prints JSON if asked, and leaves nothing behind."""
    told = subprocess.run(
        [sys.executable, "-m", "bridge", "demo-check", "--sandbox", "--json"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    report = json.loads(told.stdout)
    assert report["ok"]
    assert [result["step"] for result in report["results"]] == NAMES
    assert list(tmp_path.iterdir()) == []


def test_the_command_checks_a_running_bridge(stage: Stage, account: Account) -> None:
    """It uses the configuration's own addresses, and its caller is gone afterwards."""
    arguments = ["--config", str(stage.config), "--subject", f"user-{account.sub}", "--yes"]
    result = CliRunner().invoke(demo_check, arguments, input="\n")
    assert result.exit_code == 1
    assert "pass  serving" in result.stdout
    assert "FAIL  connected" in result.stdout
    assert "to mend: open the printed link" in result.stdout
    listed = CliRunner().invoke(list_callers, ["--config", str(stage.config)])
    assert "demo-check" not in listed.stdout
