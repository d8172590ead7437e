"""`bridge demo-script`: plays the story in the terminal, keeps the place up for the reader."""

from __future__ import annotations

import click

from bridge.cli.demo.place import Place, running
from bridge.cli.demo.serving import DemoFailedError
from bridge.cli.demo.story import suggest, tell
from bridge.cli.ending import interruptible, wait_for
from bridge.cli.output import EXIT_PROBLEMS


@click.command("demo-script")
@click.option("--once", is_flag=True, help="End after the story.")
def demo_script(*, once: bool) -> None:
    """See it work without a browser: a login and token reads, explained line by line.

    Sets up a sandbox Google and a bridge on free loopback ports and in a temporary folder; all is
    gone at the end. After the story it stays up until Ctrl-C, so that the curl commands can be
    pasted elsewhere.
    """
    try:
        click.echo("setting up", err=True)
        with interruptible(), running() as place:
            tell(place)
            if not once:
                _stay(place)
    except DemoFailedError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(EXIT_PROBLEMS) from None


def _stay(place: Place) -> None:
    try:
        suggest(place)
        wait_for(place.server)
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)
        return
    raise DemoFailedError("`bridge serve` ended by itself")
