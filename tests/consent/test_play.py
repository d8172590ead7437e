"""Thousands of logins against a model: consent is forced on evidence alone, nobody is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.consent.play import Play, theatre

PLAYS = 10
LOGINS = 5_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(PLAYS))
def test_in_five_thousand_logins_nobody_is_asked_without_need_or_left_without_a_way(
    tmp_path: Path, seed: int
) -> None:
    """Whatever users, admins, IdPs and Google do, in whatever order."""
    with theatre(tmp_path) as stage:
        play = Play(stage, seed)
        play.run(LOGINS // PLAYS)
    assert sum(play.asked.values()) > 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(PLAYS, PLAYS + 200))
def test_in_a_hundred_thousand_logins_as_well(tmp_path: Path, seed: int) -> None:
    """The same at length."""
    with theatre(tmp_path) as stage:
        Play(stage, seed).run(100_000 // 200)
