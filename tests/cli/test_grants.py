"""`bridge grants import`: every line's fate is told, and nothing is lost by running it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Run
from tests.kit import CALENDAR, TENANT, World

Answer = Callable[..., Any]


def line(world: World, subject: str, **more: Any) -> str:
    """Return a line for a fresh account with a live refresh token."""
    account = world.account()
    token = world.google.mint_refresh_token(account, world.client, CALENDAR)
    fields = {
        "tenant": TENANT,
        "subject": subject,
        "account": {"sub": account.sub},
        "client": world.client.client_id,
        "refresh_token": token,
    }
    return json.dumps(fields | more)


def written(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines))
    return str(path)


def test_imported_grants_serve(answer: Answer, bridge_world: World, tmp_path: Path) -> None:
    """A file's refresh tokens give access tokens afterwards."""
    file = written(tmp_path / "f", line(bridge_world, "u1"), "", line(bridge_world, "u2"))

    tally = answer("grants", "import", file)

    assert tally == {
        "ok": True,
        "dry_run": False,
        "imported": 2,
        "known": 0,
        "shut_out": 0,
        "wrong": [],
    }
    assert bridge_world.read("u2").access_token


def test_a_second_run_finds_all_of_it_known(
    answer: Answer, bridge_world: World, tmp_path: Path
) -> None:
    """An import that was cut off is run again, and says how much it knew."""
    lines = [line(bridge_world, f"u{n}") for n in range(3)]
    answer("grants", "import", written(tmp_path / "half", *lines[:2]))
    tally = answer("grants", "import", written(tmp_path / "whole", *lines))
    assert (tally["imported"], tally["known"]) == (1, 2)


def test_a_dry_run_writes_nothing(run: Run, answer: Answer, bridge_world: World) -> None:
    """It tells what would be, and the real run finds nothing known."""
    text = line(bridge_world, "u1")
    result = run("grants", "import", "-", "--dry-run", typed=text)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "dry run: nothing was written"
    assert "imported  1" in result.stdout
    assert bridge_world.grants_of("u1") == []
    assert answer("grants", "import", "-", typed=text)["imported"] == 1


def test_wrong_lines_are_named_and_the_others_imported(run: Run, bridge_world: World) -> None:
    """Each by its number and field; the exit code is 1; no value is quoted."""
    secret = "1//a-refresh-token-in-the-wrong-place"
    lines = [
        line(bridge_world, "u1"),
        line(bridge_world, "u2", tenant="acne"),
        line(bridge_world, "u3", client="123-x.apps.googleusercontent.com"),
        line(bridge_world, "u4", refesh_token=secret),
        line(bridge_world, "u5", account={"sub": 7, "email": secret}),
        '{"tenant": "acme"',
        line(bridge_world, "u7"),
    ]
    result = run("grants", "import", "-", typed="\n".join(lines))

    assert result.exit_code == 1
    assert "imported  2" in result.stdout
    assert "wrong     5" in result.stdout
    wrong = [text for text in result.stderr.splitlines() if text.startswith("error: line ")]
    numbers = [text.split(": ")[1] for text in wrong]
    assert numbers == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    fields = [text.split(": ")[2] for text in wrong]
    assert fields[:4] == ["tenant", "client", "refesh_token", "account.sub"]
    assert secret not in result.output


def test_wrong_lines_are_in_the_json_too(run: Run) -> None:
    """`ok` is false, and the exit code 1."""
    result = run("grants", "import", "-", "--json", typed="{}")
    assert result.exit_code == 1
    tally = json.loads(result.stdout)
    assert tally["ok"] is False
    assert tally["wrong"] == [{"line": 1, "problem": "tenant: This field is missing."}]


def test_progress_goes_to_standard_error(run: Run, bridge_world: World) -> None:
    """Standard output stays clean for results."""
    result = run("grants", "import", "-", typed=line(bridge_world, "u1"))
    assert "1 lines done" in result.stderr
    assert "lines done" not in result.stdout


def test_no_token_of_an_import_is_printed(run: Run, bridge_world: World) -> None:
    """The control: the token is in the input."""
    text = line(bridge_world, "u1")
    token = json.loads(text)["refresh_token"]
    outputs = [run("grants", "import", "-", *more, typed=text).output for more in ((), ("--json",))]
    assert token in text
    assert all(token[at : at + 12] not in out for at in range(len(token) - 11) for out in outputs)


def test_a_file_that_is_not_there_is_a_usage_error(run: Run) -> None:
    """Click's own code and text."""
    result = run("grants", "import", "missing.ndjson")
    assert result.exit_code == 2
    assert "'missing.ndjson': No such file or directory" in result.stderr
