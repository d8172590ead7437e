from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit import World, world


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A bridge for all tests of a module, each with subjects of its own."""
    with world(tmp_path_factory.mktemp("bridge")) as made:
        yield made
