"""`bridge orders`: asking users to consent once more, at their next login."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click
import msgspec

from bridge.admin.order_views import MOST_SUBJECTS, FilterWish, OrderRequest
from bridge.admin.views import ShownState
from bridge.cli.configuration import config_option
from bridge.cli.filters import filter_options, tenant_of, tenant_option
from bridge.cli.opened import opened
from bridge.cli.operator import operator
from bridge.cli.order_views import print_list, print_made, print_recovery, print_status
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.cli.progress import counting
from bridge.errors import invalid
from bridge.model import Filter
from bridge.parsing import Label, Name


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """That an order has ended."""

    order: str


@click.group()
def orders() -> None:
    """Ask users to consent once more, at their next login, and see what came of it.

    Nobody is asked while one of their grants works, unless you say --include-active; nobody twice
    in a login; and nobody within the days of rest after a refusal.
    """


@orders.command()
@config_option
@tenant_option
@filter_options
@click.option(
    "--subjects",
    type=click.File(encoding="utf-8"),
    help="The IdP's user ids, one a line, '-' for standard input; instead of a filter.",
)
@click.option("--everybody", is_flag=True, help="All users of the tenant; instead of a filter.")
@click.option("--include-active", is_flag=True, help="Also ask users who have a working grant.")
@click.option("--because", "text", required=True, help="Why, for the audit and for other admins.")
@click.option("--dry-run", is_flag=True, help="Only count whom it would mean.")
@json_option
def create(  # noqa: PLR0913 - a command's options
    config: Path | None,
    tenant: str | None,
    wanted: Filter,
    *,
    subjects: TextIO | None,
    everybody: bool,
    include_active: bool,
    text: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Order that users be asked. It lasts a year, is one record, and is cancelled at once.

    Choose them by options that are combined, by a list, or take --everybody. Users that were never
    seen are not counted, but meant as soon as they sign in. Try it with --dry-run first.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        ways = (wanted != Filter(), subjects is not None, everybody)
        if sum(ways) != 1:
            raise invalid("Choose by options, give --subjects, or take --everybody: one of them.")
        wish = OrderRequest(
            tenant=tenant_of(services.settings, tenant),
            reason=_checked(
                text, Label, "--because is no text of up to 128 printable ASCII characters."
            ),
            filter=None if subjects else _wish(wanted),
            subjects=_names(subjects) if subjects else None,
            include_active=include_active,
            dry_run=dry_run,
        )
        with counting("grants looked at") as counter:
            made = services.orders.create(operator(), wish, counter)
        print_made(made, as_json=as_json)


@orders.command("list")
@config_option
@tenant_option
@json_option
def list_orders(config: Path | None, tenant: str | None, *, as_json: bool) -> None:
    """Show a tenant's orders, the newest first, those too that were cancelled."""
    with failing_readably(as_json=as_json), opened(config) as services:
        name = tenant_of(services.settings, tenant)
        print_list(services.orders.list(operator(), name), as_json=as_json)


@orders.command()
@config_option
@click.argument("order")
@json_option
def show(config: Path | None, order: str, *, as_json: bool) -> None:
    """Show the order with the id ORDER, and how many users were asked and consented."""
    with failing_readably(as_json=as_json), opened(config) as services:
        print_status(services.orders.show(operator(), order), as_json=as_json)


@orders.command()
@config_option
@click.argument("order")
@json_option
def cancel(config: Path | None, order: str, *, as_json: bool) -> None:
    """End the order with the id ORDER: from now on nobody is asked for it."""
    with failing_readably(as_json=as_json), opened(config) as services:
        services.orders.cancel(operator(), order)
        if as_json:
            print_json(Cancelled(order=order))
        else:
            click.echo(f"cancelled {order}")


@orders.command()
@config_option
@tenant_option
@json_option
def recovery(config: Path | None, tenant: str | None, *, as_json: bool) -> None:
    """Count the users whom each recovery policy would have asked in the last 30 days.

    Only where the tenant's `recovery` is `observe`: the other policies act, and do not count.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        name = tenant_of(services.settings, tenant)
        print_recovery(services.orders.recovery(operator(), name), as_json=as_json)


def _wish(wanted: Filter) -> FilterWish:
    return FilterWish(
        state=ShownState(wanted.state.value) if wanted.state else None,
        reason=wanted.reason,
        domain=wanted.domain,
        idle_since=wanted.idle_since,
        missing_scope=wanted.missing_scope,
        no_usable_grant=wanted.no_usable_grant,
    )


def _names(file: TextIO) -> tuple[str, ...]:
    lines = (line.strip() for line in file)
    names = tuple(
        _checked(line, Name, f"Line {number} of the list is no user id.")
        for number, line in enumerate(lines, 1)
    )
    if not 0 < len(names) <= MOST_SUBJECTS:
        raise invalid(f"A list has 1 to {MOST_SUBJECTS:,} user ids.", field="subjects")
    return names


def _checked(text: str, kind: object, otherwise: str) -> str:
    """Return a text that is of a wire type, as the API would take it."""
    try:
        return str(msgspec.convert(text, kind))
    except msgspec.ValidationError:
        raise invalid(otherwise) from None
