from __future__ import annotations

import pytest

from tests.canary.evidence import Evidence
from tests.kit import World
from tests.serve import conftest as serving

serve = serving.serve


@pytest.fixture
def evidence(
    bridge_world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Evidence:
    """A bridge, watched."""
    return Evidence(bridge_world, caplog, capsys)
