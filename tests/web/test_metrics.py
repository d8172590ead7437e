"""What is counted, how the workers of a host count together, and what the dashboard asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import metrics
from bridge.errors import BridgeError
from tests.capture.racing import at_once
from tests.kit import HOUR, World

ROOT: Final = Path(__file__).parents[2]
DASHBOARD: Final = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(bridge_world: World) -> Samples:
    response = bridge_world.http.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=0.0.4")
    return samples_of(response.text)


def samples_of(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def grown(bridge_world: World, work: Callable[[], object]) -> Callable[..., float]:
    before = scraped(bridge_world)
    work()
    after = scraped(bridge_world)

    def by(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after.get(key, 0) - before.get(key, 0)

    return by


def lively(bridge_world: World) -> None:
    """Do something of everything that is counted."""
    bridge_world.grant("u1")
    for _ in range(3):
        bridge_world.read("u1")
    with suppress(BridgeError):
        bridge_world.read("nobody")
    bridge_world.clock.advance(2 * HOUR)
    bridge_world.read("u1")


def test_reads_refreshes_and_calls_are_counted(bridge_world: World) -> None:
    """Each by what came of it, once."""
    by = grown(bridge_world, lambda: lively(bridge_world))
    assert by("bridge_token_reads_total", outcome="served") == 4
    assert by("bridge_token_reads_total", outcome="grant_missing") == 1
    assert by("bridge_refreshes_total", outcome="refreshed") == 2
    assert by("bridge_upstream_seconds_count", call="refresh") == 2
    assert by("bridge_upstream_seconds_sum", call="refresh") > 0
    assert by("bridge_leases_total", result="taken") >= 2
    assert by("bridge_cache_reads_total", result="hit") >= 1
    assert by("bridge_store_seconds_count", call="commit") >= 2


def test_an_open_circuit_shows(bridge_world: World) -> None:
    """A client that Google refuses is counted as open, and as having opened once."""
    bridge_world.grant("u1")
    bridge_world.google.clients.rotate_secret(bridge_world.client)

    def refused() -> None:
        for _ in range(2):
            with pytest.raises(BridgeError):
                bridge_world.read("u1")

    by = grown(bridge_world, refused)
    assert by("bridge_circuits_open") == 1
    assert by("bridge_circuit_changes_total", change="opened") == 1
    assert by("bridge_token_reads_total", outcome="client_fault") == 2


def test_no_label_names_a_person_or_a_token(bridge_world: World) -> None:
    """The values of labels are words of our own."""
    lively(bridge_world)
    allowed = re.compile(r"[a-z_]+|[0-9.e+-]+|\+Inf")
    for _, labels in scraped(bridge_world):
        for name, value in labels:
            assert allowed.fullmatch(value), (name, value)


def test_metrics_are_not_on_the_public_listener(bridge_world: World) -> None:
    """What a stranger may ask has no metrics."""
    assert bridge_world.public_http.get("/metrics").status_code == 404


_WORKER: Final = """
import sys
from bridge import metrics
metrics.count(metrics.READS, "served")
metrics.observe(metrics.STORE, "get", 0.001)
metrics.settle()
if sys.argv[1] == "tell":
    print(metrics.exposed(0).decode())
"""


def test_processes_count_together(tmp_path: Path) -> None:
    """What one worker tells holds what all counted, those that have ended too."""
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    told = ""
    for what in ("be quiet", "be quiet", "tell"):
        command = [sys.executable, "-c", _WORKER, what]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        told = done.stdout
    samples = samples_of(told)
    assert samples["bridge_token_reads_total", (("outcome", "served"),)] == 3
    assert samples["bridge_store_seconds_count", (("call", "get"),)] == 3


def test_no_count_of_many_threads_is_lost(bridge_world: World) -> None:
    """However many count at once, and settle meanwhile, the sum is right."""
    threads, times = 8, 5000

    def work() -> None:
        for number in range(times):
            metrics.count(metrics.CIRCUITS, "closed")
            if number % 100 == 0:
                metrics.settle()

    by = grown(bridge_world, lambda: at_once(*[work] * threads))
    assert by("bridge_circuit_changes_total", change="closed") == threads * times


def expressions(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["expr"]] if "expr" in node else []
        return [*own, *(text for value in node.values() for text in expressions(value))]
    if isinstance(node, list):
        return [text for value in node for text in expressions(value)]
    return []


def test_the_dashboard_asks_for_what_there_is(bridge_world: World) -> None:
    """Every metric, label and value of a label in its queries can be found in a scrape."""
    lively(bridge_world)
    metrics.count(metrics.LEASES, "busy")
    metrics.count(metrics.CIRCUITS, "opened")
    metrics.count(metrics.STORE_FAILURES, "get")
    metrics.observe(metrics.WAITS, "rate", 0.1)
    samples = scraped(bridge_world)
    names = {name for name, _ in samples}
    labels = {(name, label) for name, pairs in samples for label, _ in pairs}
    asked = expressions(DASHBOARD)
    assert len(asked) >= 9
    for text in asked:
        found = re.findall(r"\bbridge_[a-z_]+", text)
        assert found, text
        assert set(found) <= names, text
        for grouping in re.findall(r"by \(([a-z, ]+)\)", text):
            for label in re.split(r", *", grouping):
                assert (found[0], label) in labels, text
        for name, label, value in re.findall(r"(bridge_[a-z_]+){([a-z]+)=\"([a-z]+)\"}", text):
            assert (name, ((label, value),)) in samples, text


def test_the_page_names_every_metric() -> None:
    """docs/operations.md lists the metrics that there are, and no other."""
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = set(re.findall(r"^\| `(bridge_[a-z_]+)` \|", page, re.MULTILINE))
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.REGISTRY.collect()
    }
    assert listed == families | {"bridge_circuits_open"}
