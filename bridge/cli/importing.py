"""`bridge import keycloak`: brings the refresh tokens that a Keycloak stored before the provider.

Keycloak itself sends them to the bridge, sealed, and scrubs what the bridge has taken; this command
asks for one batch after the other, and no token passes through it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import click
import msgspec

from bridge.cli.doctor.keycloak_facts import Left
from bridge.cli.doctor.keycloak_names import RESOURCE
from bridge.cli.keycloak_options import KeycloakOptions, keycloak_options
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.cli.progress import advancing
from bridge.errors import BridgeError, Code
from bridge.idp.keycloak_admin import KeycloakAdmin, part

_LARGEST_BATCH: Final = 500
_UNREACHABLE: Final = "bridge_unreachable"
_NOT_ALLOWED: Final = (
    "Keycloak refuses: this admin lacks manage-realm or manage-users, or the server's option"
    " `realms` leaves this realm out."
)
_NO_HEADWAY: Final = "no_headway"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A token that the bridge has not taken: whose, from which identity provider, and why."""

    user_id: str
    provider: str
    reason: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What Keycloak answers about a batch."""

    handed_over: int
    refused: tuple[Refused, ...]
    left: Left
    next: str | None = None
    stopped: str | None = None


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a realm's stored tokens.

    Attributes:
        ok: whether Keycloak holds none any more.
        handed_over: how many the bridge has taken, and Keycloak holds no more.
        refused: who is left, and why.
        left: how many Keycloak still holds, in links and in sessions.
        next: where to go on with `--after`, if it was cut off.
        stopped: why it was cut off.
    """

    ok: bool
    handed_over: int
    refused: tuple[Refused, ...]
    left: Left
    next: str | None = None
    stopped: str | None = None


@click.group("import")
def imports() -> None:
    """Bring the refresh tokens that an identity provider already holds."""


@imports.command("keycloak")
@keycloak_options(required=True)
@click.option(
    "--batch",
    type=click.IntRange(1, _LARGEST_BATCH),
    default=100,
    show_default=True,
    help="How many tokens Keycloak hands over in one request.",
)
@click.option("--after", help="Go on after this place, which a run that was cut off has told.")
@json_option
def import_keycloak(
    keycloak: KeycloakOptions, *, batch: int, after: str | None, as_json: bool
) -> None:
    """Have Keycloak hand its stored refresh tokens to the bridge, and scrub them.

    No user has to log in or to consent. Keycloak sends each token itself, and scrubs it once the
    bridge has it on disk. What was cut off is run again. Exits with 1 if anybody is left.
    """
    with failing_readably(as_json=as_json):
        with keycloak.admin() as admin:
            imported = run_import(admin, keycloak.realm, batch=batch, after=after)
        if as_json:
            print_json(imported)
        else:
            _print(imported)
    if not imported.ok:
        raise SystemExit(EXIT_PROBLEMS)


def run_import(admin: KeycloakAdmin, realm: str, *, batch: int, after: str | None) -> Imported:
    """Go through all that a realm holds.

    Raises:
        BridgeError: the first request failed: `not_found` without the provider; else as
            `KeycloakAdmin`. What fails later is told in the result.
    """
    path = f"realms/{part(realm)}/{RESOURCE}/harvest"
    left = admin.find(Left, path)
    if left is None:
        raise BridgeError(
            Code.NOT_FOUND,
            f"Keycloak has no realm {realm}, or no grantbridge provider: keycloak/README.md"
            " tells how to install it.",
        )
    with advancing("refresh tokens", left.total) as advance:
        return _go_through(
            admin,
            path,
            Imported(ok=not left.total, handed_over=0, refused=(), left=left, next=after),
            batch,
            advance,
        )


def _go_through(
    admin: KeycloakAdmin,
    path: str,
    so_far: Imported,
    batch: int,
    advance: Callable[[int], None],
) -> Imported:
    while True:
        place = {"after": so_far.next} if so_far.next else {}
        try:
            answer = admin.act(Batch, path, max=batch, **place)
        except BridgeError as error:
            if error.code is Code.FORBIDDEN:
                raise BridgeError(Code.FORBIDDEN, _NOT_ALLOWED) from None
            if not so_far.handed_over and not so_far.refused:
                raise
            return msgspec.structs.replace(so_far, ok=False, stopped=error.public)
        if answer.next is not None and answer.next == so_far.next and not answer.stopped:
            answer = msgspec.structs.replace(answer, stopped=_NO_HEADWAY)
        so_far = _and(so_far, answer)
        advance(answer.handed_over + len(answer.refused))
        if answer.stopped or answer.next is None:
            return so_far


def _and(so_far: Imported, answer: Batch) -> Imported:
    return Imported(
        ok=answer.next is None and not answer.stopped and not answer.left.total,
        handed_over=so_far.handed_over + answer.handed_over,
        refused=so_far.refused + answer.refused,
        left=answer.left,
        next=answer.next,
        stopped=answer.stopped,
    )


def _print(imported: Imported) -> None:
    for refused in imported.refused:
        click.echo(
            f"left: user {refused.user_id}, identity provider {refused.provider}: {refused.reason}"
        )
    click.echo(f"handed over  {imported.handed_over}")
    for reason, count in sorted(Counter(it.reason for it in imported.refused).items()):
        click.echo(f"refused      {count} ({reason})")
    click.echo(f"left         {imported.left.links} in links, {imported.left.sessions} in sessions")
    if imported.stopped is not None:
        _print_stop(imported.stopped, imported.next)


def _print_stop(why: str, place: str | None) -> None:
    if why == _UNREACHABLE:
        why = "Keycloak gets no answer from the bridge; `bridge doctor keycloak` looks closer"
    if why == _NO_HEADWAY:
        why = "Keycloak's database takes too long to find the next tokens"
    click.echo(f"error: stopped: {why}", err=True)
    again = f"go on with --after '{place}'" if place else "run it again"
    click.echo(f"error: nothing is lost: {again}", err=True)
