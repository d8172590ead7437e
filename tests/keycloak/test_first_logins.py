"""What a login leaves at the bridge, and what it does not leave in Keycloak."""

from __future__ import annotations

import pytest

from bridge.model import State
from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.conftest import Before, Meet
from tests.keycloak.person import Person, until
from tests.keycloak.site import GENERIC, LEGACY, SHIPPED, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])


@GOOGLE_AND_OIDC
def test_the_first_login_is_captured_and_served(person: Meet, realm: str) -> None:
    """Google's one consent gives the backend a token that works, and the app a login."""
    ann = person(realm)
    ann.signs_in()
    assert ann.is_signed_in
    assert ann.captured().state is State.UNVERIFIED
    assert ann.reads() == "ok"
    assert ann.screens == 1


@GOOGLE_AND_OIDC
def test_a_second_login_keeps_what_the_first_one_brought(person: Meet, realm: str) -> None:
    """Google hands out no refresh token this time; nobody is asked, and the backend is served."""
    ann = person(realm)
    ann.signs_in()
    first = ann.captured()
    ann.forgets_session()
    ann.signs_in()
    assert ann.is_signed_in
    assert ann.screens == 1
    again = ann.captured()
    assert again.id == first.id
    assert ann.reads() == "ok"


def test_a_row_stored_before_the_installation_is_harvested_without_a_consent(
    before: Before, keycloak: Site
) -> None:
    """The next login hands the old token over and takes it out of Keycloak's table."""
    visitor = keycloak.visitor()
    try:
        arrival = visitor.sign_in(keycloak.issuer(LEGACY), before.account.email)
    finally:
        visitor.close()
    assert isinstance(arrival, SignedIn)
    subject = keycloak.subject(LEGACY, before.account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    assert keycloak.world.read(subject).access_token
    assert keycloak.screens(before.account) == 1
    rows = keycloak.database.query(
        f"select token from federated_identity where user_id = '{subject}'"  # noqa: S608 - our own
    )
    assert len(rows) == 1
    assert not Hunt([before.refresh_token]).found(rows[0])


def test_an_id_token_with_a_foreign_signature_signs_nobody_in(person: Meet) -> None:
    """The shipped realm checks signatures; by default Keycloak's `google` provider does not."""
    ann = person(SHIPPED)
    keys = ann.site.google.keys
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "sign", type(keys)().sign)
        ann.signs_in()
    assert not _is_in(ann)
    assert ann.has_next_step, ann.sees


def _is_in(ann: Person) -> bool:
    return ann.page.url.startswith(ann.site.app.url) and ann.is_signed_in
