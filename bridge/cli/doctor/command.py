"""`bridge doctor`: all examinations that apply, or one of them."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.cli.configuration import config_option
from bridge.cli.doctor.google import GoogleReport, doctor_google, examine_google, print_google
from bridge.cli.doctor.keycloak import (
    KeycloakReport,
    doctor_keycloak,
    examine_realm,
    print_realm,
)
from bridge.cli.keycloak_options import KeycloakOptions, keycloak_options
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What was found everywhere; `keycloak` is None if none was named."""

    ok: bool
    google: GoogleReport
    keycloak: KeycloakReport | None


@click.group(invoke_without_command=True, subcommand_metavar="[google|keycloak] …")
@config_option
@keycloak_options(required=False)
@click.option("--fix", is_flag=True, help="Mend in Keycloak what can be mended without risk.")
@json_option
@click.pass_context
def doctor(
    ctx: click.Context,
    config: Path | None,
    keycloak: KeycloakOptions,
    *,
    fix: bool,
    as_json: bool,
) -> None:
    """Examine what surrounds the bridge, and say how to mend what is wrong.

    Without a command it examines Google's side, and Keycloak too if --url and --realm name one.
    Exits with 0 if nothing has to be mended (warnings do not count), with 1 if something has, with
    2 if the command line is wrong.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    with failing_readably(as_json=as_json):
        examined = _examine(config, keycloak, fix=fix)
        if as_json:
            print_json(examined)
        else:
            _print(examined)
    if not examined.ok:
        raise SystemExit(EXIT_PROBLEMS)


doctor.add_command(doctor_google)
doctor.add_command(doctor_keycloak)


def _refuse_options(ctx: click.Context) -> None:
    # They would be silently without effect there.
    given = click.core.ParameterSource.COMMANDLINE
    if any(ctx.get_parameter_source(name) is given for name in ctx.params):
        raise click.UsageError(f"Put the options after `{ctx.invoked_subcommand}`.")


def _examine(config: Path | None, keycloak: KeycloakOptions, *, fix: bool) -> Examined:
    realm = None
    if keycloak.url:
        with keycloak.admin() as admin:
            realm = examine_realm(admin, keycloak.realm, fix=fix)
    elif fix or keycloak.names_somebody:
        raise click.UsageError("Which Keycloak? Give --url and --realm.")
    google = examine_google(config)
    return Examined(ok=google.ok and (realm is None or realm.ok), google=google, keycloak=realm)


def _print(examined: Examined) -> None:
    click.echo("# Google")
    print_google(examined.google)
    if examined.keycloak is not None:
        click.echo("\n# Keycloak")
        print_realm(examined.keycloak)
