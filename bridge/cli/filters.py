"""The options by which commands choose grants or users, and the tenant they are in."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from bridge.admin.selecting import filter_of
from bridge.admin.views import ShownState
from bridge.cli.lifetime import NEVER, Lifetime
from bridge.config import Settings
from bridge.errors import BridgeError, invalid
from bridge.google.scopes import normalise
from bridge.model import Filter

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Since(click.ParamType[int]):
    """A day in UTC, `2026-01-31`, or how long ago, `90d`: Unix seconds."""

    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the Unix time in a text."""
        if isinstance(value, int):
            return value
        try:
            return int(datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        except ValueError:
            pass
        ago = NEVER if value == "never" else Lifetime().convert(value, param, ctx)
        if ago == NEVER:
            self.fail("write a day, such as 2026-01-31, or how long ago, such as 90d.", param, ctx)
        return int(time.time()) - ago


class ScopeText(click.ParamType[str]):
    """A Google scope, in Google's spelling."""

    name = "scope"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the scope in a text."""
        try:
            [scope] = normalise([str(value)])
        except BridgeError as error:
            self.fail(error.public, param, ctx)
        return scope


_OPTIONS: Final = (
    click.option(
        "--state", type=click.Choice(ShownState, case_sensitive=False), help="Grants in this state."
    ),
    click.option("--reason", help="Grants whose state has this reason, such as testing_mode."),
    click.option("--domain", help="Accounts of this Workspace domain, or with such an email."),
    click.option(
        "--idle-since",
        type=Since(),
        help="Grants without a refresh after a day, 2026-01-31, or for so long: 90d.",
    ),
    click.option("--missing-scope", type=ScopeText(), help="Grants that lack this Google scope."),
    click.option(
        "--no-usable-grant",
        is_flag=True,
        help="Users none of whose grants can serve.",
    ),
)


def filter_options(command: _Command) -> _Command:
    """Give a command the options of a filter, which it receives as `wanted`."""

    @functools.wraps(command)
    def with_filter(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - click's
        names = ("state", "reason", "domain", "idle_since", "missing_scope", "no_usable_grant")
        parts = {name: options.pop(name) for name in names}
        wanted: Filter = filter_of(**parts)
        return command(*arguments, wanted=wanted, **options)

    for option in reversed(_OPTIONS):
        with_filter = option(with_filter)
    return with_filter  # type: ignore[return-value]  # click's decorators keep what they decorate


def tenant_option(command: _Command) -> _Command:
    """Give a command `--tenant`, which it receives as `tenant`; see `tenant_of`."""
    return click.option("--tenant", help="The tenant; the only one there is need not be named.")(
        command
    )


def tenant_of(settings: Settings, given: str | None) -> str:
    """Return the tenant that a command is about.

    Raises:
        BridgeError: `invalid_request`; none is named, and there are several.
    """
    if given is not None:
        return given
    names = sorted(settings.tenants)
    if len(names) > 1:
        raise invalid(f"Name a --tenant; there is {', '.join(names)}.", field="tenant")
    return names[0]
