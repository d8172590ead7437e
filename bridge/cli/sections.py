"""A command group whose help lists its commands under headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

_WHOLE_SENTENCE: Final = 1000

Sections = Mapping[str, Sequence[str]]


class SectionedGroup(click.Group):
    """A group that shows its commands by section, in the order given."""

    def __init__(self, *, sections: Sections, **attributes: Any) -> None:  # noqa: ANN401 - click's
        """Take a heading to the names of the commands under it; the rest come last."""
        super().__init__(**attributes)
        self.sections = sections

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands and what each is for, a section after the other."""
        placed = {name for names in self.sections.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in placed]
        for heading, names in [*self.sections.items(), ("Others", others)]:
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [
                (name, command.get_short_help_str(limit=_WHOLE_SENTENCE))
                for name, command in found
                if command is not None
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
