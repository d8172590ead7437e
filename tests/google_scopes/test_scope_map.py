from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from types import ModuleType

SHIPPED = files("bridge.google").joinpath("scope_map.json").read_bytes()


def test_the_shipped_map_is_what_the_pinned_documents_give(generator: ModuleType) -> None:
    """Regenerating from the pinned discovery documents gives the shipped file byte for byte."""
    assert generator.render(generator.documents()) == SHIPPED


def test_the_map_covers_the_eight_apis_whole() -> None:
    """All 244 methods of the eight Workspace APIs are there, and each has a scope."""
    actions = json.loads(SHIPPED)["actions"]
    assert len(actions) == 244
    assert all(actions.values())
    assert {name.split(".")[0] for name in actions} == {
        "calendar",
        "docs",
        "drive",
        "gmail",
        "people",
        "sheets",
        "slides",
        "tasks",
    }


def test_the_map_stays_small() -> None:
    """The file that ships is a few kilobytes, not the documents it came from."""
    assert len(SHIPPED) < 16_000


def test_reading_the_map_needs_no_development_dependency() -> None:
    """The map is read at the first question, without importing Google's client library."""
    script = (
        "import sys; from bridge.google import scopes\n"
        "assert scopes._scope_map.cache_info().currsize == 0\n"
        "scopes.scopes_for('tasks.tasks.list'); scopes.scopes_for('drive.files.list')\n"
        "assert scopes._scope_map.cache_info().misses == 1\n"
        "assert not any(name.startswith('googleapiclient') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
