"""`bridge demo`: starts everything, says where to look, and takes it down again."""

from __future__ import annotations

import click

from bridge.cli.demo.stage import Stage, playing
from bridge.cli.demo.staying import demonstrating, stay


@click.command()
def demo() -> None:
    """See it work in a browser: a sample app, an identity provider, a sandbox Google, a bridge.

    Everything runs on free loopback ports and in a temporary folder, and is gone at the end. The
    page that it prints says what to click: sign in, lose the token, be recovered by one consent,
    connect a second account, disconnect it. Ctrl-C ends it.
    """
    click.echo("starting", err=True)
    with demonstrating(), playing() as stage:
        stay(stage.server, lambda: _announce(stage))


def _announce(stage: Stage) -> None:
    click.echo("Open this in a browser; the page says what to click:\n")
    click.echo(f"  {stage.app}\n")
    click.echo("Behind it:")
    click.echo(f"  identity provider  {stage.idp}")
    click.echo(f"  sandbox Google     {stage.google_url}")
    click.echo(f"  bridge, public     {stage.public}   browsers; no token route")
    click.echo(f"  bridge, internal   {stage.internal}   backends and the login hook")
    click.echo(f"  bridge, files      {stage.config.parent}\n")
    click.echo("Nothing leaves this machine. Ctrl-C ends all of it.")
