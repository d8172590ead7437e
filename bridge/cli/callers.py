"""`bridge callers`: the keys by which backends, admins and IdPs authenticate to the bridge."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from bridge.audit.act import ActType
from bridge.cli.acting import tell
from bridge.cli.caller_views import Created, Revoked, print_created, print_listing, shown
from bridge.cli.configuration import config_option
from bridge.cli.lifetime import Lifetime, expiry
from bridge.cli.opened import opened
from bridge.cli.output import failing_readably, json_option, print_json
from bridge.config import Permission, Settings
from bridge.errors import BridgeError, Code, invalid
from bridge.google.scopes import normalise
from bridge.model import CallerKey
from bridge.services import Services

_ALL: Final = "*"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHORT_SCOPE: Final = re.compile(r"[a-z][a-z0-9._]*")
_PERMISSIONS: Final = click.Choice([permission.value for permission in Permission])


@click.group()
def callers() -> None:
    """Create, show, rotate and revoke the keys that backends call the bridge with.

    A caller may only do what its permissions say, in its tenants, and gets no token that carries
    more than its scopes.
    """


@callers.command()
@config_option
@click.argument("name")
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    required=True,
    help="A tenant that it may act in; repeat it for more. '*' is all, also those to come.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="A Google scope that its tokens may carry; repeat it for more. '*' is every scope.",
)
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    required=True,
    type=_PERMISSIONS,
    help="What it may do; repeat it for more.",
)
@click.option(
    "--expires-in",
    type=Lifetime(),
    default="never",
    show_default=True,
    help="How long the key works: 12h, 90d, 4w or never.",
)
@json_option
def create(  # noqa: PLR0913 - a command's options
    config: Path | None,
    name: str,
    *,
    tenants: tuple[str, ...],
    scopes: tuple[str, ...],
    permissions: tuple[str, ...],
    expires_in: int,
    as_json: bool,
) -> None:
    """Create the caller NAME with its first key, and show the key's secret, this once.

    The secret alone goes to standard output; the backend sends it as `Authorization: Bearer`.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        template = CallerKey(
            id="",
            digest=b"",
            name=_checked_name(name),
            tenants=_checked_tenants(tenants, services.settings),
            scopes=_checked_scopes(scopes, permissions),
            permissions=tuple(sorted(set(permissions))),
            created_at=0,
            expires_at=expiry(services.clock.now(), expires_in),
        )
        key, secret = services.callers.create(template)
        print_created(Created(caller=shown(key), secret=secret.reveal()), as_json=as_json)
        _tell(services, ActType.CALLER_CREATED, key)


@callers.command("list")
@config_option
@json_option
def list_callers(config: Path | None, *, as_json: bool) -> None:
    """Show every key of every caller: what it may do and when it ends, never its secret."""
    with failing_readably(as_json=as_json), opened(config) as services:
        keys = sorted(services.callers.every(), key=lambda key: (key.name, key.created_at))
        print_listing([shown(key) for key in keys], services.clock.now(), as_json=as_json)


@callers.command()
@config_option
@click.argument("name")
@click.option(
    "--expires-in",
    type=Lifetime(),
    help="How long the new key works: 12h, 90d, 4w or never. By default as long as the last one"
    " was made for.",
)
@json_option
def rotate(config: Path | None, name: str, *, expires_in: int | None, as_json: bool) -> None:
    """Give the caller NAME a second key beside its present one, with the same rights.

    Both work until you revoke the old one. No caller has more than two.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        former = _newest_key(services, name)
        lasts = _lifetime(former) if expires_in is None else expires_in
        key, secret = services.callers.rotate(name, expiry(services.clock.now(), lasts))
        created = Created(caller=shown(key), secret=secret.reveal())
        print_created(created, as_json=as_json)
        _tell(services, ActType.CALLER_ROTATED, key)
        if not as_json:
            text = f"`bridge callers revoke {name} --key {former.id}` ends the old one."
            click.echo(text, err=True)


@callers.command()
@config_option
@click.argument("name")
@click.option("--key", help="The id of the key to end. Without it all of the caller's keys end.")
@json_option
def revoke(config: Path | None, name: str, *, key: str | None, as_json: bool) -> None:
    """End the keys of the caller NAME; every server refuses them within a second."""
    with failing_readably(as_json=as_json), opened(config) as services:
        _newest_key(services, name)
        ended = services.callers.revoke(name, key)
        if not ended:
            raise BridgeError(
                Code.NOT_FOUND, f"{name} has no key {key}; see `bridge callers list`."
            )
        tell(services, ActType.CALLER_REVOKED, caller=name, keys=key or "all")
        if as_json:
            print_json(Revoked(name=name, revoked=ended))
        else:
            click.echo(f"revoked {ended} key(s) of {name}")


def _tell(services: Services, kind: ActType, key: CallerKey) -> None:
    tell(
        services,
        kind,
        caller=key.name,
        key=key.id,
        tenants=" ".join(key.tenants),
        permissions=" ".join(key.permissions),
    )


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise invalid(
            "A caller's name has up to 64 letters, digits, dots, dashes and underscores,"
            " and begins with a letter or digit.",
            field="name",
        )
    return name


def _checked_tenants(tenants: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    if _ALL in tenants:
        return (_ALL,)
    for tenant in tenants:
        if tenant not in settings.tenants:
            known = ", ".join(sorted(settings.tenants))
            raise invalid(f"There is no tenant {tenant!r}; there is {known}.", field="tenant")
    return tuple(sorted(set(tenants)))


def _checked_scopes(scopes: tuple[str, ...], permissions: tuple[str, ...]) -> tuple[str, ...]:
    if not scopes and Permission.TOKEN in permissions:
        raise invalid(
            "A caller with the permission `token` needs a --scope; '*' is every scope.",
            field="scope",
        )
    if _ALL in scopes:
        return (_ALL,)
    found = normalise(scopes, field="scope")
    for scope in found:
        if scope != "openid" and _SHORT_SCOPE.fullmatch(scope):
            raise invalid(
                f"{scope!r} is no scope of Google's;"
                f" is https://www.googleapis.com/auth/{scope} meant?",
                field="scope",
            )
    return tuple(sorted(found))


def _newest_key(services: Services, name: str) -> CallerKey:
    keys = sorted(services.callers.of(name), key=lambda key: key.created_at)
    if not keys:
        known = ", ".join(sorted({key.name for key in services.callers.every()})) or "none yet"
        raise BridgeError(Code.NOT_FOUND, f"There is no caller {name!r}; there is {known}.")
    return keys[-1]


def _lifetime(key: CallerKey) -> int:
    return 0 if key.expires_at is None else key.expires_at - key.created_at
