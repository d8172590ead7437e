"""The search finds what it is meant to find, and nothing else."""

from __future__ import annotations

import base64
import secrets
from urllib.parse import quote

import pytest

from tests.canary.hunt import WINDOW, Hunt

RT = "1//0gKx7QeAb9-Tz_yu3+/" + "Wq8Lm2Nb5Vc1Xs4Df7Gh0Jk3Zp6Rt9Yu" * 2


@pytest.fixture(scope="module")
def hunt() -> Hunt:
    return Hunt([RT])


@pytest.mark.parametrize("start", [0, 1, 2, 3, 17, 40, len(RT) - WINDOW])
@pytest.mark.parametrize("before", range(4))
def test_any_window_is_found_in_any_form(start: int, before: int, hunt: Hunt) -> None:
    """Twelve characters of the secret are enough, whatever stands around them."""
    window = RT[start : start + WINDOW]
    around = secrets.token_bytes(before) + window.encode() + secrets.token_bytes(7 - before)
    assert hunt.found(f"x{window}y")
    assert hunt.found(f"x{quote(window, safe='')}y")
    assert hunt.found("".join(f"%{byte:02x}" for byte in window.encode()))
    assert hunt.found(f"0{window.encode().hex()}0")
    assert hunt.found(around.hex().upper())
    assert hunt.found(base64.b64encode(around).decode())
    assert hunt.found(base64.urlsafe_b64encode(around))


def test_less_than_a_window_is_not_found(hunt: Hunt) -> None:
    """Eleven characters are not, so that a hit is no chance."""
    for start in range(len(RT) - WINDOW + 2):
        assert not hunt.found(f"\0{RT[start : start + WINDOW - 1]}\0")


def test_noise_is_not_found(hunt: Hunt) -> None:
    """Random text has no hit."""
    assert not hunt.found(secrets.token_urlsafe(100_000))
    assert not hunt.found(secrets.token_bytes(100_000))
