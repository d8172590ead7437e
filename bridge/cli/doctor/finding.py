"""What the doctor says: findings, each with what is wrong and how it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import click
import msgspec


class Level(StrEnum):
    """Whether something must be mended, or is worth knowing."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be.

    Attributes:
        check: its name, for scripts.
        level: how bad it is.
        where: what it is about, in words.
        message: what is wrong; holds no secret.
        mend: what to do, and where.
        fixable: whether `--fix` mends it.
    """

    check: str
    level: Level
    where: str
    message: str
    mend: str
    fixable: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others of the same examination."""
        return self.check, self.where


def is_well(findings: Iterable[Finding]) -> bool:
    """Return whether nothing has to be mended; warnings do not count."""
    return all(finding.level is not Level.ERROR for finding in findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings to standard output: they are what was asked for."""
    for finding in findings:
        by_itself = " (--fix does it)" if finding.fixable else ""
        click.echo(f"{finding.level.value}: {finding.where}: {finding.message}")
        click.echo(f"    {finding.mend}{by_itself}")
