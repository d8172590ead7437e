from __future__ import annotations

import pytest

from tests.capture.idp import Idp
from tests.kit import World


@pytest.fixture
def idp(bridge_world: World) -> Idp:
    """An IdP of the bridge's tenant."""
    return Idp(bridge_world)
