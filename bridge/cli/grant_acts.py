"""`bridge grants forget`, `revoke` and `recheck`: on one grant, or on all that a filter selects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bridge.admin.bulk import Act, Bulk, Chosen
from bridge.admin.selecting import EVERY
from bridge.cli.configuration import config_option
from bridge.cli.filters import filter_options, tenant_of, tenant_option
from bridge.cli.grant_views import Tally, planned, print_planned, print_tally, tally
from bridge.cli.opened import opened
from bridge.cli.operator import operator
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option
from bridge.cli.progress import advancing
from bridge.model import Caller, Filter
from bridge.services import Services

_Command = TypeVar("_Command", bound=Callable[..., Any])

_QUESTIONS: Final = {
    Act.FORGET: "Forget {number:,} grants? Google is not told, and they do not come back.",
    Act.REVOKE: "Revoke {number:,} grants at Google, and {also:,} others that end with them?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a command line asks for.

    Attributes:
        ids: grants by their ids; or none, and `wanted` selects them.
        dry_run: only tell what would be done.
        yes: do not ask.
    """

    act: Act
    tenant: str | None
    wanted: Filter
    ids: tuple[str, ...]
    dry_run: bool
    yes: bool
    as_json: bool


def _options(command: _Command) -> _Command:
    """Give a command what all three take."""
    parts = (
        config_option,
        click.argument("ids", nargs=-1, metavar="GRANT..."),
        tenant_option,
        filter_options,
        click.option("--dry-run", is_flag=True, help="Only count what it would be done to."),
        json_option,
    )
    for part in reversed(parts):
        command = part(command)
    return command


_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@_options
@_yes
def forget(config: Path | None, **asked: Any) -> None:  # noqa: ANN401 - the fields of Order
    """Forget grants by their ids GRANT, or all of a tenant that the options choose.

    Google is not told, so what the user consented to stays there. Late messages of the IdP do not
    bring a forgotten grant back; a new login does. Exits with 1 if one could not be forgotten.
    """
    _carry_out(config, Order(act=Act.FORGET, **asked))


@click.command()
@_options
@_yes
def revoke(config: Path | None, **asked: Any) -> None:  # noqa: ANN401 - the fields of Order
    """Revoke grants at Google by their ids GRANT, or all of a tenant that the options choose.

    Google ends all that the account granted to the client's Google project, so further grants may
    end with them; a dry run counts those too. Exits with 1 if one could not be revoked.
    """
    _carry_out(config, Order(act=Act.REVOKE, **asked))


@click.command()
@_options
def recheck(config: Path | None, **asked: Any) -> None:  # noqa: ANN401 - the fields of Order
    """Try grants again by their ids GRANT, or all of a tenant that the options choose.

    What Google refused before, as by an admin's policy, is tried once more; so is what serves.
    Exits with 1 if Google could not be asked about one.
    """
    _carry_out(config, Order(act=Act.RECHECK, yes=True, **asked))


def _carry_out(config: Path | None, order: Order) -> None:
    if bool(order.ids) == (order.wanted != EVERY):
        raise click.UsageError("Give ids of grants, or an option that chooses them, one of both.")
    with failing_readably(as_json=order.as_json), opened(config) as services:
        told = _done(services, order)
        if told is None:
            return
        print_tally(order.act, told, as_json=order.as_json)
    if not told.ok:
        raise SystemExit(EXIT_PROBLEMS)


def _done(services: Services, order: Order) -> Tally | None:
    """Do it, or tell what would be done and return None."""
    # It may take hours: a rotation of keys must wait for it, and it must learn of new keys.
    services.upkeep.start()
    caller = operator()
    bulk = Bulk(admin=services.admin, rechecking=services.rechecking)
    chosen = _chosen(bulk, services, caller, order)
    tells = order.act is Act.REVOKE and (order.dry_run or not order.yes)
    also = bulk.would_end(caller, chosen) if tells else 0
    if order.dry_run:
        print_planned(order.act, planned(chosen, also), as_json=order.as_json)
        return None
    if chosen.ids and not order.yes:
        question = _QUESTIONS[order.act].format(number=len(chosen.ids), also=also)
        click.confirm(question, abort=True, err=True)
    results = []
    with advancing("grants", len(chosen.ids)) as advance:
        for result in bulk.run(order.act, caller, chosen, order.wanted):
            results.append(result)
            advance(1)
    return tally(results)


def _chosen(bulk: Bulk, services: Services, caller: Caller, order: Order) -> Chosen:
    if order.ids:
        return bulk.name(caller, order.ids)
    return bulk.choose(caller, tenant_of(services.settings, order.tenant), order.wanted)
