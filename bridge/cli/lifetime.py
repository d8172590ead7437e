"""Times as people write them: how long a key lives, and when something was or will be."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import click

_FORM: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_DAY: Final = 86_400
_HOUR: Final = 3600
NEVER: Final = 0


class Lifetime(click.ParamType[int]):
    """`12h`, `90d`, `4w`: seconds; or `never`: NEVER."""

    name = "lifetime"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds in a text."""
        if isinstance(value, int):
            return value
        if value == "never":
            return NEVER
        found = _FORM.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no lifetime; write 12h, 90d, 4w or never.", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


def expiry(now: float, lifetime: int) -> int | None:
    """Return the Unix time at which something made now ends; None is never."""
    return None if lifetime == NEVER else int(now) + lifetime


def moment(at: int | None) -> str:
    """Return a Unix time as people read it, `never` for None."""
    if at is None:
        return "never"
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def age(created_at: int | None, now: float) -> str:
    """Return how old something is, roughly."""
    if created_at is None:
        return "-"
    seconds = max(0, int(now) - created_at)
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    return f"{seconds // _HOUR} hours" if seconds >= _HOUR else "new"
