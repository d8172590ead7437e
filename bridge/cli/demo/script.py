"""`bridge demo-script`: plays the story in the terminal, keeps the place up for the reader."""

from __future__ import annotations

import click

from bridge.cli.demo.place import running
from bridge.cli.demo.staying import demonstrating, stay
from bridge.cli.demo.story import suggest, tell


@click.command("demo-script")
@click.option("--once", is_flag=True, help="End after the story.")
def demo_script(*, once: bool) -> None:
    """See it work without a browser: a login and token reads, explained line by line.

    Sets up a sandbox Google and a bridge on free loopback ports and in a temporary folder; all is
    gone at the end. After the story it stays up until Ctrl-C, so that the curl commands can be
    pasted elsewhere.
    """
    click.echo("setting up", err=True)
    with demonstrating(), running() as place:
        tell(place)
        if not once:
            stay(place.server, lambda: suggest(place))
