"""Commands run on the files of a whole bridge, as an operator would run them beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from click.testing import CliRunner, Result

from bridge.cli.commands import bridge
from tests.kit import World


class Run(Protocol):
    """Runs `bridge` with arguments; `typed` is what comes on standard input."""

    def __call__(self, *arguments: str, typed: str | bytes | None = None) -> Result: ...


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A working directory and an environment without a configuration."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.delenv("BRIDGE_CONFIG", raising=False)


@pytest.fixture
def run(bridge_world: World, anywhere: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run commands on `bridge_world`."""
    monkeypatch.setenv("BRIDGE_CONFIG", str(bridge_world.config))

    def run(*arguments: str, typed: str | bytes | None = None) -> Result:
        return CliRunner().invoke(bridge, arguments, input=typed, catch_exceptions=False)

    return run


@pytest.fixture
def answer(run: Run) -> Callable[..., Any]:
    """Run commands that succeed; return their JSON."""

    def answer(*arguments: str, typed: str | bytes | None = None) -> Any:
        result = run(*arguments, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return answer
