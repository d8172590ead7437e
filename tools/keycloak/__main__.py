"""`python -m tools.keycloak`: see it work with a real Keycloak, in a browser."""

from __future__ import annotations

import sys
import time
from typing import Final

import click

from bridge.cli.demo.serving import DemoFailedError
from bridge.cli.ending import interruptible
from tools.keycloak.distribution import UnavailableError
from tools.keycloak.server import ADMIN, KeycloakFailedError
from tools.keycloak.stage import Stage, playing

_LOOK_S: Final = 0.5


@click.command()
def demo() -> None:
    """See it work with a real Keycloak: a sample app, Keycloak, a sandbox Google, a bridge.

    Everything runs on free loopback ports and in a temporary folder, and is gone at the end, except
    for Keycloak's distribution, which stays in the user's cache. Ctrl-C ends it.
    """
    try:
        with interruptible(), playing(lambda text: click.echo(text, err=True)) as stage:
            _stay(stage)
    except KeyboardInterrupt:
        click.echo("\nstopped", err=True)
    except (DemoFailedError, KeycloakFailedError, UnavailableError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _stay(stage: Stage) -> None:
    _announce(stage)
    while stage.bridge.poll() is None and stage.keycloak.process.poll() is None:
        time.sleep(_LOOK_S)
    raise DemoFailedError("Keycloak or `bridge serve` ended by itself")


def _announce(stage: Stage) -> None:
    click.echo("Open this in a browser; the page says what to click:\n")
    click.echo(f"  {stage.app}\n")
    click.echo("“Sign in” leads to Keycloak: press “Google” there. Behind it:")
    click.echo(f"  Keycloak           {stage.keycloak.url}/admin/")
    click.echo(f"                     user {ADMIN}, password {stage.keycloak.admin_password}")
    click.echo(f"  sandbox Google     {stage.google_url}")
    click.echo(f"  bridge, public     {stage.public}   browsers; no token route")
    click.echo(f"  bridge, internal   {stage.internal}   backends and the login hook")
    click.echo(f"  files              {stage.folder}\n")
    click.echo("Nothing leaves this machine. Ctrl-C ends all of it.")


if __name__ == "__main__":
    demo()
