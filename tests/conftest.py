"""What every area's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import World, world


@pytest.fixture
def bridge_world(tmp_path: Path) -> Iterator[World]:
    """A whole bridge on a sandbox Google."""
    with world(tmp_path) as made:
        yield made
