"""`bridge keys`: the record keys that seal the store, and the key pairs that IdPs encrypt to."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.admin.key_states import KeyKind, KeyState
from bridge.admin.keys import KeyAdmin
from bridge.audit.act import ActType
from bridge.cli.acting import tell
from bridge.cli.configuration import config_option
from bridge.cli.lifetime import age
from bridge.cli.opened import opened
from bridge.cli.output import EXIT_PROBLEMS, failing_readably, json_option, print_json
from bridge.cli.progress import counting
from bridge.cli.table import columns
from bridge.clock import SystemClock

_HOOK_TEXT = "Work on the key pairs that IdPs encrypt tokens to."


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What `keys add` prints as JSON."""

    kind: KeyKind
    id: str


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """What `keys rotate` prints as JSON: the key in use, records moved to it, records damaged."""

    kind: KeyKind
    id: str
    sealed: int = 0
    damaged: int = 0


class Retired(msgspec.Struct, frozen=True, kw_only=True):
    """What `keys retire` prints as JSON."""

    kind: KeyKind
    id: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What `keys list` prints as JSON."""

    keys: tuple[KeyState, ...]


@click.group()
def keys() -> None:
    """Add, show, rotate and retire the keys of the store and of the hook.

    A key is changed in three steps, while the bridge serves: `add` makes it known, `rotate` makes
    it the one in use, `retire` takes the old one out.
    """


@keys.command()
@config_option
@click.option("--hook", is_flag=True, help=_HOOK_TEXT)
@json_option
def add(config: Path | None, *, hook: bool, as_json: bool) -> None:
    """Add a key that is known everywhere and not yet used.

    Running servers notice it within a second. Where they read copies of the key file, copy it to
    each of them before you rotate.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        admin = services.key_admin
        made = admin.add_hook_key() if hook else admin.add()
        added = Added(kind=KeyKind.HOOK if hook else KeyKind.RECORD, id=made.id)
        tell(services, ActType.KEY_ADDED, kind=added.kind.value, key=added.id)
        if as_json:
            print_json(added)
        else:
            click.echo(f"added {added.id}")
            click.echo(f"`bridge keys rotate{' --hook' if hook else ''}` puts it to use.", err=True)


@keys.command("list")
@config_option
@json_option
def list_keys(config: Path | None, *, as_json: bool) -> None:
    """Show every key: its age, its use, records under it, servers that know it.

    The first record key writes, all of them read. IdPs encrypt to the first hook key, all of them
    open. A hash key stays for good. Counting reads the index of the whole store.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        states = tuple(services.key_admin.states())
        if as_json:
            print_json(Listing(keys=states))
            return
        now = SystemClock().now()
        for line in columns(
            ("KIND", "ID", "AGE", "USE", "RECORDS", "KNOWN BY"), [_row(it, now) for it in states]
        ):
            click.echo(line)


@keys.command()
@config_option
@json_option
def public(config: Path | None, *, as_json: bool) -> None:
    """Print the public keys that IdPs encrypt tokens to, as a JWKS.

    The same as `/.well-known/jwks.json` of the internal listener, for an IdP that takes it as a
    file. Nothing in it is secret.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        print_json(services.keys.present.envelope.public_jwks())


@keys.command()
@config_option
@click.argument("key", required=False)
@click.option("--hook", is_flag=True, help=_HOOK_TEXT)
@json_option
def rotate(config: Path | None, key: str | None, *, hook: bool, as_json: bool) -> None:
    """Put KEY to use; without it the newest.

    A record key writes from now on, and every record is sealed under it anew while the bridge
    serves; run it again if it was cut off. A hook key is the one that IdPs encrypt to from now on.
    Waits until every running server knows the key. Exits with 1 if damaged records were met.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        admin = services.key_admin
        turned = _rotate_hook(admin, key) if hook else _rotate(admin, key)
        tell(services, ActType.KEYS_ROTATED, kind=turned.kind.value, key=turned.id)
        if as_json:
            print_json(turned)
        else:
            click.echo(f"{turned.id} is in use")
            _say_what_is_left(turned)
    if turned.damaged:
        raise SystemExit(EXIT_PROBLEMS)


@keys.command()
@config_option
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask before a hook key goes.")
@json_option
def retire(config: Path | None, key: str, *, yes: bool, as_json: bool) -> None:
    """Take KEY out of the key file, once nothing needs it.

    Refuses a key that is in use, that a record is still sealed under, or that hashes. Whether an
    IdP still keeps messages encrypted to a hook key is not known here: it asks.
    """
    with failing_readably(as_json=as_json), opened(config) as services:
        admin = services.key_admin
        kind = admin.kind_of(key)
        if kind is KeyKind.HOOK and not yes:
            _confirm(key)
        admin.retire(key)
        tell(services, ActType.KEY_RETIRED, kind=kind.value, key=key)
        if as_json:
            print_json(Retired(kind=kind, id=key))
        else:
            click.echo(f"retired {key}")


def _rotate(admin: KeyAdmin, key: str | None) -> Turned:
    with counting("records sealed anew") as counter:
        rotated = admin.rotate(key, counter)
    return Turned(
        kind=KeyKind.RECORD, id=rotated.key_id, sealed=counter.total, damaged=rotated.damaged
    )


def _rotate_hook(admin: KeyAdmin, key: str | None) -> Turned:
    return Turned(kind=KeyKind.HOOK, id=admin.rotate_hook_key(key))


def _say_what_is_left(turned: Turned) -> None:
    if turned.damaged:
        text = f"{turned.damaged} damaged records were passed over; their old key must stay."
        click.echo(f"warning: {text}", err=True)
    elif turned.kind is KeyKind.HOOK:
        text = "Retire the old one once every IdP has delivered what it kept."
        click.echo(text, err=True)
    else:
        click.echo("`bridge keys retire KEY` takes an old one out.", err=True)


def _confirm(key: str) -> None:
    click.confirm(
        f"What an IdP encrypted to {key} and has not delivered yet can never be opened again."
        " Retire it?",
        abort=True,
        err=True,
    )


def _row(state: KeyState, now: float) -> tuple[str, ...]:
    return (
        state.kind,
        state.id,
        age(state.created_at, now),
        _use(state),
        "-" if state.records is None else f"{state.records:,}",
        "-" if state.known_by is None else f"{state.known_by} of {state.servers} servers",
    )


def _use(state: KeyState) -> str:
    match state.kind:
        case KeyKind.RECORD:
            return "writes, reads" if state.in_use else "reads"
        case KeyKind.HASH:
            return "hashes"
        case KeyKind.HOOK:
            return "IdPs encrypt to it" if state.in_use else "opens"
