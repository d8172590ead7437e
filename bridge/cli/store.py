"""`bridge store`: what an operator does to the store as a whole."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.audit.act import ActType
from bridge.cli.acting import tell
from bridge.cli.configuration import config_option
from bridge.cli.opened import opened_unproven
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.cli.progress import counting
from bridge.errors import BridgeError, Code
from bridge.services import Services
from bridge.vault.opening import SERVER_KEPT_S


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What `store restored` prints as JSON: how many grants must prove themselves."""

    doubted: int


@click.group()
def store() -> None:
    """Look after the store."""


@store.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def restored(config: Path | None, *, yes: bool, as_json: bool) -> None:
    """Accept a store that was restored from a backup, or moved here.

    A backup holds tokens that were since replaced or revoked. So every grant must prove itself
    with one refresh before it serves again; users notice nothing where that succeeds. Stop every
    server first. It can be run again if it was cut off.
    """
    with failing_readably(as_json=as_json), opened_unproven(config) as services:
        services.opening.prove_keys()
        _refuse_while_serving(services)
        if not yes:
            _confirm(services)
        with counting("grants done") as counter:
            doubted = services.restored.run(counter)
        tell(services, ActType.STORE_RESTORED, doubted=str(doubted))
        if as_json:
            print_json(Accepted(doubted=doubted))
        else:
            click.echo(f"accepted; {doubted} grants prove themselves at their next read")


def _refuse_while_serving(services: Services) -> None:
    running = services.opening.servers(services.clock.now())
    if running:
        raise BridgeError(
            Code.CONFLICT,
            f"{len(running)} server processes run on this store. Stop them first. One that was"
            f" killed, or that ran when the backup was made, counts for {SERVER_KEPT_S} seconds.",
        )


def _confirm(services: Services) -> None:
    click.confirm(
        f"Take {services.settings.store.url} for the true store from now on?", abort=True, err=True
    )
