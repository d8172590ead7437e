from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consent.scene import Scene, User, scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """A bridge under the default policy, `needed`."""
    with scene(tmp_path) as made:
        yield made


@pytest.fixture
def user(stage: Scene) -> User:
    """A user who has signed in once, consented, and is served."""
    made = stage.user()
    assert made.signs_in()["decision"] == "continue"
    assert made.reads() == "ok"
    return made
