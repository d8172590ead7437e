"""Ports for servers that are to be started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli.demo import ports

Lend = Callable[[int, int], None]


@pytest.fixture
def lend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lend:
    """Return a way to say which ports the system lends to connections."""

    def say(first: int, last: int) -> None:
        lent = tmp_path / "range"
        lent.write_text(f"{first}\t{last}\n")
        monkeypatch.setattr(ports, "_LENT", lent)

    return say


def test_no_port_is_one_that_connections_get(lend: Lend) -> None:
    """A connection that goes out cannot take a server's port while it starts."""
    lend(20_000, 60_999)

    found = ports.free_ports(100)

    assert len(set(found)) == 100
    assert all(10_240 <= port < 20_000 for port in found)


def test_where_all_ports_are_lent_there_is_one_all_the_same(lend: Lend) -> None:
    """Some hosts lend every port from 1024 on."""
    lend(1024, 65_535)

    assert ports.free_port() >= 1024
