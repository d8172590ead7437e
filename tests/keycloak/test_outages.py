"""A bridge that is away costs no login and no token; what Keycloak forgets, it forgets too."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bridge.sandbox.records import Account
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
        leavers: the subjects of somebody who was unlinked and of somebody who was deleted.
        kept: how many grants they had at the end of the outage.
    """

    newcomers: dict[str, Account]
    shown: list[str]
    leavers: list[str]
    kept: int


@pytest.fixture(scope="module")
def outage(keycloak: Site) -> Outage:
    """An outage that is over."""
    leavers = [newcomer(keycloak) for _ in range(2)]
    newcomers = {realm: keycloak.person("early") for realm in (SHIPPED, GENERIC)}
    shown = []
    keycloak.bridge.down()
    try:
        for realm, account in newcomers.items():
            arrival = keycloak.sign_in(realm, account)
            hunt = Hunt(keycloak.refresh_tokens(account))
            places = [*shown_to_client(keycloak, realm, arrival), *kept_in_database(keycloak)]
            shown += [place for place, text in places if hunt.found(text)]
        with keycloak.admin() as admin:
            admin.delete(f"{GENERIC}/users/{leavers[0]}/federated-identity/google")
            admin.delete(f"{GENERIC}/users/{leavers[1]}")
        kept = sum(len(keycloak.world.grants_of(subject)) for subject in leavers)
    finally:
        keycloak.bridge.up()
    return Outage(newcomers, shown, leavers, kept)


def newcomer(site: Site) -> str:
    """Have somebody sign in for the first time; return the subject of the grant."""
    account = site.person("leaver")
    site.sign_in(GENERIC, account)
    subject = site.subject(GENERIC, account)
    until(lambda: bool(site.world.grants_of(subject)))
    return subject


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


def test_users_unlinked_or_deleted_while_the_bridge_was_away_are_forgotten_later(
    outage: Outage, keycloak: Site
) -> None:
    """The messages wait for the bridge."""
    assert outage.kept == 2
    until(lambda: not any(keycloak.world.grants_of(subject) for subject in outage.leavers))


@pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])
def test_a_bridge_that_dies_in_the_middle_of_a_login_is_told_again(
    keycloak: Site, realm: str
) -> None:
    """It had taken the token and did not live to say so: the same message, applied once."""
    account = keycloak.person("early")
    keycloak.bridge.accepted.clear()
    keycloak.bridge.is_dying = True
    try:
        keycloak.sign_in(realm, account)
    finally:
        keycloak.bridge.is_dying = False
    unanswered = {each for each in keycloak.bridge.accepted if each[0] == "capture"}
    assert len(unanswered) == 1
    keycloak.bridge.accepted.clear()

    subject = keycloak.subject(realm, account)
    until(lambda: {"capture", "bind"} <= {kind for kind, _ in keycloak.bridge.accepted})
    assert unanswered <= set(keycloak.bridge.accepted)
    [grant] = keycloak.world.grants_of(subject)
    assert keycloak.world.read(subject).access_token
    assert keycloak.world.grants_of(subject)[0].id == grant.id
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
