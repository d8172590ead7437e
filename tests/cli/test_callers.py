"""`bridge callers`: what a key may do, when it ends, and that its secret shows once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.kit import CALENDAR, DAY, TENANT, World

Answer = Callable[..., Any]
CREATE = ("callers", "create", "app")
ALLOWED = ("--tenant", TENANT, "--scope", CALENDAR, "--permission", "token")


def test_a_created_caller_reads_tokens(run: Run, bridge_world: World) -> None:
    """The secret that `create` prints, alone on standard output, opens the token route."""
    bridge_world.grant("u1")

    result = run(*CREATE, *ALLOWED)

    assert result.exit_code == 0
    [secret] = result.stdout.splitlines()
    body = {"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}
    headers = {"Authorization": f"Bearer {secret}"}
    assert bridge_world.http.post("/v1/token", json=body, headers=headers).status_code == 200
    assert "it is not shown again" in result.stderr
    assert secret not in result.stderr


def test_a_secret_shows_at_its_creation_alone(run: Run, answer: Answer) -> None:
    """Neither the listing nor the next rotation shows an earlier secret, or any part of it."""
    secret = answer(*CREATE, *ALLOWED)["secret"]
    hidden = secret.partition(".")[2]

    later = [
        run("callers", "list"),
        run("callers", "list", "--json"),
        run("callers", "rotate", "app"),
    ]

    for result in later:
        assert result.exit_code == 0
        assert all(hidden[at : at + 12] not in result.output for at in range(len(hidden) - 11))


def test_scopes_are_kept_in_googles_spelling(answer: Answer) -> None:
    """Short names are spelled out, doubles drop, and the order does not matter."""
    more = ("--scope", "email", "--scope", "openid", "--scope", CALENDAR)

    caller = answer(*CREATE, *ALLOWED, *more)["caller"]

    email = "https://www.googleapis.com/auth/userinfo.email"
    assert caller["scopes"] == sorted([CALENDAR, email, "openid"])


def test_everything_is_allowed_by_a_star_only(answer: Answer, run: Run) -> None:
    """`*` stands for all tenants and scopes; leaving them out never does."""
    stars = ("--tenant", "*", "--scope", "*", "--permission", "token")
    caller = answer(*CREATE, *stars)["caller"]
    assert (caller["tenants"], caller["scopes"]) == (["*"], ["*"])

    without_scope = run("callers", "create", "b", "--tenant", "*", "--permission", "token")
    assert without_scope.exit_code == 1
    assert "needs a --scope; '*' is every scope" in without_scope.stderr
    without_tenant = run("callers", "create", "b", "--scope", "*", "--permission", "token")
    assert without_tenant.exit_code == 2
    assert "Missing option '--tenant'" in without_tenant.stderr


def test_a_caller_without_the_token_permission_needs_no_scope(answer: Answer) -> None:
    """A monitor that reads states alone is told of no scope."""
    monitor = ("callers", "create", "monitor", "--tenant", TENANT, "--permission", "grants:read")
    assert answer(*monitor)["caller"]["scopes"] == []


def test_an_unknown_tenant_is_refused_with_the_known_ones(run: Run) -> None:
    """A slip in a tenant's name shows what was meant."""
    result = run(*CREATE, "--tenant", "acne", "--scope", CALENDAR, "--permission", "token")
    assert result.exit_code == 1
    assert "There is no tenant 'acne'; there is acme, globex." in result.stderr
    assert result.stdout == ""


def test_an_unknown_permission_is_refused_with_the_known_ones(run: Run) -> None:
    """The whole list of permissions is in the message."""
    result = run(*CREATE, *ALLOWED, "--permission", "tokens")
    assert result.exit_code == 2
    for known in (
        "token",
        "grants:read",
        "grants:forget",
        "grants:revoke",
        "preflight",
        "profiles",
    ):
        assert f"'{known}'" in result.stderr


def test_a_shortened_scope_is_refused_with_its_long_form(run: Run) -> None:
    """`calendar` is no scope, and nobody should find out by a refused token."""
    result = run(*CREATE, "--tenant", TENANT, "--scope", "calendar", "--permission", "token")
    assert result.exit_code == 1
    assert f"is {CALENDAR} meant?" in result.stderr


@pytest.mark.parametrize("name", ["", "a b", ".hidden", "ü", "x" * 65])
def test_a_name_that_a_log_could_not_carry_is_refused(run: Run, name: str) -> None:
    """Names are plain."""
    result = run("callers", "create", name, *ALLOWED)
    assert result.exit_code == 1
    assert "A caller's name has up to 64 letters" in result.stderr


def test_a_taken_name_is_refused(run: Run, answer: Answer) -> None:
    """Two callers of one name could not be told apart."""
    answer(*CREATE, *ALLOWED)
    result = run(*CREATE, *ALLOWED)
    assert result.exit_code == 1
    assert "There is a caller 'app' already." in result.stderr


def test_a_key_ends_when_it_should(answer: Answer, run: Run) -> None:
    """`--expires-in 90d` ends in ninety days, the default never."""
    timed = answer(*CREATE, *ALLOWED, "--expires-in", "90d")["caller"]
    assert timed["expires_at"] == pytest.approx(time.time() + 90 * DAY, abs=60)
    assert answer("callers", "create", "b", *ALLOWED)["caller"]["expires_at"] is None
    refused = run("callers", "create", "c", *ALLOWED, "--expires-in", "soon")
    assert refused.exit_code == 2
    assert "write 12h, 90d, 4w or never" in refused.stderr


def test_a_rotated_caller_has_two_keys_until_the_old_one_is_revoked(
    run: Run, answer: Answer, bridge_world: World
) -> None:
    """Both keys work; the text says which to end; a third is refused meanwhile."""
    old = answer(*CREATE, *ALLOWED, "--expires-in", "4w")
    rotated = run("callers", "rotate", "app")
    old_id = old["caller"]["key"]
    new = rotated.stdout.strip()

    assert f"bridge callers revoke app --key {old_id}" in rotated.stderr
    third = run("callers", "rotate", "app")
    assert third.exit_code == 1
    assert "revoke one of them first" in third.stderr
    keys = answer("callers", "list")["callers"]
    assert [key["expires_at"] - key["created_at"] for key in keys] == pytest.approx([28 * DAY] * 2)

    assert answer("callers", "revoke", "app", "--key", old_id) == {"name": "app", "revoked": 1}
    assert bridge_world.services.gate.admit(f"Bearer {new}").name == "app"
    assert len(answer("callers", "list")["callers"]) == 1


def test_revoking_a_caller_ends_all_of_its_keys(run: Run, answer: Answer) -> None:
    """Without `--key` nothing of the caller is left."""
    answer(*CREATE, *ALLOWED)
    answer("callers", "rotate", "app")
    result = run("callers", "revoke", "app")
    assert result.stdout == "revoked 2 key(s) of app\n"
    assert answer("callers", "list") == {"callers": []}


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_an_unknown_caller_is_refused_with_the_known_ones(
    run: Run, answer: Answer, command: str
) -> None:
    """A slip in a name never ends in silence."""
    assert "there is none yet" in run("callers", command, "ap").stderr
    answer(*CREATE, *ALLOWED)
    result = run("callers", command, "ap")
    assert result.exit_code == 1
    assert "There is no caller 'ap'; there is app." in result.stderr


def test_an_unknown_key_of_a_caller_is_refused(run: Run, answer: Answer) -> None:
    """The other keys stay."""
    answer(*CREATE, *ALLOWED)
    result = run("callers", "revoke", "app", "--key", "0123")
    assert result.exit_code == 1
    assert "app has no key 0123" in result.stderr
    assert len(answer("callers", "list")["callers"]) == 1


def test_the_listing_tells_rights_and_end_in_columns(
    run: Run, answer: Answer, bridge_world: World
) -> None:
    """One line a key, below a heading; an ended key is marked."""
    answer(*CREATE, *ALLOWED, "--expires-in", "1h")
    head, line = run("callers", "list").stdout.splitlines()
    assert head.split() == ["NAME", "KEY", "TENANTS", "PERMISSIONS", "EXPIRES", "SCOPES"]
    assert line.split()[0] == "app"
    assert line.split()[2:4] == [TENANT, "token"]
    assert line.endswith(CALENDAR)


def test_errors_are_json_where_results_are(run: Run) -> None:
    """With `--json` a refusal is an object on standard output too."""
    result = run("callers", "revoke", "nobody", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["code"] == "not_found"
