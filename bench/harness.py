"""What every benchmark shares: figures with their thresholds, and the conditions they ran under.

Owns the shape of `latest.json` and the printed table. Knows no benchmark and starts nothing.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

REMEMBERED: Final = (
    "sealed answers, whose rows are looked at each time; a proven caller is remembered for 0.5 s"
)
"""What every process remembers of reads over HTTP, whatever its cache."""


class Limit(NamedTuple):
    """A threshold that a figure is held against."""

    bound: float
    is_least: bool

    def holds(self, value: float) -> bool:
        """Tell whether a value passes."""
        return value >= self.bound if self.is_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.bound:g}"


def at_least(bound: float) -> Limit:
    """Return the threshold of a figure that should be large."""
    return Limit(bound, is_least=True)


def at_most(bound: float) -> Limit:
    """Return the threshold of a figure that should be small."""
    return Limit(bound, is_least=False)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: its name in `latest.json`, its unit, and the threshold if it has one."""

    name: str
    value: float
    unit: str = ""
    limit: Limit | None = None

    @property
    def passes(self) -> bool:
        """Whether it is within its threshold; without one it always is."""
        return self.limit is None or self.limit.holds(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a benchmark ran beside: without it a figure says nothing."""

    server: str
    workers: int
    threads: int
    store: str = "sqlite, WAL, synchronous=FULL"
    cache: str = f"none; {REMEMBERED}"
    python: str = platform.python_version()
    cpus: int = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a benchmark found.

    Attributes:
        name: the benchmark's.
        value, unit: the headline.
        ratio: how it compares with `against`, None where nothing is compared.
        against: what `ratio` is a ratio to.
        measures: every number, the headline's too if it has a threshold.
        beside: the conditions.
        missing: what could not be measured here, and why.
    """

    name: str
    value: float
    unit: str
    ratio: float | None
    against: str | None
    measures: tuple[Measure, ...]
    beside: Beside
    missing: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether every measure is within its threshold."""
        return all(measure.passes for measure in self.measures)

    def as_json(self) -> dict[str, object]:
        """Return the entry of `latest.json`."""
        return {
            "value": rounded(self.value),
            "unit": self.unit,
            "ratio": None if self.ratio is None else rounded(self.ratio),
            "against": self.against,
            **{measure.name: rounded(measure.value) for measure in self.measures},
            "thresholds": {m.name: str(m.limit) for m in self.measures if m.limit is not None},
            "passes": self.passes,
            **({"missing": list(self.missing)} if self.missing else {}),
            "beside": asdict(self.beside),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure, and where to keep files meanwhile: on a disk, never in memory."""

    folder: Path
    is_quick: bool

    def of(self, full: int, quick: int) -> int:
        """Return a size or a length by whether this is a quick run."""
        return quick if self.is_quick else full


Benchmark = Callable[[Plan], Figure]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share (0 to 1) of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the median of the rounds."""
    return statistics.median(values)


def rounded(value: float) -> float:
    """Return a number with the four digits that mean anything here; whole ones stay whole."""
    if isinstance(value, int) or value == 0:
        return value
    digits = 3 - math.floor(math.log10(abs(value)))
    shown = round(value, max(0, digits))
    return int(shown) if digits <= 0 else shown


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Yield the lines of the table: one a measure, with its threshold beside it."""
    yield f"{'benchmark':<18} {'measure':<22} {'value':>12} {'unit':<12} {'threshold':<10} verdict"
    for figure in figures:
        yield f"{figure.name:<18} {'value':<22} {rounded(figure.value):>12} {figure.unit:<12}"
        for measure in figure.measures:
            yield (
                f"{'':<18} {measure.name:<22} {rounded(measure.value):>12} {measure.unit:<12} "
                f"{_judged(measure)}"
            ).rstrip()
        yield from (f"{'':<18} not measured: {what}" for what in figure.missing)
        its = figure.beside
        yield (
            f"{'':<18} beside: {its.server}; {its.workers} workers x {its.threads} threads; "
            f"{its.store}; cache: {its.cache}; Python {its.python}, {its.cpus} CPUs"
        )


def _judged(measure: Measure) -> str:
    if measure.limit is None:
        return ""
    return f"{measure.limit!s:<10} {'passes' if measure.passes else 'FAILS'}"
