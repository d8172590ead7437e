"""What is wrong with a configuration, as data: where, what, and how to mend it.

A problem names settings and files and never holds a value, so that printing it cannot leak one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic_core import PydanticCustomError

SettingPath: TypeAlias = tuple[str | int, ...]

_PLAIN_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}|[A-Za-z0-9_-]{1,11}")
_SHOWN_OF_ODD_NAME: Final = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        path: the setting (`tenants.acme.clients[0].client_secret`) or the file at fault.
        message: what is wrong with it, without its value.
        mend: what to do; empty where the message says it.
    """

    path: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f"; {self.mend}" if self.mend else "")


class ConfigError(Exception):
    """A configuration that cannot be used; prints every problem, one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: SettingPath) -> str:
    """Return a path as it is shown: `issuers[0].audience`."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else "." + shown_name(part)
    return shown.removeprefix(".")


def shown_name(name: str) -> str:
    """Return a key's name, cut short unless it looks like one.

    A slip of the keyboard can turn a pasted secret into a key, and keys are printed.
    """
    return name if _PLAIN_NAME.fullmatch(name) else f'"{_printable(name)}…"'


def _printable(name: str) -> str:
    return "".join(c for c in name[:_SHOWN_OF_ODD_NAME] if c.isprintable())


def wrong(message: str, mend: str = "") -> PydanticCustomError:
    """Return the error that a validator raises; neither text may hold the value."""
    return PydanticCustomError("setting", "{message}", {"message": message, "mend": mend})
