"""An account that is linked by a user who signs in otherwise is captured as well."""

from __future__ import annotations

import pytest

from tests.canary.hunt import Hunt
from tests.keycloak.conftest import Meet
from tests.keycloak.evidence import kept_in_database
from tests.keycloak.person import Person
from tests.keycloak.site import GENERIC, LEGACY, SHIPPED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PASSWORD = "a password of hers"


def signs_in_with_password(ann: Person) -> None:
    """Make a user of Keycloak's own, and sign in as them."""
    user = {
        "username": ann.account.email,
        "email": ann.account.email,
        "emailVerified": True,
        "enabled": True,
        "firstName": "Ann",
        "lastName": "Tester",
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }
    with ann.site.admin() as admin:
        admin.post(f"{ann.realm}/users", user)
    ann.sets_out(kc_idp_hint="")
    ann.page.locator("#username").fill(ann.account.email)
    ann.page.locator("#password").fill(PASSWORD)
    ann.press("Sign In")
    assert ann.is_signed_in


@pytest.mark.parametrize("realm", [LEGACY, GENERIC], ids=["google", "oidc"])
def test_a_linked_account_is_captured_bound_and_kept_nowhere(person: Meet, realm: str) -> None:
    """Linking runs no post-broker flow; the refresh token reaches the bridge all the same."""
    ann = person(realm)
    signs_in_with_password(ann)
    assert ann.grant() is None
    ann.sets_out(kc_action="idp_link:google", kc_idp_hint="")
    if not ann.is_at_google:
        ann.press("Continue")
    ann.allows()
    assert ann.is_signed_in
    assert ann.captured().account.sub == ann.account.sub
    assert ann.reads() == "ok"
    hunt = Hunt(ann.site.refresh_tokens(ann.account))
    assert [place for place, text in kept_in_database(ann.site) if hunt.found(text)] == []


def test_a_session_of_a_password_is_asked_when_a_backend_has_a_need(person: Meet) -> None:
    """Whoever never passes by Google at a login is sent there when their grant is lost."""
    ann = person(SHIPPED)
    ann.signs_in()
    ann.captured()
    with ann.site.admin() as admin:
        admin.put(
            f"{ann.realm}/users/{ann.subject}/reset-password",
            {"type": "password", "value": PASSWORD, "temporary": False},
        )
    ann.loses_grant()
    ann.forgets_session()

    ann.sets_out(kc_idp_hint="")
    ann.page.locator("#username").fill(ann.account.email)
    ann.page.locator("#password").fill(PASSWORD)
    ann.press("Sign In")
    assert ann.is_at_consent
    ann.allows()
    assert ann.is_signed_in
    assert ann.reads() == "ok"
    assert ann.screens == 2
