"""Progress of long work, on standard error: a bar, a line that counts up, or one now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click

_EVERY_ON_A_TERMINAL: Final = 100
_EVERY_ELSEWHERE: Final = 10_000


class Counter:
    """Counts work that is done, and shows how far it is."""

    def __init__(self, what: str, *, terminal: bool) -> None:
        """Count `what`, such as "records sealed anew"."""
        self.total = 0
        self._what = what
        self._terminal = terminal
        self._every = _EVERY_ON_A_TERMINAL if terminal else _EVERY_ELSEWHERE

    def __call__(self, done: int) -> None:
        """Add what was done since the last call."""
        before, self.total = self.total, self.total + done
        if before // self._every != self.total // self._every:
            self._show()

    def close(self) -> None:
        """Show where it ended."""
        self._show()
        if self._terminal:
            click.echo(err=True)

    def _show(self) -> None:
        text = f"{self.total:,} {self._what}"
        click.echo(f"\r{text}" if self._terminal else text, err=True, nl=not self._terminal)


@contextmanager
def advancing(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that moves a bar on; elsewhere than on a terminal, lines as `counting`."""
    if not sys.stderr.isatty():
        with counting(f"of {total:,} {what}") as counter:
            yield counter
        return
    with click.progressbar(length=total, label=what, file=sys.stderr, show_pos=True) as bar:
        yield bar.update


@contextmanager
def counting(what: str) -> Iterator[Counter]:
    """Give a counter to work with; how far it came is shown however the work ends."""
    counter = Counter(what, terminal=sys.stderr.isatty())
    try:
        yield counter
    finally:
        counter.close()
