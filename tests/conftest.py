"""What every area's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import World, world
from tests.screenshots import SCREENSHOTS
from tests.store.backends import RedisBackend


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the whole bridge of the tests keep its grants elsewhere."""
    parser.addoption("--store", choices=("sqlite", "redis"), default="sqlite")


@pytest.fixture
def bridge_world(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[World]:
    """A whole bridge on a sandbox Google."""
    store = ""
    if pytestconfig.getoption("store") == "redis":
        store = RedisBackend(tmp_path).toml()
    with world(tmp_path, store) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the pictures of pages are, for people to look at."""
    kept = sum(1 for _ in SCREENSHOTS.rglob("*.png"))
    if kept:
        terminalreporter.write_line(f"{kept} screenshots of pages are in {SCREENSHOTS}")
