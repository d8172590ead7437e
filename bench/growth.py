"""Growth: from a thousand grants to a million, what a read takes and what a grant takes on disk.

Every grant has lived the life that costs most room: captured, and rewritten larger by its first
refresh.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Final

from bench.bulk import fill
from bench.harness import Beside, Figure, Measure, Plan, at_most, median
from bench.setup import CALENDAR, TENANT, Setup, set_up
from bridge.model import Caller
from bridge.services import Services
from bridge.tokens.wire import TokenRequest

_SMALL: Final = 1000
_KEPT: Final = 20_000
_CALLER: Final = Caller(
    name="backend",
    tenants=frozenset((TENANT,)),
    scopes=frozenset((CALENDAR,)),
    permissions=frozenset(("token",)),
)


def run(plan: Plan) -> Figure:
    """Measure."""
    large = plan.of(1_000_000, 100_000)
    few, many = set_up(plan.folder / "few"), set_up(plan.folder / "many")
    known_few = fill(few, _SMALL, keep=_SMALL)
    begun = time.monotonic()
    known_many = fill(many, large, keep=_KEPT)
    filled_in = time.monotonic() - begun
    size = _size(many)
    rounds, reads = plan.of(9, 5), plan.of(10_000, 3_000)
    with few.services() as at_few, many.services() as at_many:
        # In turns, so that a noisy machine is noisy for both; the first turn warms up.
        pairs = [
            (_read_time(at_few, known_few, reads), _read_time(at_many, known_many, reads))
            for _ in range(rounds + 1)
        ][1:]
    return _figure(few, pairs, size / large, large, filled_in)


def _size(setup: Setup) -> int:
    """Return the bytes on disk, indexes and the write-ahead log as it is included."""
    return sum(path.stat().st_size for path in setup.store.parent.glob("bridge.db*"))


def _read_time(services: Services, subjects: Sequence[str], reads: int) -> float:
    """Return the seconds that a warm read takes in the token service."""
    wanted = [
        TokenRequest(tenant=TENANT, subject=random.choice(subjects), scopes=(CALENDAR,))
        for _ in range(reads)
    ]
    begun = time.perf_counter()
    for request in wanted:
        services.tokens.read(_CALLER, request)
    return (time.perf_counter() - begun) / reads


def _figure(
    setup: Setup,
    pairs: list[tuple[float, float]],
    bytes_per_grant: float,
    grants: int,
    filled_in: float,
) -> Figure:
    ratio = median([large / small for small, large in pairs])
    return Figure(
        name="growth",
        value=median([large for _, large in pairs]) * 1e6,
        unit="us a read",
        ratio=ratio,
        against=f"the same read with {_SMALL} grants, in turns",
        measures=(
            Measure("ratio", ratio, f"x at {_SMALL}", at_most(1.5)),
            Measure("bytes_per_grant", bytes_per_grant, "bytes", at_most(1500)),
            Measure("small_us", median([small for small, _ in pairs]) * 1e6, "us"),
            Measure("grants", grants),
            Measure("filled_in_s", filled_in, "s"),
        ),
        beside=Beside(
            server="none: the token service in this process, one thread",
            workers=setup.workers,
            threads=1,
            cache="none",
        ),
    )
