"""The guides as tests read them: their commands, their samples, their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).parents[2] / "docs"
GUIDES: Final = ("first-hour", "google-client", "legacy-users", "long-jobs", "picker")


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return a page's fenced blocks of a language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)
    return found


def commands(name: str) -> Iterator[list[str]]:
    """Yield the arguments of each `$ bridge …` of a page, in its order."""
    for block in blocks(name, "console"):
        for line in re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE):
            words = shlex.split(line.partition(" > ")[0])
            if words[0] == "bridge":
                yield words[1:]


def sample(name: str) -> dict[str, Any]:
    """Return the names that a page's one Python sample defines."""
    [code] = blocks(name, "python")
    names: dict[str, Any] = {"__name__": name}
    exec(compile(code, f"docs/{name}.md", "exec"), names)  # noqa: S102 - our own page
    return names
