"""The `--config` option, and the one place where the process's environment is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bridge.config import Loaded, Mode, load_with_files
from bridge.config.draft import Draft, read_toml
from bridge.config.environment import CONFIG_VARIABLE, PREFIX, overlay
from bridge.config.problems import ConfigError

DEFAULT_NAME: Final = "bridge.toml"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def config_option(command: _Command) -> _Command:
    """Give a command `--config`, which it receives as `config`."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar=CONFIG_VARIABLE,
        help="The settings file. Without it ./bridge.toml, or BRIDGE_* variables alone.",
    )(command)


def load_configuration(config: Path | None) -> Loaded:
    """Return the configuration that a command was started with.

    Raises:
        ConfigError: with every problem there is.
    """
    return load_with_files(*source_of(config))


def source_of(config: Path | None) -> tuple[Path | None, Mapping[str, str]]:
    """Return where a command's configuration comes from: a file, if any, and the environment."""
    return config or _default(), os.environ


def mode_told(config: Path | None) -> Mode | None:
    """Return the mode of the configuration around, however incomplete the rest of it is.

    Returns:
        None if there is no configuration at all.

    Raises:
        ConfigError: the file cannot be read, so that nobody knows its mode.
    """
    path = config or (Path(DEFAULT_NAME) if Path(DEFAULT_NAME).exists() else None)
    draft = Draft(folder=path.absolute().parent if path else Path.cwd())
    if path is not None:
        read_toml(draft, path)
        if draft.problems:
            raise ConfigError(draft.problems)
    overlay(draft, os.environ)
    if path is None and not draft.tree:
        return None
    return Mode.DEVELOPMENT if draft.tree.get("mode") == Mode.DEVELOPMENT else Mode.PRODUCTION


def _default() -> Path | None:
    path = Path(DEFAULT_NAME)
    by_variables = any(name.startswith(PREFIX) for name in os.environ)
    return None if by_variables and not path.exists() else path
