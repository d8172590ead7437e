"""The user's page: its example runs, and it leaves nothing out."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from bridge.sandbox import SandboxGoogle, SandboxOptions
from bridge.sandbox.app import create_app

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The example starts a sandbox and prints a token endpoint and a refresh token."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/sandbox.md", "exec"), {})  # noqa: S102 - our own page
    url, token = capsys.readouterr().out.split()
    assert url.endswith("/token")
    assert token.startswith("1//")


@pytest.mark.parametrize("option", [field.name for field in fields(SandboxOptions)])
def test_every_option_is_documented(option: str) -> None:
    """Each option has its line in the table, and a default."""
    assert re.search(rf"^\| `{option}` \| \S+", PAGE, re.MULTILINE)


def test_every_control_route_is_documented() -> None:
    """Each path below /sandbox is in the table."""
    paths = [str(rule) for rule in create_app(SandboxGoogle()).url_map.iter_rules()]
    rules = [path for path in paths if path.startswith("/sandbox/")]
    assert len(rules) > 20
    for rule in rules:
        words = [word for word in re.split(r"/|<\w+>", rule) if word]
        assert all(word in PAGE for word in words), rule
