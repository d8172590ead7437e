"""The command: plays the story, keeps the place up for the reader, and takes it down again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from bridge.cli.demo.place import DemoFailedError, Place, running
from bridge.cli.demo.story import suggest, tell
from bridge.cli.output import EXIT_PROBLEMS


@click.command()
@click.option("--once", is_flag=True, help="End after the story.")
def demo(*, once: bool) -> None:
    """See it work: a sandbox Google, a bridge, a login, and token reads, explained line by line.

    Everything runs on free loopback ports and in a temporary folder, and is gone at the end. After
    the story it stays up until Ctrl-C, so that the curl commands can be pasted elsewhere.
    """
    try:
        click.echo("setting up", err=True)
        with _terminated_like_interrupted(), running() as place:
            tell(place)
            if not once:
                _stay(place)
    except DemoFailedError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(EXIT_PROBLEMS) from None


def _stay(place: Place) -> None:
    suggest(place)
    try:
        place.server.wait()
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)
        return
    raise DemoFailedError("`bridge serve` ended by itself")


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Have SIGTERM unwind the program as SIGINT does, so that nothing is left running."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell without job control starts what runs in the background with it ignored.
    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
