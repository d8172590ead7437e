"""`python -m bench [NAME ...]`: run the benchmarks, print the table, write `bench/latest.json`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import (
    capture,
    expiry_wave,
    expiry_wave_redis,
    failover,
    growth,
    login_keycloak,
    peers,
    storm,
    storm_redis,
    warm_read,
    warm_read_cached,
    warm_read_redis,
    workers,
)
from bench.harness import Benchmark, Figure, Plan, table
from bench.programs import MissingToolError
from bench.wrk import need_wrk

_BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "warm_read": warm_read.run,
    "warm_read_cached": warm_read_cached.run,
    "warm_read_redis": warm_read_redis.run,
    "workers": workers.run,
    "storm": storm.run,
    "storm_redis": storm_redis.run,
    "expiry_wave": expiry_wave.run,
    "expiry_wave_redis": expiry_wave_redis.run,
    "capture": capture.run,
    "failover": failover.run,
    "growth": growth.run,
    "login_keycloak": login_keycloak.run,
    "peers": peers.run,
}
_HERE: Final = Path(__file__).parent
_LATEST: Final = _HERE / "latest.json"


def main() -> int:
    """Run what was asked for.

    Returns:
        2 if a benchmark needs what this machine lacks; 1 if `--check` was given and a threshold is
        missed.
    """
    options = _options()
    try:
        need_wrk()
    except MissingToolError as error:
        print(error, file=sys.stderr)
        return 2
    figures, missing = [], 0
    for name in options.names or _BENCHMARKS:
        try:
            figures.append(_run(name, is_quick=options.quick))
        except MissingToolError as error:
            print(f"{name} was not measured: {error}", file=sys.stderr, flush=True)
            missing = 2
            continue
        _write(figures[-1], is_quick=options.quick)
    for line in table(figures):
        print(line)
    return missing or int(options.check and not all(figure.passes for figure in figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="shorter and smaller")
    parser.add_argument("--check", action="store_true", help="fail where a threshold is missed")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in _BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(_BENCHMARKS)}")
    return options


def _run(name: str, *, is_quick: bool) -> Figure:
    print(f"{name} ...", file=sys.stderr, flush=True)
    begun = time.monotonic()
    # Beside the code and not in /tmp, which may be memory: an fsync there costs nothing.
    with TemporaryDirectory(dir=_HERE, prefix=f"{name}-", suffix=".tmp") as folder:
        figure = _BENCHMARKS[name](Plan(Path(folder), is_quick))
    print(f"{name} took {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return figure


def _write(figure: Figure, *, is_quick: bool) -> None:
    """Write a figure over the one of the same name; the others stay as they were."""
    known = json.loads(_LATEST.read_text()) if _LATEST.exists() else {}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    known[figure.name] = figure.as_json() | {"quick": is_quick, "at": stamp}
    _LATEST.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
