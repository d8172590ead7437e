"""How callers are shown: one type for JSON, lines for people. A secret is in `Created` alone."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from bridge.cli.lifetime import moment
from bridge.cli.output import print_json
from bridge.cli.table import columns
from bridge.model import CallerKey


class CallerView(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's key without its secret; times are Unix seconds, None is never."""

    name: str
    key: str
    tenants: tuple[str, ...]
    scopes: tuple[str, ...]
    permissions: tuple[str, ...]
    created_at: int
    expires_at: int | None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A new key, with the only showing of its secret."""

    caller: CallerView
    secret: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What `callers list` prints as JSON."""

    callers: tuple[CallerView, ...]


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What `callers revoke` prints as JSON: how many keys ended."""

    name: str
    revoked: int


def shown(key: CallerKey) -> CallerView:
    """Return what of a key may be seen."""
    return CallerView(
        name=key.name,
        key=key.id,
        tenants=key.tenants,
        scopes=key.scopes,
        permissions=key.permissions,
        created_at=key.created_at,
        expires_at=key.expires_at,
    )


def print_created(created: Created, *, as_json: bool) -> None:
    """Print a new key: its secret to standard output, what it is good for to standard error."""
    if as_json:
        print_json(created)
        return
    caller = created.caller
    click.echo(created.secret)
    click.echo(
        f"This is the key {caller.key} of {caller.name}; it is not shown again.\n"
        f"  tenants      {', '.join(caller.tenants)}\n"
        f"  scopes       {', '.join(caller.scopes) or 'none'}\n"
        f"  permissions  {', '.join(caller.permissions)}\n"
        f"  expires      {moment(caller.expires_at)}\n"
        "Send it as `Authorization: Bearer`.",
        err=True,
    )


def print_listing(callers: Sequence[CallerView], now: float, *, as_json: bool) -> None:
    """Print keys: as JSON, or in columns with the ended ones marked."""
    if as_json:
        print_json(Listing(callers=tuple(callers)))
        return
    head = ("NAME", "KEY", "TENANTS", "PERMISSIONS", "EXPIRES", "SCOPES")
    for line in columns(head, [_row(caller, now) for caller in callers]):
        click.echo(line)


def _row(caller: CallerView, now: float) -> tuple[str, ...]:
    ended = caller.expires_at is not None and caller.expires_at <= now
    return (
        caller.name,
        caller.key,
        ",".join(caller.tenants),
        ",".join(caller.permissions),
        moment(caller.expires_at) + (" (ended)" if ended else ""),
        " ".join(caller.scopes) or "none",
    )
