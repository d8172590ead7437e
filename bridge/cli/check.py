"""`bridge check`: is the configuration complete, and what would `bridge serve` do with it?"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from bridge.cli.configuration import config_option, load_configuration
from bridge.cli.output import (
    EXIT_PROBLEMS,
    failing_readably,
    json_option,
    print_json,
    print_problems,
)
from bridge.cli.plan import Plan, plan_lines, plan_of
from bridge.cli.upstream_clock import LARGEST_SKEW_S, ClockUnknownError, skew
from bridge.clock import Clock, SystemClock
from bridge.config import Loaded
from bridge.config.cautions import cautions
from bridge.config.keys import read_keys
from bridge.config.problems import Problem
from bridge.config.settings import GoogleSettings


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt of the host's clock.

    Attributes:
        ahead_s: seconds ahead of Google; None if nobody was asked or nobody told.
        problems: a clock that is too far off.
        warnings: a clock of which nothing is known.
    """

    ahead_s: float | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `bridge check` found in a configuration that can be read."""

    ok: bool
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    clock_ahead_s: float | None
    plan: Plan


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="Do not compare the host's clock with Google's.")
@json_option
def check(config: Path | None, *, offline: bool, as_json: bool) -> None:
    """Tell what is wrong with the configuration, or what `bridge serve` would do with it.

    Exits with 0 if nothing is wrong (warnings are not), with 1 if something is, with 2 if the
    command line is.
    """
    with failing_readably(as_json=as_json):
        loaded = load_configuration(config)
        report = examine(loaded, None if offline else SystemClock())
        if as_json:
            print_json(report)
        else:
            _print(report)
    if not report.ok:
        raise SystemExit(EXIT_PROBLEMS)


def examine(loaded: Loaded, clock: Clock | None) -> Report:
    """Return what there is to say about a configuration.

    Args:
        loaded: the configuration.
        clock: the host's clock, to be compared with Google's; None not to ask.

    Raises:
        ConfigError: the key file cannot be used.
    """
    settings = loaded.settings
    plan = plan_of(settings, read_keys(settings.keys.file))
    reading = read_clock(settings.google, clock) if clock else ClockReading()
    return Report(
        ok=not reading.problems,
        problems=reading.problems,
        warnings=(*cautions(loaded), *reading.warnings),
        clock_ahead_s=reading.ahead_s,
        plan=plan,
    )


def read_clock(google: GoogleSettings, clock: Clock) -> ClockReading:
    """Compare the host's clock with Google's."""
    try:
        ahead = round(skew(google, clock), 1)
    except ClockUnknownError as error:
        return ClockReading(warnings=(Problem("clock", f"not compared: Google {error}"),))
    if abs(ahead) <= LARGEST_SKEW_S:
        return ClockReading(ahead_s=ahead)
    direction = "ahead of" if ahead > 0 else "behind"
    message = f"is {abs(ahead):g} s {direction} Google's"
    return ClockReading(
        ahead_s=ahead, problems=(Problem("clock", message, "let the host follow a time server"),)
    )


def _print(report: Report) -> None:
    for line in plan_lines(report.plan):
        click.echo(line)
    if report.clock_ahead_s is not None:
        click.echo(f"clock         {report.clock_ahead_s:+g} s from Google's")
    print_problems(report.warnings, kind="warning")
    print_problems(report.problems, kind="error")
