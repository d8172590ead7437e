"""`bridge` as a whole: its help, its version, its errors, and the page that documents it."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bridge import __version__
from bridge.__main__ import main
from bridge.cli.commands import bridge

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"


def tree(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, groups too."""
    yield name, command
    if isinstance(command, click.Group):
        for child, below in command.commands.items():
            yield from tree(below, f"{name} {child}")


TREE = dict(tree(bridge, "bridge"))
_RUN_ON = {"bridge serve", "bridge init", "bridge demo", "bridge demo-script"}
LEAVES = {
    name: it
    for name, it in TREE.items()
    if not isinstance(it, click.Group) or it.invoke_without_command
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bridge, arguments, catch_exceptions=False, prog_name="bridge")


def sections() -> dict[str, str]:
    """Return the page's text by the command in each heading."""
    parts = re.split(
        r"^#+ `(bridge[a-z -]*)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_installed_command_is_this_one() -> None:
    """`bridge` and `python -m bridge` are the same program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert pkgutil.resolve_name(project["scripts"]["bridge"]) is main


def test_python_m_bridge_tells_its_version() -> None:
    """The version of the package, on standard output."""
    told = subprocess.check_output([sys.executable, "-m", "bridge", "--version"], text=True)
    assert told == f"bridge {__version__}\n"


def test_help_lists_every_command_under_a_heading() -> None:
    """In the order in which a stranger needs them, none left over."""
    text = run("--help").output
    headings = [
        place
        for heading in ("Try it", "Set up and run", "Administer")
        if (place := text.find(f"{heading}:")) >= 0
    ]
    assert len(headings) == 3
    assert headings == sorted(headings)
    assert "Others:" not in text
    for name in bridge.commands:
        assert re.search(rf"^  {name} +[A-Z]", text, re.MULTILINE), name


@pytest.mark.parametrize("name", TREE)
def test_every_command_and_option_explains_itself(name: str) -> None:
    """No help text is missing, and each first sentence is whole."""
    command = TREE[name]
    assert command.help
    assert command.help.split("\n\n")[0].rstrip().endswith((".", ".*"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"
    assert run(*name.split()[1:], "--help").exit_code == 0


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_that_prints_results_prints_them_as_json(name: str) -> None:
    """`--json` is everywhere but where there is no result."""
    has_json = any(parameter.name == "as_json" for parameter in LEAVES[name].params)
    assert has_json is (name not in _RUN_ON)


def test_the_page_has_a_section_for_every_command_and_no_other() -> None:
    """In the order of the help."""
    assert sorted(sections()) == sorted(LEAVES)


@pytest.mark.parametrize("name", LEAVES)
def test_the_page_tells_every_option_and_argument(name: str) -> None:
    """By name, with its default, and no option that is not there."""
    text, command = sections()[name], LEAVES[name]
    known = {"--help"}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            known.update(parameter.opts)
            assert f"`{max(parameter.opts, key=len)}" in text, parameter.name
        else:
            assert f"`{parameter.make_metavar(click.Context(command)).strip('[]')}`" in text
    for option in re.findall(r"`(--[a-z-]+)", text):
        belongs = option in known or option in re.findall(r"bridge [^`]*?(--[a-z-]+)", text)
        assert belongs, option


@pytest.mark.parametrize("command", ["keys list", "callers list", "store restored", "serve"])
def test_a_missing_configuration_is_told_with_the_way_to_one(command: str, anywhere: None) -> None:
    """Every command that needs one says so, without a traceback, and exits with 1."""
    result = run(*command.split())
    assert result.exit_code == 1
    assert result.stderr == (
        "error: bridge.toml: cannot be read: No such file or directory;"
        " write one with `bridge init`\n"
    )
    assert result.stdout == ""


def test_a_missing_configuration_is_json_where_asked(anywhere: None) -> None:
    """The same as an object."""
    result = run("callers", "list", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"][0]["path"] == "bridge.toml"


@pytest.mark.parametrize("arguments", [("kees",), ("keys", "lst"), ("keys", "list", "--jsn")])
def test_a_command_line_that_cannot_be_read_exits_with_2(arguments: tuple[str, ...]) -> None:
    """Click's own code for usage, with the help to ask for."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert "--help' for help." in result.stderr.replace("-h' for", "--help' for")
