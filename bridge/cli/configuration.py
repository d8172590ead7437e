"""The `--config` option, and the one place where the process's environment is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bridge.config import Loaded, load_with_files
from bridge.config.environment import CONFIG_VARIABLE, PREFIX

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
    return load_with_files(config or _default(), os.environ)


def _default() -> Path | None:
    path = Path(DEFAULT_NAME)
    by_variables = any(name.startswith(PREFIX) for name in os.environ)
    return None if by_variables and not path.exists() else path
