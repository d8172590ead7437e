"""How orders and their progress are shown."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from bridge.admin.order_views import (
    FilterView,
    OrderList,
    OrderMade,
    OrderStatus,
    OrderView,
    Progress,
    RecoveryView,
)
from bridge.cli.lifetime import moment
from bridge.cli.output import print_json
from bridge.cli.table import columns

_HEAD = ("ORDER", "MADE", "BY", "MATCHED", "STATE", "BECAUSE")


def print_made(made: OrderMade, *, as_json: bool) -> None:
    """Print a new order, or what a dry run counted."""
    if as_json:
        print_json(made)
    elif made.order is None:
        click.echo("dry run: nothing was written")
        click.echo(f"would mean {made.matched:,} user(s)")
    else:
        click.echo(made.order.id)
        text = f"means {made.matched:,} user(s); `bridge orders show` tells how it goes on"
        click.echo(text, err=True)


def print_list(listing: OrderList, *, as_json: bool) -> None:
    """Print orders, one a line."""
    if as_json:
        print_json(listing)
    elif not listing.orders:
        click.echo("no orders")
    else:
        for line in columns(_HEAD, [_row(order) for order in listing.orders]):
            click.echo(line)


def print_status(status: OrderStatus, *, as_json: bool) -> None:
    """Print an order and its progress."""
    if as_json:
        print_json(status)
        return
    for name, value in (*_facts(status.order), *_counts(status.progress)):
        click.echo(f"{name:<12}{value}")


def print_recovery(found: RecoveryView, *, as_json: bool) -> None:
    """Print whom the policies would have asked."""
    if as_json:
        print_json(found)
        return
    click.echo(f"recovery is {found.recovery!r}; in the last {found.days} days")
    click.echo(f"  signed in          {found.users:,} user(s)")
    for policy in ("ordered", "needed", "always"):
        click.echo(f"  {policy:<8}would ask {getattr(found.would_ask, policy):,}")
    if found.recovery != "observe":
        click.echo("counted only while recovery is 'observe'", err=True)


def _row(order: OrderView) -> tuple[str, ...]:
    return (
        order.id,
        moment(order.created_at),
        order.created_by,
        f"{order.matched:,}",
        _state(order),
        order.reason,
    )


def _facts(order: OrderView) -> Iterator[tuple[str, str]]:
    yield "order", order.id
    yield "tenant", order.tenant
    yield "because", order.reason
    yield "means", _meaning(order)
    yield "made", f"{moment(order.created_at)} by {order.created_by}"
    yield "state", _state(order)
    yield "ends", moment(order.cancelled_at or order.expires_at)


def _counts(progress: Progress) -> Iterator[tuple[str, str]]:
    for name in ("asked", "given", "denied", "abandoned"):
        yield name, f"{getattr(progress, name):,}"
    yield "not seen", f"{progress.not_seen:,}"


def _meaning(order: OrderView) -> str:
    who = f"{order.listed:,} listed" if order.filter is None else _chosen(order.filter)
    also = ", with a working grant too" if order.include_active else ""
    return f"{who}{also}: {order.matched:,} user(s) when it was made"


def _chosen(wanted: FilterView) -> str:
    parts = msgspec.to_builtins(wanted)
    return ", ".join(f"{name} {value}" for name, value in parts.items()) or "everybody"


def _state(order: OrderView) -> str:
    return "in force" if order.cancelled_at is None else f"cancelled by {order.cancelled_by}"
