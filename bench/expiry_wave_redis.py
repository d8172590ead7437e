"""The wave of `expiry_wave`, with its grants in Redis and the cache that is on by default."""

from __future__ import annotations

from bench import programs
from bench.expiry_wave import wave
from bench.harness import Figure, Plan
from bench.setup import Kept
from bench.warm_read_cached import CACHE_MB


def run(plan: Plan) -> Figure:
    """Measure."""
    with programs.redis(plan.folder) as url:
        return wave("expiry_wave_redis", plan, Kept(url, CACHE_MB))
