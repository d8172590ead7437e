"""`bridge events`: the audit record, as it is and as it grows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from bridge.admin.events import EventList, EventView
from bridge.audit.act import ActType
from bridge.cli.configuration import config_option
from bridge.cli.ending import interruptible
from bridge.cli.opened import opened
from bridge.cli.operator import operator
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.clock import Clock

_POLL_S: Final = 1.0
_PAGE: Final = 500
_WIDEST: Final = max(len(kind.value) for kind in ActType)
_KINDS: Final = click.Choice([kind.value for kind in ActType])

Reader = Callable[[str | None, int], EventList]


@click.command()
@config_option
@click.option("--tenant", help="Only what concerns this tenant.")
@click.option("--type", "kind", type=_KINDS, help="Only what is of this type.")
@click.option("--after", help="Begin after this event: its id, or the `next` of a run before.")
@click.option(
    "--limit",
    type=click.IntRange(1, _PAGE),
    default=100,
    show_default=True,
    help="How many to show at most.",
)
@click.option("--follow", is_flag=True, help="Go on with what happens, until interrupted.")
@json_option
def events(  # noqa: PLR0913 - a command's options
    config: Path | None,
    *,
    tenant: str | None,
    kind: str | None,
    after: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show what happened to grants, who did it and why, in order.

    Without --after these are the newest events. No token stands in an event: an access token has
    the fingerprint that a backend can compute (fp_), a refresh token a name that only the bridge
    can make (rt_).

    With --follow and --json each event is a JSON object on a line of its own.
    """
    wanted = None if kind is None else ActType(kind)
    with failing_readably(as_json=as_json), opened(config) as services:

        def page(start: str | None, most: int) -> EventList:
            read = services.events
            if start is None:
                return read.newest(operator(), tenant=tenant, kind=wanted, limit=most)
            return read.page(operator(), tenant=tenant, kind=wanted, after=start, limit=most)

        found = page(after, limit)
        if follow:
            _follow(page, found, services.clock, as_json=as_json)
        elif as_json:
            print_json(found)
        else:
            _print(found, as_json=False)


def _follow(page: Reader, found: EventList, clock: Clock, *, as_json: bool) -> None:
    try:
        with interruptible():
            while True:
                _print(found, as_json=as_json)
                if not found.events:
                    clock.sleep(_POLL_S)
                found = page(found.next, _PAGE)
    except KeyboardInterrupt:
        return  # how a reader ends it


def _print(found: EventList, *, as_json: bool) -> None:
    for event in found.events:
        click.echo(msgspec.json.encode(event) if as_json else _line(event))


def _line(event: EventView) -> str:
    at = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    parts = [at, event.type.ljust(_WIDEST), *_pairs(event)]
    return " ".join(parts).rstrip()


def _pairs(event: EventView) -> list[str]:
    move = None
    if event.before != event.after:
        move = f"{event.before or 'none'}>{event.after or 'none'}"
    named = {
        "tenant": event.tenant,
        "by": event.actor,
        "reason": event.reason,
        "state": move,
        "subject": event.subject,
        "account": event.account,
        "client": event.client,
        "grant": event.grant,
        "tokens": ",".join(event.tokens) or None,
        **event.details,
    }
    return [f"{name}={_quoted(text)}" for name, text in named.items() if text is not None]


def _quoted(text: str) -> str:
    # Somebody else's names could have blanks, or begin a line of their own.
    plain = text.isprintable() and text and not set(text) & set(' "=')
    return text if plain else msgspec.json.encode(text).decode()
