"""`bridge doctor keycloak`: looks at a live realm, says what is wrong, and mends what it may."""

from __future__ import annotations

import click
import msgspec

from bridge.cli.doctor.finding import Finding, is_well, print_findings
from bridge.cli.doctor.keycloak_checks import Diagnosis, diagnose
from bridge.cli.doctor.keycloak_facts import Plugin, Realm
from bridge.cli.doctor.keycloak_gather import gather
from bridge.cli.keycloak_options import KeycloakOptions, keycloak_options
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.errors import BridgeError
from bridge.idp.keycloak_admin import KeycloakAdmin, part


class FailedRepair(msgspec.Struct, frozen=True, kw_only=True):
    """A repair that Keycloak did not take: of which finding, and why."""

    check: str
    where: str
    message: str


class KeycloakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a realm.

    Attributes:
        ok: whether nothing has to be mended, warnings apart.
        realm: its name.
        keycloak: Keycloak's version, if it tells.
        provider: what the JAR tells of itself, if it is there.
        connections: the aliases of the identity providers that stand for Google.
        findings: what is wrong now.
        mended: what was wrong until `--fix` mended it.
        failed: what `--fix` could not mend.
    """

    ok: bool
    realm: str
    keycloak: str | None
    provider: Plugin | None
    connections: tuple[str, ...]
    findings: tuple[Finding, ...]
    mended: tuple[Finding, ...] = ()
    failed: tuple[FailedRepair, ...] = ()


@click.command("keycloak")
@keycloak_options(required=True)
@click.option("--fix", is_flag=True, help="Mend what can be mended without risk; deletes nothing.")
@json_option
def doctor_keycloak(keycloak: KeycloakOptions, *, fix: bool, as_json: bool) -> None:
    """Check that a realm of Keycloak hands every Google token over, and shows none.

    It asks Keycloak's Admin API, and names each thing that is wrong with the place where to mend
    it. Exits with 0 if nothing has to be mended (warnings do not count), with 1 if something has,
    with 2 if the command line is wrong.
    """
    with failing_readably(as_json=as_json):
        with keycloak.admin() as admin:
            report = examine_realm(admin, keycloak.realm, fix=fix)
        if as_json:
            print_json(report)
        else:
            print_realm(report)
    if not report.ok:
        raise SystemExit(EXIT_PROBLEMS)


def examine_realm(admin: KeycloakAdmin, name: str, *, fix: bool) -> KeycloakReport:
    """Return what is wrong with a realm, after mending if that is wished.

    Raises:
        BridgeError: as `KeycloakAdmin` does.
    """
    realm = gather(admin, name)
    before = diagnose(realm)
    if not fix or not any(it.repair for it in before):
        return _report(realm, tuple(it.finding for it in before))
    failed = tuple(_mend(admin, name, before))
    realm = gather(admin, name)
    after = tuple(it.finding for it in diagnose(realm))
    left = {finding.key for finding in after}
    mended = tuple(it.finding for it in before if it.repair and it.finding.key not in left)
    return msgspec.structs.replace(_report(realm, after), mended=mended, failed=failed)


def print_realm(report: KeycloakReport) -> None:
    """Print a report as text."""
    click.echo(f"realm         {report.realm}")
    click.echo(f"Keycloak      {report.keycloak or 'does not tell its version'}")
    if plugin := report.provider:
        click.echo(f"provider      {plugin.version}, tenant {plugin.tenant} of {plugin.bridge}")
    for alias in report.connections:
        click.echo(f"Google as     {alias}")
    for finding in report.mended:
        click.echo(f"mended: {finding.where}: {finding.message}")
    for failed in report.failed:
        click.echo(f"not mended: {failed.where}: {failed.check}: {failed.message}")
    print_findings(report.findings)
    if report.ok:
        click.echo("nothing has to be mended")


def _mend(admin: KeycloakAdmin, name: str, diagnoses: tuple[Diagnosis, ...]) -> list[FailedRepair]:
    failed = []
    for it in diagnoses:
        if it.repair is None:
            continue
        try:
            it.repair.apply(admin, f"realms/{part(name)}")
        except BridgeError as error:
            found = it.finding
            failed.append(FailedRepair(check=found.check, where=found.where, message=error.public))
    return failed


def _report(realm: Realm, findings: tuple[Finding, ...]) -> KeycloakReport:
    return KeycloakReport(
        ok=is_well(findings),
        realm=realm.name,
        keycloak=realm.keycloak,
        provider=realm.plugin,
        connections=tuple(it.provider.alias for it in realm.connections),
        findings=findings,
    )
