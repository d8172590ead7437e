"""`bridge store`: what an operator does to the store as a whole."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click
import msgspec
from pydantic import ValidationError

from bridge.admin.moving import Moved, Moving
from bridge.audit.act import ActType
from bridge.cli.acting import tell
from bridge.cli.configuration import config_option, load_configuration
from bridge.cli.opened import opened_unproven
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.cli.progress import counting
from bridge.clock import SystemClock
from bridge.config.keys import read_keys
from bridge.config.store import StoreSettings
from bridge.errors import BridgeError, Code, invalid
from bridge.services import Services, material
from bridge.store.choosing import open_store
from bridge.vault.keys import Keys
from bridge.vault.opening import SERVER_KEPT_S


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What `store restored` prints as JSON: how many grants must prove themselves."""

    doubted: int


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What `store copy` prints as JSON; `admin.moving.Moved` says what the numbers are."""

    whole: bool
    rows: int
    written: int
    removed: int
    differing: int
    serving: int


@click.group()
def store() -> None:
    """Look after the store."""


@store.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@config_option
@json_option
def copy(source: str, target: str, config: Path | None, *, as_json: bool) -> None:
    """Copy the store FROM into the store TO, both URLs as in `store.url`.

    Servers may go on running on FROM. Each run writes only what still differs, so one that was cut
    off is taken up by the next. To move: copy, stop the servers, copy once more, set `store.url`,
    start them. TO must be empty, or an earlier copy of FROM.
    """
    with failing_readably(as_json=as_json):
        loaded = load_configuration(config).settings
        clock = SystemClock()
        keys = Keys(material(read_keys(loaded.keys.file)))
        ends = [_end(loaded.store, url) for url in (source, target)]
        if ends[0].url == ends[1].url:
            raise invalid("FROM and TO are the same store.")
        if ends[0].address is None and not ends[0].path.exists():
            raise invalid("FROM names no file.")
        with (
            closing(open_store(ends[0], clock)) as old,
            closing(open_store(ends[1], clock)) as new,
            counting("rows compared") as counter,
        ):
            moved = Moving(old, new, keys, clock.now()).run(counter)
        _tell_moved(moved, as_json=as_json)


def _end(settings: StoreSettings, url: str) -> StoreSettings:
    try:
        return StoreSettings(url=url, redis=settings.redis)
    except ValidationError as error:
        # pydantic's own text would quote the URL.
        problem = error.errors(include_url=False, include_input=False)[0]
        raise invalid(f"A store's URL {problem['msg']}.") from None


def _tell_moved(moved: Moved, *, as_json: bool) -> None:
    if as_json:
        print_json(Copied(whole=moved.is_whole, **asdict(moved)))
        return
    click.echo(f"{moved.rows} rows compared, {moved.written} written, {moved.removed} removed")
    if moved.is_whole:
        click.echo("the copy is whole: set store.url, and start the servers")
    elif moved.serving:
        click.echo(
            f"{moved.serving} server processes run on the old store: stop them, and copy once more"
        )
    else:
        click.echo(f"{moved.differing} rows differ again: copy once more")


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
