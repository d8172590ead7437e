"""A bridge that is away costs no login and no token; what Keycloak forgets, it forgets too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.conftest import Meet
from tests.keycloak.evidence import kept_in_database, shown_to_client
from tests.keycloak.person import until
from tests.keycloak.site import GENERIC, SHIPPED, Site
from tests.keycloak.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("keycloak")]


@pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])
def test_a_first_login_without_the_bridge_is_captured_later(
    visitor: Callable[[], Visitor], keycloak: Site, realm: str
) -> None:
    """The login works, the token shows nowhere meanwhile, and arrives by itself."""
    account = keycloak.person("early")
    keycloak.bridge.down()
    try:
        arrival = visitor().sign_in(keycloak.issuer(realm), account.email)
        assert isinstance(arrival, SignedIn)
        hunt = Hunt(keycloak.refresh_tokens(account))
        places = [*shown_to_client(keycloak, realm, arrival), *kept_in_database(keycloak)]
        assert [place for place, text in places if hunt.found(text)] == []
    finally:
        keycloak.bridge.up()
    subject = keycloak.subject(realm, account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    assert keycloak.world.read(subject).access_token
    assert keycloak.screens(account) == 1


def test_a_user_deleted_in_keycloak_is_forgotten(person: Meet, keycloak: Site) -> None:
    """The grant goes with the user."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.captured()
    subject = ann.subject
    with keycloak.admin() as admin:
        admin.delete(f"{SHIPPED}/users/{subject}")
    until(lambda: keycloak.world.grants_of(subject) == [])


def test_a_user_unlinked_while_the_bridge_was_away_is_forgotten_later(
    person: Meet, keycloak: Site
) -> None:
    """The message waits for the bridge."""
    ann = person(GENERIC)
    ann.signs_in()
    ann.captured()
    subject = ann.subject
    keycloak.bridge.down()
    try:
        with keycloak.admin() as admin:
            admin.delete(f"{GENERIC}/users/{subject}/federated-identity/google")
        assert len(keycloak.world.grants_of(subject)) == 1
    finally:
        keycloak.bridge.up()
    until(lambda: keycloak.world.grants_of(subject) == [])
