"""A wave of grants that expire together, at several replicas, in real time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pytest

from bridge.google.scopes import in_order, parse
from bridge.model import AccessToken, Grant
from bridge.secret import Secret
from bridge.vault import lifecycle
from tests.kit import HOUR, TENANT, World
from tests.tokens.support import ONLY_CALENDAR, calls, capture, mark_of
from tests.tokens.wave_reader import Failure

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
REPLICAS: Final = 2
GRANTED: Final = in_order(parse(ONLY_CALENDAR))


def captured(bridge: World, names: Iterable[str]) -> dict[str, bytes]:
    """Capture a login of each subject; return the marks of their refresh tokens."""
    return {
        name: mark_of(bridge, capture(bridge, name, bridge.account(), ONLY_CALENDAR))
        for name in names
    }


def issued(bridge: World, subject: str, mark: bytes, ends: int) -> None:
    """Prove a captured token, with an access token that ends at that time."""
    access = AccessToken(
        token=Secret(f"old token of {subject}"), scopes=None, issued_at=ends - HOUR, expires_at=ends
    )

    def proven(grant: Grant) -> Grant:
        live = lifecycle.prove(grant, mark, GRANTED, access.issued_at)
        return lifecycle.keep_access(live, access, access.issued_at)

    [held] = bridge.services.grants.find(TENANT, subject)
    bridge.services.grants.update(held.ref, proven)


def failures(bridge: World, subjects: Sequence[str]) -> list[Failure]:
    """Have replicas read tokens until all are new; return which reads failed."""
    command = [sys.executable, "-m", "tests.tokens.wave_reader", str(bridge.config)]
    replicas = [
        subprocess.Popen(
            [*command, *subjects], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(REPLICAS)
    ]
    for replica in replicas:
        assert replica.stdout is not None
        assert replica.stdout.readline() == b"ready\n"
    for replica in replicas:
        assert replica.stdin is not None
        replica.stdin.write(b"begin\n")
        replica.stdin.flush()
    told = [replica.communicate()[0] for replica in replicas]
    return [failure for each in told for failure in msgspec.json.decode(each, type=list[Failure])]


def busiest_second(bridge: World) -> int:
    return bridge.google.stats().busiest[f"token {bridge.client.client_id}"].calls


def test_the_rate_is_kept_over_replicas_and_nobody_fails(bridge_world: World) -> None:
    """300 grants in one wave: one refresh each, no second above the limit, no read that fails.

    Most callers have a token that still lives and never wait; the others wait for their turn.
    """
    now = int(time.time())
    over = captured(bridge_world, (f"over-{number}" for number in range(60)))
    expiring = captured(bridge_world, (f"expiring-{number}" for number in range(240)))
    for subject, mark in over.items():
        issued(bridge_world, subject, mark, now - 60)
    for subject, mark in expiring.items():
        issued(bridge_world, subject, mark, now + 170)
    bridge_world.restart(refreshes_per_second=40)

    assert failures(bridge_world, (*over, *expiring)) == []

    assert calls(bridge_world) == 300
    assert busiest_second(bridge_world) <= 40


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_grants_that_expire_within_a_minute(bridge_world: World) -> None:
    """At 50 a second that takes four minutes, and no read fails while its old token lives."""
    marks = captured(bridge_world, (f"u{number}" for number in range(10_000)))
    ends = int(time.time()) + 400
    for number, (subject, mark) in enumerate(marks.items()):
        issued(bridge_world, subject, mark, ends + number % 60)
    bridge_world.restart(refreshes_per_second=50)

    failed = failures(bridge_world, tuple(marks))

    assert [each for each in failed if each.lives] == []
    assert calls(bridge_world) == 10_000
    assert busiest_second(bridge_world) <= 50
