"""What a stopped `bridge serve` has told."""

from __future__ import annotations

import pytest

from bridge.audit.log import Selection
from bridge.secret import fingerprint
from tests.kit import CALENDAR, TENANT, World
from tests.serve.conftest import Start

pytestmark = pytest.mark.slow


def test_tokens_served_just_before_the_stop_are_told_once(
    bridge_world: World, serve: Start
) -> None:
    """Two workers hand out the same token, SIGTERM comes at once, and one event is on disk."""
    bridge_world.grant("u1")
    key = bridge_world.key()
    served = serve(workers=2)
    read = {"tenant": TENANT, "subject": "u1", "scopes": [CALENDAR]}
    answers = [served.post("/v1/token", key, **read).json() for _ in range(8)]

    assert served.stop() == 0

    page = bridge_world.services.audit.page(Selection(tenants=None, type="token_issued"))
    tokens = [held.record.tokens for _, held in page.events]
    assert tokens == [(fingerprint(answers[0]["access_token"]),)]
