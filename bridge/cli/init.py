"""`bridge init`: a settings file to fill in, and the keys."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import click

from bridge.cli.configuration import DEFAULT_NAME
from bridge.cli.output import failing_readably
from bridge.config.keys import generate, write_keys
from bridge.config.problems import ConfigError, Problem
from bridge.config.template import new_hook_secret, render

_KEYS_NAME: Final = "bridge.keys.json"
_STORE_NAME: Final = "bridge.db"
_OWNER_ONLY: Final = 0o600


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def init(folder: Path) -> None:
    """Write bridge.toml and bridge.keys.json into FOLDER.

    Both can be read by their owner alone. What is there already stays as it is.
    """
    with failing_readably():
        settings, keys = folder / DEFAULT_NAME, folder / _KEYS_NAME
        _make_folder(folder)
        _refuse_orphaned_store(folder, keys)
        _report(settings, written=_write_settings(settings))
        _report(keys, written=_write_fresh_keys(keys))
        _say_next(settings, keys)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _refuse_orphaned_store(folder: Path, keys: Path) -> None:
    # Fresh keys beside a store that others sealed would look like a working installation.
    if (folder / _STORE_NAME).exists() and not keys.exists():
        message = "is missing, and fresh keys cannot open the store that is there"
        raise ConfigError([Problem(str(keys), message, "put the key file back from its copy")])


def _write_settings(path: Path) -> bool:
    text = render(new_hook_secret())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _write_fresh_keys(path: Path) -> bool:
    if path.exists():
        return False
    write_keys(path, generate(time.time()), overwrite=False)
    return True


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError([Problem(str(path), f"cannot be written: {error.strerror}")])


def _report(path: Path, *, written: bool) -> None:
    click.echo(f"wrote {path}" if written else f"kept  {path}: it exists and is never overwritten")


def _say_next(settings: Path, keys: Path) -> None:
    click.echo(f"""
Next:
  1. Fill in {settings}: public_url, the tenant's issuer, its Google client.
  2. Run `bridge check --config {settings}` until it finds no problem. It names the redirect URI
     to register at Google.
  3. Give the tenant's hook secret to its IdP.
  4. Keep a copy of {keys} apart from the store's backups.
  5. Run `bridge serve --config {settings}`.""")
