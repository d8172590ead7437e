"""How commands speak and end: results on standard output, errors on standard error, exit codes.

Exit codes are 0 for success, 1 for problems that the text or JSON names, and 2 for a command line
that click could not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click
import msgspec

from bridge.config.problems import ConfigError, Problem
from bridge.errors import BridgeError

EXIT_OK: Final = 0
EXIT_PROBLEMS: Final = 1
EXIT_USAGE: Final = 2

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` prints for a command that failed.

    Attributes:
        ok: false.
        problems: what to mend in the configuration.
        code: the error's code, where it is not the configuration.
        message: the error's public text.
    """

    ok: bool
    problems: tuple[Problem, ...] = ()
    code: str = ""
    message: str = ""


def json_option(command: _Command) -> _Command:
    """Give a command `--json`, which it receives as `as_json`."""
    text = "Print one JSON object to standard output, errors too."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_problems(problems: tuple[Problem, ...], *, kind: str) -> None:
    """Print problems to standard error, one a line, each with its kind in front."""
    for problem in problems:
        click.echo(f"{kind}: {problem}", err=True)


@contextmanager
def failing_readably(*, as_json: bool = False) -> Iterator[None]:
    """End the command with 1 and a text, not a traceback, when the bridge refuses something."""
    try:
        yield
    except ConfigError as error:
        if as_json:
            print_json(Failure(ok=False, problems=error.problems))
        else:
            print_problems(error.problems, kind="error")
    except BridgeError as error:
        if as_json:
            print_json(Failure(ok=False, code=error.code.value, message=error.public))
        else:
            click.echo(f"error: {error.public} ({error.code.value})", err=True)
    else:
        return
    raise SystemExit(EXIT_PROBLEMS)
