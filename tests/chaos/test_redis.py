"""Servers killed, stopped and cut off under captures and revocations at three bridges.

What a bridge acknowledged is there afterwards, once, and what it revoked stays revoked.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.conftest import Place
from tests.chaos.load import Load
from tools.redis_servers import RedisServer, until

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("place", ["sentinel", "cluster"], indirect=True)
BEHIND_PROXIES = pytest.mark.parametrize(
    "place", ["sentinel behind proxies", "cluster behind proxies"], indirect=True
)
ALONE = pytest.mark.parametrize("place", ["alone"], indirect=True)


def under_way(load: Load, writes: int = 20) -> None:
    before = len(load.answered)
    until(lambda: len(load.answered) >= before + writes, 60)


def failed_over(place: Place, first: RedisServer) -> None:
    """Wait until another server is the primary."""
    until(lambda: place.primary() is not first, 60)


def killed(place: Place, load: Load) -> None:
    first = place.primary()
    first.kill()
    failed_over(place, first)
    # The other one is back before writing goes on: a Cluster's new primary has no replica else.
    first.start()
    load.writes_again()
    under_way(load)


def hung(place: Place, load: Load) -> None:
    first = place.primary()
    first.pause()
    failed_over(place, first)
    if place.survives:
        under_way(load)
    first.go_on()
    under_way(load)


def cut_off(place: Place, load: Load) -> None:
    first = place.primary()
    place.isolate(first)
    failed_over(place, first)
    if place.survives:
        under_way(load)
    place.rejoin(first)
    under_way(load)


@BOTH
def test_a_primary_that_is_killed_takes_nothing_along(place: Place, load: Load) -> None:
    """No acknowledged capture is lost, no revoked grant is back, no token is there twice."""
    under_way(load)
    killed(place, load)
    load.stop()
    load.verify()
    assert len(load.acknowledged) > 20


@BOTH
def test_every_bridge_is_back_once_another_server_took_over(place: Place, load: Load) -> None:
    """All of them read while the killed primary is still away; they write if a replica is left.

    A shard of a Cluster with one replica has none left then: nothing that it took would be safe.
    How soon they are back is measured by the benchmark `failover`.
    """
    under_way(load)
    first = place.primary()
    first.kill()
    failed_over(place, first)
    load.reads_again()
    if place.survives:
        load.writes_again()
    first.start()
    under_way(load)
    load.stop()
    load.verify()


@BOTH
def test_a_primary_that_hangs_is_left_and_not_believed_later(place: Place, load: Load) -> None:
    """A stopped server is replaced; when it wakes up, what it still holds counts for nothing."""
    under_way(load)
    hung(place, load)
    load.stop()
    load.verify()


@BEHIND_PROXIES
def test_a_primary_that_is_cut_off_is_left_and_not_believed_later(place: Place, load: Load) -> None:
    """It lives and hears nobody; what was sent to it meanwhile reaches it late, and is void."""
    under_way(load)
    cut_off(place, load)
    load.stop()
    load.verify()


@ALONE
def test_a_server_that_is_cut_off_costs_time_and_nothing_else(place: Place, load: Load) -> None:
    """While nothing gets through nothing is acknowledged; afterwards all goes on."""
    under_way(load)
    place.isolate(place.primary())
    cut = time.monotonic()
    time.sleep(3)
    assert load.answered_after(cut) == set()
    place.rejoin(place.primary())
    under_way(load)
    load.stop()
    load.verify()


@ALONE
def test_a_server_that_is_killed_has_all_it_acknowledged_on_disk(place: Place, load: Load) -> None:
    """Without any replica, `appendfsync always` brings everything back."""
    under_way(load)
    for _ in range(3):
        place.primary().kill()
        place.primary().start()
        under_way(load)
    load.stop()
    load.verify()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("harm", [killed, hung, cut_off])
@BEHIND_PROXIES
def test_ten_failovers_in_a_row(
    place: Place, load: Load, harm: Callable[[Place, Load], None]
) -> None:
    """The same, again and again."""
    for _ in range(10):
        under_way(load, 200)
        harm(place, load)
    load.stop()
    load.verify()
