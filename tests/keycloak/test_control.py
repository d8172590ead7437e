"""The control group: what Keycloak shows of Google's refresh token without the provider."""

from __future__ import annotations

import pytest

from tests.canary.hunt import Hunt
from tests.keycloak.conftest import Before

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "place",
    [
        "broker token endpoint, V1",
        "ID token's claims",
        "access token's claims",
        "userinfo",
        "public.federated_identity",
        "public.offline_user_session",
        "user session",
    ],
)
def test_without_the_provider_the_refresh_token_is_found(before: Before, place: str) -> None:
    """The search finds the token where Keycloak puts it: a search without a hit means something."""
    assert Hunt([before.refresh_token]).found(before.shown[place])


def test_without_the_provider_nothing_reaches_the_bridge(before: Before) -> None:
    """What the bridge has later, it has from the provider."""
    assert before.grants == 0
