"""A login that has nothing to be asked goes on at once; whatever else is to run still runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bridge.sandbox.relying_party import SignedIn
from tests.keycloak.conftest import Meet
from tests.keycloak.person import until
from tests.keycloak.site import FLOW, GENERIC, LEGACY, SHIPPED, Site, provider_off
from tools.keycloak.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [LEGACY, GENERIC], ids=["google", "oidc"])
STEP = "/login-actions/post-broker-login"


def known(visitor: Callable[[], Visitor], keycloak: Site, realm: str) -> Visitor:
    """Return somebody whose grant works and who is not signed in."""
    account, ann = keycloak.person("known"), visitor()
    assert isinstance(ann.sign_in(keycloak.issuer(realm), account.email), SignedIn)
    subject = keycloak.subject(realm, account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    ann.cookies.clear()
    keycloak.bridge.accepted.clear()
    assert isinstance(ann.sign_in(keycloak.issuer(realm), account.email), SignedIn)
    return ann


def asked(keycloak: Site) -> int:
    """Return how often the bridge was asked since `known`."""
    return Counter(kind for kind, _ in keycloak.bridge.accepted)["decide"]


@GOOGLE_AND_OIDC
def test_a_login_with_nothing_to_ask_makes_no_redirect_of_its_own(
    visitor: Callable[[], Visitor], keycloak: Site, realm: str
) -> None:
    """The bridge is asked once, in the request that Google's answer comes with."""
    ann = known(visitor, keycloak, realm)
    assert not any(STEP in hop for hop in ann.hops)
    assert asked(keycloak) == 1


@pytest.fixture
def crowded(keycloak: Site) -> Iterator[str]:
    """The flow of a realm, with a step of somebody else's in it."""
    executions = f"{GENERIC}/authentication/flows/{FLOW}/executions"
    with keycloak.admin() as admin:
        admin.post(f"{executions}/execution", {"provider": "allow-access-authenticator"})
        [step] = [it for it in admin.get(executions) if it["providerId"] != "grantbridge-consent"]
        admin.put(executions, step | {"requirement": "REQUIRED"})
        try:
            yield GENERIC
        finally:
            admin.delete(f"{GENERIC}/authentication/executions/{step['id']}")


def test_another_s_step_in_the_flow_is_run(
    visitor: Callable[[], Visitor], keycloak: Site, crowded: str
) -> None:
    """Nobody gets round a second factor, or whatever it is, because the bridge has no question."""
    ann = known(visitor, keycloak, crowded)
    assert any(STEP in hop for hop in ann.hops)
    assert asked(keycloak) == 1


def test_a_forced_consent_costs_two_questions(person: Meet, keycloak: Site) -> None:
    """One that sends the user to Google, and one that tells of the return."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.loses_grant()
    ann.forgets_session()
    keycloak.bridge.accepted.clear()
    ann.sets_out()
    assert ann.is_at_consent
    assert asked(keycloak) == 1
    ann.allows()
    assert ann.is_signed_in
    assert asked(keycloak) == 2


def test_a_linked_user_of_whom_nothing_was_captured_is_asked_on_a_need(
    person: Meet, keycloak: Site
) -> None:
    """The bridge has never heard of her, but for a backend's question; one consent mends it."""
    ann = person(SHIPPED)
    with keycloak.admin() as admin, provider_off(admin, SHIPPED):
        ann.signs_in()
    ann.forgets_session()
    assert ann.reads() == "grant_missing"
    ann.sets_out()
    assert ann.is_at_consent
    ann.allows()
    assert ann.is_signed_in
    ann.captured()
    assert ann.reads() == "ok"
    assert ann.screens == 2
