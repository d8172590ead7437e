"""How a demo's command stays up until it is told to end, and what it says if it cannot."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from bridge.cli.demo.serving import DemoFailedError
from bridge.cli.ending import interruptible, wait_for
from bridge.cli.output import EXIT_PROBLEMS


@contextmanager
def demonstrating() -> Iterator[None]:
    """Let signals end the block, and a demo that fails end the program with its text."""
    try:
        with interruptible():
            yield
    except DemoFailedError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(EXIT_PROBLEMS) from None


def stay(server: subprocess.Popen[bytes], announce: Callable[[], None]) -> None:
    """Announce what there is, and return when told to end.

    Raises:
        DemoFailedError: the bridge ended by itself.
    """
    try:
        announce()
        wait_for(server)
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)
        return
    raise DemoFailedError("`bridge serve` ended by itself")
