"""The warm reads of `warm_read`, from SQLite and the process's own cache of sealed rows."""

from __future__ import annotations

from typing import Final

from bench.harness import Figure, Plan
from bench.reading import figure
from bench.setup import Kept, set_up
from bench.warm_read import turns
from bench.wire import get
from bench.wrk import requests_file

CACHE_MB: Final = 32
"""The default of `store.cache_mb`."""


def run(plan: Plan) -> Figure:
    """Measure."""
    setup = set_up(plan.folder / "bridge", kept=Kept(cache_mb=CACHE_MB))
    hellos = requests_file(plan.folder / "hellos", [get("/")])
    rounds = turns(plan, setup, hellos)
    return figure("warm_read_cached", setup, rounds, least=0.6)
