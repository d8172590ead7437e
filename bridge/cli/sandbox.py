"""`bridge sandbox`: stand-ins to develop against."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from bridge.cli.configuration import config_option, mode_told
from bridge.cli.ending import interruptible
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.config import Mode
from bridge.config.problems import ConfigError, Problem
from bridge.errors import invalid
from bridge.sandbox import SandboxGoogle, endpoint_urls, howto, serve_google
from bridge.sandbox.clients import DEFAULT_REDIRECT_URI


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What `sandbox google --json` prints once it listens.

    Attributes:
        origin: the stand-in's URL, to be set as `google.base_url`.
        endpoints: Google's endpoints there, by name.
        client_id, client_secret: a client that is registered.
        accounts: emails of accounts that exist.
    """

    origin: str
    endpoints: dict[str, str]
    client_id: str
    client_secret: str
    accounts: tuple[str, ...]


@click.group()
def sandbox() -> None:
    """Run stand-ins to develop and test against."""


@sandbox.command()
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8610,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    default=("ann@gmail.com",),
    show_default=True,
    help="The email of an account to begin with; repeat it for more.",
)
@click.option(
    "--client-redirect",
    "redirects",
    multiple=True,
    default=(DEFAULT_REDIRECT_URI,),
    show_default=True,
    help="A redirect URI of the client to begin with; repeat it for more.",
)
@json_option
def google(
    config: Path | None,
    *,
    host: str,
    port: int,
    accounts: tuple[str, ...],
    redirects: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run a stand-in for Google until interrupted, and say how to use it.

    It imitates sign-in, consent, tokens, their errors and three APIs, so that an app can be built
    without a Google project. Whoever reaches it gets tokens: it listens on loopback only, and
    refuses to start where the configuration around it is one for production.
    """

    def ready(origin: str, state: SandboxGoogle) -> None:
        _begin(origin, state, accounts, redirects, as_json=as_json)

    with failing_readably(as_json=as_json):
        _refuse_production(config)
        try:
            with suppress(KeyboardInterrupt), interruptible():
                serve_google(host, port, on_ready=ready)
        except ValueError as error:
            raise invalid(f"{error}.") from None


def _refuse_production(config: Path | None) -> None:
    if mode_told(config) is Mode.PRODUCTION:
        message = "is production here, where no stand-in runs: it gives tokens to whoever asks"
        mend = 'set mode = "development", or run it in a folder without a bridge.toml'
        raise ConfigError([Problem("mode", message, mend)])


def _begin(
    origin: str,
    state: SandboxGoogle,
    accounts: Sequence[str],
    redirects: Sequence[str],
    *,
    as_json: bool,
) -> None:
    client = state.clients.create(redirect_uris=redirects)
    ready = Ready(
        origin=origin,
        endpoints=endpoint_urls(origin),
        client_id=client.client_id,
        client_secret=client.secrets[0],
        accounts=tuple(state.accounts.create(email).email for email in accounts),
    )
    if as_json:
        print_json(ready)
        return
    click.echo(howto(origin))
    click.echo("Ready to use:")
    click.echo(f"  client id      {ready.client_id}")
    click.echo(f"  client secret  {ready.client_secret}")
    click.echo(f"  accounts       {', '.join(ready.accounts)}")
    click.echo(f'  in bridge.toml [google] base_url = "{origin}"')
