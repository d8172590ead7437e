"""`bridge orders`: asking users to consent once more, from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeError
from tests.cli.conftest import Run
from tests.kit import TENANT, World

Answer = Callable[..., Any]
CREATE = ("orders", "create", "--tenant", TENANT, "--because", "first wave")


@pytest.fixture
def dead(bridge_world: World) -> World:
    """A bridge with one user whose grant died, and one whose grant works."""
    account = bridge_world.account("ann@example.com")
    bridge_world.grant("u1", account=account)
    bridge_world.grant("u2")
    bridge_world.google.kill_refresh_tokens(account)
    with pytest.raises(BridgeError):
        bridge_world.read("u1")
    bridge_world.read("u2")
    return bridge_world


def listing(tmp_path: Path, *names: str) -> str:
    path = tmp_path / "users.txt"
    path.write_text("\n".join(names) + "\n", encoding="utf-8")
    return str(path)


def test_an_order_is_made_listed_shown_and_cancelled(run: Run, dead: World) -> None:
    """The id alone is on standard output, to be passed on."""
    made = run(*CREATE, "--state", "reauth_required", "--domain", "example.com")
    assert made.exit_code == 0
    order = made.stdout.strip()
    assert re.fullmatch(r"o_[A-Za-z0-9_-]{32}", order)
    assert "means 1 user(s)" in made.stderr

    listed = run("orders", "list", "--tenant", TENANT).stdout
    assert re.search(rf"^{order} .* 1 +in force +first wave$", listed, re.MULTILINE)
    shown = run("orders", "show", order).stdout
    assert re.search(
        r"^means +state reauth_required, domain example.com: 1 user", shown, re.MULTILINE
    )
    assert re.search(r"^not seen +1$", shown, re.MULTILINE)

    assert run("orders", "cancel", order).stdout == f"cancelled {order}\n"
    assert "cancelled by cli:" in run("orders", "show", order).stdout


def test_a_list_of_users_is_read_from_a_file_or_standard_input(
    answer: Answer, dead: World, tmp_path: Path
) -> None:
    """Double names count once; whoever has a working grant is not meant."""
    file = listing(tmp_path, "u1", "u2", "u3", "u1")
    made = answer(*CREATE, "--subjects", file)
    assert (made["matched"], made["order"]["listed"]) == (2, 3)
    made = answer(*CREATE, "--subjects", "-", "--include-active", typed="u1\nu2\n")
    assert (made["matched"], made["order"]["include_active"]) == (2, True)


def test_a_dry_run_counts_and_makes_nothing(run: Run, answer: Answer, dead: World) -> None:
    """In the same words as the order would."""
    text = run(*CREATE, "--no-usable-grant", "--dry-run").stdout
    assert text == "dry run: nothing was written\nwould mean 1 user(s)\n"
    assert answer(*CREATE, "--everybody", "--dry-run") == {"order": None, "matched": 1}
    assert answer("orders", "list", "--tenant", TENANT) == {"orders": []}
    assert run("orders", "list", "--tenant", TENANT).stdout == "no orders\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "one of them"),
        (("--everybody", "--no-usable-grant"), "one of them"),
        (("--everybody", "--subjects", "-"), "one of them"),
        (("--subjects", "-"), "1 to 100,000"),
        (("--everybody", "--tenant", "nobody"), "no such tenant"),
    ],
)
def test_what_is_unclear_is_refused(
    run: Run, dead: World, arguments: tuple[str, ...], told: str
) -> None:
    """With exit code 1 and no order: nobody is asked for want of an option."""
    result = run(*CREATE, *arguments, typed="")
    assert result.exit_code == 1
    assert told in result.stderr
    assert json.loads(run("orders", "list", "--tenant", TENANT, "--json").stdout)["orders"] == []


def test_a_wrong_line_is_named_by_its_number(run: Run, dead: World) -> None:
    """Never by what is in it: it could be a token."""
    result = run(*CREATE, "--subjects", "-", "--json", typed="u1\n1//0abcdefghijklmn\n")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["code"] == "invalid_request"
    assert told["message"] == "Line 2 of the list is no user id."
    assert "1//0abcdefghijklmn" not in result.output


def test_an_unknown_order_is_told(run: Run, dead: World) -> None:
    """With exit code 1."""
    for command in ("show", "cancel"):
        result = run("orders", command, "o_" + "x" * 32)
        assert (result.exit_code, "no order" in result.stderr) == (1, True)


def test_recovery_tells_the_numbers_of_each_policy(run: Run, answer: Answer, dead: World) -> None:
    """And says so where nothing is counted."""
    found = answer("orders", "recovery", "--tenant", TENANT)
    assert found["would_ask"] == {"ordered": 0, "needed": 0, "always": 0}
    result = run("orders", "recovery", "--tenant", TENANT)
    assert "needed  would ask 0" in result.stdout
    assert "only while recovery is 'observe'" in result.stderr
