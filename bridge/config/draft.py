"""A configuration on its way to being one: the raw tree, and what is known to be wrong with it.

The readers of file, environment and secret files fill it in turn and go on after a problem, so
that an operator sees all of them at once.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.config.problems import Problem, SettingPath, dotted


@dataclass(slots=True)
class Draft:
    """The raw tree and its history.

    Attributes:
        folder: what relative paths start from.
        tree: the values as they were written.
        problems: what is wrong so far.
        explained: settings that a problem above speaks for; nothing else is said about them.
        from_environment: settings that a variable set, and the variable's name.
        files: files with secrets in them that were read.
    """

    folder: Path
    tree: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    explained: set[SettingPath] = field(default_factory=set)
    from_environment: dict[SettingPath, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def refuse(self, path: SettingPath, message: str, mend: str = "") -> None:
        """Note a problem with a setting."""
        name = self.from_environment.get(path)
        origin = f" (set by {name})" if name else ""
        self.problems.append(Problem(dotted(path), message + origin, mend))

    def written(self, path: SettingPath) -> object:
        """Return the raw value at a place, or None."""
        node: Any = self.tree
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def name_of_file(self, path: str) -> Path:
        """Return where a path in the configuration leads."""
        return self.folder / path


def read_toml(draft: Draft, path: Path) -> None:
    """Fill the draft from a TOML file."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        draft.problems.append(Problem(str(path), "is not UTF-8 text"))
        return
    except OSError as error:
        mend = "write one with `bridge init`" if isinstance(error, FileNotFoundError) else ""
        draft.problems.append(Problem(str(path), f"cannot be read: {error.strerror}", mend))
        return
    draft.files.append(path)
    try:
        draft.tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        draft.problems.append(Problem(str(path), f"is not valid TOML{_place(error)}"))


def _place(error: Exception) -> str:
    # Only the place: the parser's sentence can quote what it stumbled over.
    _, found, place = str(error).rpartition(" (at ")
    return f" ({place}" if found else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a suggestion for an unknown name, or the known ones where none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(names)}"
