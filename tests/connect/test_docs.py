"""docs/connect.md is true: its statuses are those in use, and its settings load."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.config import load
from bridge.connect.views import ShownStatus
from tests.connect.conftest import ConnectWorld

PAGE = (Path(__file__).parents[2] / "docs" / "connect.md").read_text()


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_every_status_is_explained() -> None:
    """The table has each status that a backend can be told, and no other."""
    table = section("What each status means").partition("At `return_to`")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {s.value for s in ShownStatus}


def test_the_printed_settings_load(connect_world: ConnectWorld) -> None:
    """Each block of settings is taken, in the place of the same settings of one that works."""
    blocks = re.findall(r"```toml\n\[tenants\.acme\]\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    text = connect_world.config.read_text()
    for block in blocks:
        names = tuple(line.partition(" =")[0] for line in block.splitlines())
        kept = "\n".join(line for line in text.splitlines() if not line.startswith(names))
        # A pair of settings that belong together is left out of the other tenant whole.
        settings = block.replace("at least 32 characters", "x" * 32)
        connect_world.config.write_text(
            kept.replace("[tenants.acme]", f"[tenants.acme]\n{settings}")
        )
        assert load(connect_world.config, {}).tenants["acme"].return_to
