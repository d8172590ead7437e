"""What every area's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]  # ships no types

from tests import frugal
from tests.kit import World, world
from tests.screenshots import SCREENSHOTS
from tests.store.backends import RedisBackend

# A machine that does something else for 0.2 s is no fault of what is tested.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

frugal.spare()


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


class _KeycloakInOneWorker(LoadGroupScheduling):  # type: ignore[misc]  # the same
    """Gives each test to whoever is free, but for those that share one Keycloak."""

    def _split_scope(self, nodeid: str) -> str:
        return "keycloak" if nodeid.startswith("tests/keycloak/") else nodeid


# The `xdist_group` mark would say so, were it not that xdist 3.8 and pytest 9.2 disagree about it.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadGroupScheduling:
    """Share tests out among the workers."""
    return _KeycloakInOneWorker(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the pictures of pages are, for people to look at."""
    kept = sum(1 for _ in SCREENSHOTS.rglob("*.png"))
    if kept:
        terminalreporter.write_line(f"{kept} screenshots of pages are in {SCREENSHOTS}")
