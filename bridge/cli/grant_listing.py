"""`bridge grants list` and `show`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from bridge.admin.bulk import Bulk
from bridge.admin.views import GrantPage, view
from bridge.cli.configuration import config_option
from bridge.cli.filters import filter_options, tenant_of, tenant_option
from bridge.cli.grant_views import counts, print_counts, print_grant, print_page
from bridge.cli.opened import opened
from bridge.cli.operator import operator
from bridge.cli.output import failing_readably, json_option
from bridge.errors import invalid
from bridge.model import Filter
from bridge.services import Services
from bridge.vault.grants import parse_id


@click.command("list")
@config_option
@tenant_option
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="How many to show at most.",
)
@click.option("--after", help="The id after which to go on, as the page before told.")
@click.option("--count", is_flag=True, help="Only count them, by state.")
@json_option
def list_grants(  # noqa: PLR0913 - a command's options
    config: Path | None,
    tenant: str | None,
    wanted: Filter,
    *,
    limit: int,
    after: str | None,
    count: bool,
    as_json: bool,
) -> None:
    """Show a tenant's grants in the order of their ids, without their secrets.

    Options that choose are combined: a grant is shown if all of them apply to it.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        name = tenant_of(services.settings, tenant)
        if count:
            bulk = Bulk(admin=services.admin, rechecking=services.rechecking)
            chosen = bulk.choose(operator(), name, wanted)
            print_counts(counts(chosen), as_json=as_json)
        else:
            print_page(_page(services, name, wanted, after, limit), as_json=as_json)


@click.command()
@config_option
@click.argument("grant")
@json_option
def show(config: Path | None, grant: str, *, as_json: bool) -> None:
    """Show the grant with the id GRANT: whose it is, its state, scopes and times."""
    with failing_readably(as_json=as_json), opened(config) as services:
        held = services.admin.show(operator(), grant)
        print_grant(view(held.record), as_json=as_json)


def _page(
    services: Services, tenant: str, wanted: Filter, after: str | None, limit: int
) -> GrantPage:
    """Return a page that is full if there is so much, however long the search takes."""
    if after is not None and parse_id(after) is None:
        raise invalid("This is no grant's id.", field="after")
    services.admin.see_tenant(operator(), tenant)
    found = islice(services.admin.selection.every(tenant, wanted, after), limit)
    grants = tuple(view(held.record) for held in found)
    return GrantPage(grants=grants, next=grants[-1].id if len(grants) == limit else None)
