"""`bridge doctor google`: does Google take the clients of the configuration?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec

from bridge import __version__
from bridge.cli.check import read_clock
from bridge.cli.configuration import config_option, load_configuration
from bridge.cli.doctor.finding import Finding, Level, is_well, print_findings
from bridge.cli.doctor.google_checks import client_findings, clock_findings, testing_findings
from bridge.cli.doctor.google_facts import Accepted, ClientFacts, Redirect, ask
from bridge.cli.opened import opened
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.clock import SystemClock
from bridge.config import ClientSettings, Settings
from bridge.errors import BridgeError
from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import GOOGLE, Endpoints
from bridge.google.transport import Timeouts, Transport
from bridge.model import Grant
from bridge.services import Services

_MOST_GRANTS: Final = 5000
_PAGE: Final = 500


class ExaminedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client of a tenant, and what Google said of it."""

    tenant: str
    client_id: str
    accepted: Accepted
    redirect_uri: Redirect


class GoogleReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at Google.

    Attributes:
        ok: whether nothing has to be mended, warnings apart.
        clock_ahead_s: seconds by which the host is ahead; None if nobody told.
        clients: those of the configuration.
        findings: what is wrong.
    """

    ok: bool
    clock_ahead_s: float | None
    clients: tuple[ExaminedClient, ...]
    findings: tuple[Finding, ...]


@click.command("google")
@config_option
@json_option
def doctor_google(config: Path | None, *, as_json: bool) -> None:
    """Check that Google takes the clients of the configuration.

    Google is asked with a code that nobody ever got: nothing is changed, and no user is concerned.
    Exits with 0 if nothing has to be mended (warnings do not count), with 1 if something has.
    """
    with failing_readably(as_json=as_json):
        report = examine_google(config)
        if as_json:
            print_json(report)
        else:
            print_google(report)
    if not report.ok:
        raise SystemExit(EXIT_PROBLEMS)


def examine_google(config: Path | None) -> GoogleReport:
    """Return what is wrong with the clients of a configuration.

    Raises:
        ConfigError: with every problem of it.
    """
    settings = load_configuration(config).settings
    reading = read_clock(settings.google, SystemClock())
    findings = list(clock_findings(reading.problems, reading.warnings))
    clients = []
    for tenant, client, examined in _examined(settings):
        clients.append(examined)
        findings += client_findings(
            _name(tenant, client),
            settings.redirect_uri,
            ClientFacts(examined.accepted, examined.redirect_uri),
        )
    findings += _testing(config, settings)
    return GoogleReport(
        ok=is_well(findings),
        clock_ahead_s=reading.ahead_s,
        clients=tuple(clients),
        findings=tuple(findings),
    )


def print_google(report: GoogleReport) -> None:
    """Print a report as text."""
    if report.clock_ahead_s is not None:
        click.echo(f"clock         {report.clock_ahead_s:+g} s from Google's")
    for client in report.clients:
        click.echo(
            f"client        {client.client_id} of {client.tenant}: accepted {client.accepted},"
            f" redirect URI {client.redirect_uri}"
        )
    print_findings(report.findings)
    if report.ok:
        click.echo("nothing has to be mended")


def _examined(settings: Settings) -> Iterator[tuple[str, ClientSettings, ExaminedClient]]:
    google = settings.google
    clock = SystemClock()
    endpoints = Endpoints.at(google.base_url) if google.base_url else GOOGLE
    timeouts = Timeouts(google.connect_timeout_s, google.read_timeout_s, google.total_timeout_s)
    transport = Transport(clock, timeouts, user_agent=f"grantbridge/{__version__}")
    with closing(transport):
        asking = GoogleClient(endpoints, clock, transport)
        for tenant, each in settings.tenants.items():
            for client in each.clients:
                credentials = ClientCredentials(client.client_id, client.client_secret)
                facts = ask(asking, endpoints, google, credentials, settings.redirect_uri)
                examined = ExaminedClient(
                    tenant=tenant,
                    client_id=client.client_id,
                    accepted=facts.accepted,
                    redirect_uri=facts.redirect,
                )
                yield tenant, client, examined


def _testing(config: Path | None, settings: Settings) -> list[Finding]:
    findings: list[Finding] = []
    try:
        with opened(config) as services:
            for tenant, each in settings.tenants.items():
                names = [(it.client_id, _name(tenant, it)) for it in each.clients]
                some = islice(_grants(services, tenant), _MOST_GRANTS)
                findings += testing_findings(names, some)
    except BridgeError as error:
        findings.append(
            Finding(
                check="testing_mode",
                level=Level.WARNING,
                where="the store",
                message=f"not looked at for Testing mode: {error.public}",
                mend="mend the store; `bridge serve` would refuse it as well",
            )
        )
    return findings


def _grants(services: Services, tenant: str) -> Iterator[Grant]:
    after: str | None = None
    while page := services.grants.page(tenant, state=None, after=after, limit=_PAGE):
        for held in page:
            yield held.record
        after = page[-1].record.id


def _name(tenant: str, client: ClientSettings) -> str:
    return f"the client {client.client_id} of {tenant}"
