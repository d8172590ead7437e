"""`bridge grants`: looking at grants, acting on them, and bringing those that one already has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from bridge.capture.importing import Fate, Importer
from bridge.cli.configuration import config_option
from bridge.cli.grant_acts import forget, recheck, revoke
from bridge.cli.grant_listing import list_grants, show
from bridge.cli.opened import opened
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.cli.progress import counting


class WrongLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was not imported: its number from 1, and what is wrong in which field."""

    line: int
    problem: str


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file.

    Attributes:
        ok: whether no line was wrong.
        dry_run: whether nothing was written.
        imported: new refresh tokens.
        known: tokens that the bridge held before; nothing changed.
        shut_out: tokens from before their user's last revocation or leaving, which stay out.
        wrong: the lines that are to be mended.
    """

    ok: bool
    dry_run: bool
    imported: int
    known: int
    shut_out: int
    wrong: tuple[WrongLine, ...]


@click.group()
def grants() -> None:
    """List, show, forget, revoke and recheck grants, and bring those that you already hold."""


grants.add_command(list_grants)
grants.add_command(show)
for act in (forget, revoke, recheck):
    grants.add_command(act)


@grants.command("import")
@config_option
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check every line, and write nothing.")
@json_option
def import_grants(config: Path | None, file: BinaryIO, *, dry_run: bool, as_json: bool) -> None:
    """Import refresh tokens from FILE, `-` for standard input: a JSON object a line.

    Its fields are tenant, subject (the IdP's user id), account (an object with Google's sub, and
    with email and hd if known), client (the Google client's id), refresh_token and obtained_at.

    Without obtained_at (Unix seconds) a token counts as older than any captured one. Lines that
    are wrong are named and the others imported; what is known changes nothing, so run it again
    after it was cut off. Exits with 1 if a line is wrong.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        # It may take hours: a rotation of keys must wait for it, and it must learn of new keys.
        services.upkeep.start()
        tally = _run(services.importer, file, dry_run=dry_run)
        if as_json:
            print_json(tally)
        else:
            _print(tally)
    if not tally.ok:
        raise SystemExit(EXIT_PROBLEMS)


def _run(importer: Importer, file: BinaryIO, *, dry_run: bool) -> Tally:
    fates: Counter[Fate] = Counter()
    wrong = []
    with counting("lines done") as counter:
        for result in importer.run(file, dry_run=dry_run):
            fates[result.fate] += 1
            if result.problem is not None:
                wrong.append(WrongLine(line=result.number, problem=result.problem))
            counter(1)
    return Tally(
        ok=not wrong,
        dry_run=dry_run,
        imported=fates[Fate.IMPORTED],
        known=fates[Fate.KNOWN],
        shut_out=fates[Fate.SHUT_OUT],
        wrong=tuple(wrong),
    )


def _print(tally: Tally) -> None:
    for line in tally.wrong:
        click.echo(f"error: line {line.line}: {line.problem}", err=True)
    if tally.dry_run:
        click.echo("dry run: nothing was written")
    click.echo(f"imported  {tally.imported}")
    click.echo(f"known     {tally.known}")
    click.echo(f"shut out  {tally.shut_out}")
    click.echo(f"wrong     {len(tally.wrong)}")
