"""What the log says of a refresh, and what it never says."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from structlog.testing import capture_logs

from bridge.secret import fingerprint
from tests.kit import CALENDAR, HOUR, World
from tests.tokens.support import BOTH, capture, proven, refusal, told


def refreshes(logged: list[Any]) -> list[dict[str, Any]]:
    return [dict(entry) for entry in logged if entry["event"] == "refresh"]


def test_a_refresh_is_told_with_all_that_helps_to_find_a_fault(bridge_world: World) -> None:
    """Asked and granted scopes, account kind, Google's request id, run label, fingerprints."""
    account = bridge_world.account(hd="corp.example")
    token = capture(bridge_world, "u1", account, BOTH)
    bridge_world.read("u1", CALENDAR)
    bridge_world.clock.advance(2 * HOUR)

    with capture_logs() as logged:
        served = bridge_world.read(
            "u1", CALENDAR, run="nightly-42", caller=bridge_world.caller(scopes=[CALENDAR])
        )

    [told_of] = refreshes(logged)
    assert told_of["outcome"] == "Refreshed"
    assert CALENDAR in told_of["asked"]
    assert sorted(told_of["asked"]) == sorted(told_of["granted"])
    assert told_of["account_kind"] == "workspace"
    assert told_of["hosted_domain"] == "corp.example"
    assert told_of["run"] == "nightly-42"
    assert told_of["upstream_request"]
    assert told_of["refresh_token"] == fingerprint(token)
    assert told_of["access_token"] == fingerprint(served.access_token)
    assert told_of["grant"] == served.grant


def test_a_consumers_account_is_told_apart(bridge_world: World) -> None:
    """Without a Workspace domain the account is a consumer's, and all scopes were asked for."""
    capture(bridge_world, "u1", bridge_world.account(), BOTH)
    with capture_logs() as logged:
        bridge_world.read("u1", CALENDAR)

    [told_of] = refreshes(logged)
    assert (told_of["account_kind"], told_of["asked"]) == ("consumer", None)


def test_a_refusal_is_told_by_its_cause(bridge_world: World) -> None:
    """An unknown error's word, if it is a plain one, reaches the log."""
    account, _ = proven(bridge_world, "u1")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.google.accounts.require_reauth(account)
    with capture_logs() as logged:
        refusal(lambda: bridge_world.read("u1", CALENDAR))

    [told_of] = refreshes(logged)
    assert (told_of["outcome"], told_of["cause"]) == ("Dead", "session_control")


def test_no_token_is_in_any_log_entry(bridge_world: World) -> None:
    """Through capture, proof, refusal, foreign token and refresh, no token's text is logged."""
    account, stranger = bridge_world.account(), bridge_world.account()
    foreign = bridge_world.google.mint_refresh_token(stranger, bridge_world.client, BOTH)
    with capture_logs() as logged:
        secrets = [capture(bridge_world, "u1", account, BOTH), foreign]
        served = [bridge_world.read("u1", CALENDAR)]
        told(bridge_world, "u1", account, refresh_token=foreign)
        for answer in ("internal_failure", "html_200", "invalid_client", None):
            bridge_world.clock.advance(2 * HOUR)
            if answer is None:
                bridge_world.google.clear_faults()
                served.append(bridge_world.read("u1", CALENDAR))
                continue
            bridge_world.google.inject("token", answer, times=None)
            refusal(lambda: bridge_world.read("u1", CALENDAR))
            bridge_world.google.clear_faults()

    text = json.dumps(logged, default=repr)
    secrets += [one.access_token.reveal() for one in served]
    windows = {secret[n : n + 12] for secret in secrets for n in range(5, len(secret) - 12)}
    assert not [window for window in windows if window in text]
    assert fingerprint(foreign) in text


def test_a_death_freeze_is_an_error_in_the_log(bridge_world: World) -> None:
    """The alarm is one entry at level `error`, with tenant and client."""
    accounts = []
    for number in range(25):
        account = bridge_world.account()
        capture(bridge_world, f"u{number}", account, BOTH)
        accounts.append(account)
        bridge_world.google.kill_refresh_tokens(account)
    with capture_logs() as logged:
        for number in range(25):
            refusal(partial(bridge_world.read, f"u{number}", CALENDAR))

    alarms = [entry for entry in logged if entry["event"] == "deaths_frozen"]
    assert len(alarms) == 6
    assert {entry["log_level"] for entry in alarms} == {"error"}
    assert {entry["client"] for entry in alarms} == {bridge_world.client.client_id}
