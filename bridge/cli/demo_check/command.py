"""The command: against a running bridge and the real Google, or all of it in a sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from bridge.cli.configuration import config_option
from bridge.cli.demo.serving import DemoFailedError, caller_key
from bridge.cli.demo.stage import TENANT, playing
from bridge.cli.demo_check.calls import CALENDAR, GOOGLE_APIS, Called
from bridge.cli.demo_check.hands import Clicker, Person
from bridge.cli.demo_check.steps import Check, Result, Wanted
from bridge.cli.ending import interruptible
from bridge.cli.opened import opened
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.config import Permission, Settings
from bridge.errors import invalid
from bridge.model import CallerKey
from bridge.sandbox.sample_app.settings import CONNECTED_PATH
from bridge.sandbox.sample_app.tour import ANN
from bridge.secret import Secret
from bridge.services import Services

_NAME: Final = "demo-check"
_KEY_LIVES_S: Final = 3600
_MAY: Final = (
    Permission.TOKEN,
    Permission.CONNECT,
    Permission.GRANTS_READ,
    Permission.GRANTS_FORGET,
)
_WIDTH: Final = 22


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    ok: bool
    results: tuple[Result, ...]


@click.command("demo-check")
@config_option
@click.option("--sandbox", is_flag=True, help="Check in a sandbox that is made for it.")
@click.option("--tenant", help="The tenant; not needed if there is but one.")
@click.option("--subject", help="The IdP's user id of the user to check with.")
@click.option("--account", help="The address of the Google account that must come back.")
@click.option("--return-to", help="The app's page; without it the tenant's first `return_to`.")
@click.option("--yes", is_flag=True, help="Do not ask before the user's grants are forgotten.")
@json_option
def demo_check(  # noqa: PLR0913 - a command's options
    config: Path | None,
    *,
    sandbox: bool,
    tenant: str | None,
    subject: str | None,
    account: str | None,
    return_to: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Check the whole job for one user, step by step, against a running bridge.

    Disconnects the user (the grants are forgotten, Google is not told), connects again by a link
    that you open in a browser, compares account and scopes, creates, reads, changes and deletes an
    event in Google Calendar, and forces a refresh. The first step that fails says what to mend.

    Exits with 0 if every step passed, with 1 if one did not, with 2 if the command line is wrong.
    """
    with failing_readably(as_json=as_json), interruptible():
        if sandbox:
            ended = _in_sandbox(as_json=as_json)
        elif not subject:
            raise click.UsageError("Name a --subject to check with, or try --sandbox.")
        else:
            with opened(config) as services:
                wanted = _wanted(services.settings, tenant, subject, account, return_to)
                if not yes:
                    click.confirm(f"Forget what {subject} has connected?", abort=True, err=True)
                ended = _live(services, wanted, as_json=as_json)
    if not ended:
        raise SystemExit(EXIT_PROBLEMS)


def _in_sandbox(*, as_json: bool) -> bool:
    try:
        with playing() as stage:
            stage.google.accounts.sign_in(ANN)
            return_to = stage.app + CONNECTED_PATH
            permissions = [word for may in _MAY for word in ("--permission", may.value)]
            options = (_NAME, "--tenant", TENANT, "--scope", CALENDAR, *permissions)
            bridge = Called(url=stage.internal, key=caller_key(stage.config, options))
            wanted = Wanted(
                tenant=TENANT,
                subject=_NAME,
                account=ANN,
                return_to=return_to,
                calendar=stage.google_url,
            )
            return _run(Check(bridge, wanted, Clicker(home=return_to)), as_json=as_json)
    except DemoFailedError as error:
        raise invalid(str(error)) from None


def _live(services: Services, wanted: Wanted, *, as_json: bool) -> bool:
    settings = services.settings
    certificate = settings.internal.tls_certificate
    scheme = "https" if certificate else "http"
    with _own_key(services, wanted.tenant) as key:
        bridge = Called(
            url=f"{scheme}://{settings.internal.bind}",
            key=key,
            verify=str(certificate) if certificate else True,
        )
        return _run(Check(bridge, wanted, Person()), as_json=as_json)


@contextmanager
def _own_key(services: Services, tenant: str) -> Iterator[Secret]:
    """Have a caller's key for as long as the check runs; it dies within the hour in any case."""
    services.callers.revoke(_NAME)
    template = CallerKey(
        id="",
        digest=b"",
        name=_NAME,
        tenants=(tenant,),
        scopes=(CALENDAR,),
        permissions=tuple(may.value for may in _MAY),
        created_at=0,
        expires_at=int(time.time()) + _KEY_LIVES_S,
    )
    _, secret = services.callers.create(template)
    try:
        yield secret
    finally:
        services.callers.revoke(_NAME)


def _wanted(
    settings: Settings,
    tenant: str | None,
    subject: str,
    account: str | None,
    return_to: str | None,
) -> Wanted:
    names = [tenant] if tenant else list(settings.tenants)
    if len(names) > 1 or names[0] not in settings.tenants:
        raise invalid(f"Name one of the tenants: {', '.join(settings.tenants)}.", field="tenant")
    listed = settings.tenants[names[0]].return_to
    if not (return_to or listed):
        raise invalid(
            f"tenants.{names[0]}.return_to is empty; add the page of the app to which users come "
            "back after connecting.",
            field="return_to",
        )
    base_url = settings.google.base_url
    return Wanted(
        tenant=names[0],
        subject=subject,
        account=account,
        return_to=return_to or listed[0],
        calendar=GOOGLE_APIS if base_url is None else str(base_url),
    )


def _run(check: Check, *, as_json: bool) -> bool:
    results = []
    for result in check.results():
        results.append(result)
        if not as_json:
            _print(result)
    passed = all(result.passed for result in results)
    if as_json:
        print_json(Report(ok=passed, results=tuple(results)))
    return passed


def _print(result: Result) -> None:
    word = {True: "pass", False: "FAIL", None: "-"}[result.passed]
    click.echo(f"{word:<5} {result.step:<{_WIDTH}} {result.found}".rstrip())
    if result.mend:
        click.echo(f"{'':<{6 + _WIDTH}} to mend: {result.mend}")
