"""A bridge that is away costs no login and no token; what Keycloak forgets, it forgets too."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.conftest import Meet
from tests.keycloak.evidence import kept_in_database, shown_to_client
from tests.keycloak.person import until
from tests.keycloak.site import GENERIC, SHIPPED, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Outage:
    """What was done while the bridge was away.

    Attributes:
        newcomers: who signed in for the first time, by realm.
        shown: where Keycloak showed or kept their refresh tokens meanwhile.
        unlinked: the subject of somebody who was unlinked.
        kept: how many grants that subject had at the end of the outage.
    """

    newcomers: dict[str, Account]
    shown: list[str]
    unlinked: str
    kept: int


@pytest.fixture(scope="module")
def outage(keycloak: Site) -> Outage:
    """An outage that is over."""
    leaver = keycloak.person("leaver")
    visit(keycloak, GENERIC, leaver)
    subject = keycloak.subject(GENERIC, leaver)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    newcomers = {realm: keycloak.person("early") for realm in (SHIPPED, GENERIC)}
    shown = []
    keycloak.bridge.down()
    try:
        for realm, account in newcomers.items():
            arrival = visit(keycloak, realm, account)
            hunt = Hunt(keycloak.refresh_tokens(account))
            places = [*shown_to_client(keycloak, realm, arrival), *kept_in_database(keycloak)]
            shown += [place for place, text in places if hunt.found(text)]
        with keycloak.admin() as admin:
            admin.delete(f"{GENERIC}/users/{subject}/federated-identity/google")
        kept = len(keycloak.world.grants_of(subject))
    finally:
        keycloak.bridge.up()
    return Outage(newcomers, shown, subject, kept)


def visit(site: Site, realm: str, account: Account) -> SignedIn:
    """Have somebody sign in who is not signed in yet."""
    visitor = site.visitor()
    try:
        arrival = visitor.sign_in(site.issuer(realm), account.email)
    finally:
        visitor.close()
    assert isinstance(arrival, SignedIn), arrival
    return arrival


@pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])
def test_a_first_login_without_the_bridge_is_captured_later(
    outage: Outage, keycloak: Site, realm: str
) -> None:
    """The login worked, and the token arrives by itself; nobody is asked again."""
    account = outage.newcomers[realm]
    subject = keycloak.subject(realm, account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    assert keycloak.world.read(subject).access_token
    assert keycloak.screens(account) == 1


def test_what_waits_for_the_bridge_shows_nowhere(outage: Outage) -> None:
    """No client and no reader of Keycloak's database can do anything with it."""
    assert outage.shown == []


def test_a_user_unlinked_while_the_bridge_was_away_is_forgotten_later(
    outage: Outage, keycloak: Site
) -> None:
    """The message waits for the bridge."""
    assert outage.kept == 1
    until(lambda: keycloak.world.grants_of(outage.unlinked) == [])


def test_a_user_deleted_in_keycloak_is_forgotten(person: Meet, keycloak: Site) -> None:
    """The grant goes with the user."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.captured()
    subject = ann.subject
    with keycloak.admin() as admin:
        admin.delete(f"{SHIPPED}/users/{subject}")
    until(lambda: keycloak.world.grants_of(subject) == [])
