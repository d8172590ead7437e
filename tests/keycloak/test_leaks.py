"""No refresh token is found wherever Keycloak shows or keeps things; the control found it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.evidence import (
    V1,
    kept_in_database,
    shown_to_admin,
    shown_to_client,
)
from tests.keycloak.person import until
from tests.keycloak.probing import kept_in_memory
from tests.keycloak.site import GENERIC, LEGACY, Site
from tools.keycloak.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("realm", [LEGACY, GENERIC], ids=["google", "oidc"])
@pytest.mark.parametrize("logins", [1, 2], ids=["first login", "second login"])
def test_no_refresh_token_is_found_in_keycloak(
    visitor: Callable[[], Visitor], keycloak: Site, realm: str, logins: int
) -> None:
    """Claims, APIs, export, database, memory and log, with all that publishes tokens on."""
    account = keycloak.person("canary")
    arrival = [visitor().sign_in(keycloak.issuer(realm), account.email) for _ in range(logins)][-1]
    assert isinstance(arrival, SignedIn)
    subject = keycloak.subject(realm, account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    [token] = keycloak.refresh_tokens(account)

    shown = dict(
        chain(
            shown_to_client(keycloak, realm, arrival),
            shown_to_admin(keycloak, realm, subject),
            kept_in_database(keycloak),
            kept_in_memory(keycloak),
            logged(keycloak),
        )
    )
    # The endpoint does hand out what is stored: it is the stored token that has no refresh token.
    assert '"access_token"' in shown[V1]
    assert subject in shown["public.federated_identity"]
    assert subject in shown["public.offline_user_session"]
    assert account.email in shown["user session"]
    assert [place for place, text in shown.items() if Hunt([token]).found(text)] == []


def test_a_consent_in_the_middle_of_a_login_leaks_nothing(
    visitor: Callable[[], Visitor], keycloak: Site
) -> None:
    """The second refresh token is taken out of Keycloak as the first one was."""
    account = keycloak.person("canary")
    ann = visitor()
    ann.sign_in(keycloak.issuer(GENERIC), account.email)
    subject = keycloak.subject(GENERIC, account)
    until(lambda: bool(keycloak.world.grants_of(subject)))
    first = keycloak.refresh_tokens(account)
    keycloak.google.kill_refresh_tokens(account)
    with pytest.raises(Exception, match="reauth"):
        keycloak.world.read(subject)

    ann.cookies.clear()
    arrival = ann.sign_in(keycloak.issuer(GENERIC), account.email)
    assert isinstance(arrival, SignedIn)
    tokens = [*first, *keycloak.refresh_tokens(account)]
    assert len(tokens) == 2
    places = chain(
        shown_to_client(keycloak, GENERIC, arrival),
        shown_to_admin(keycloak, GENERIC, subject),
        kept_in_database(keycloak),
        kept_in_memory(keycloak),
        logged(keycloak),
    )
    assert [place for place, text in places if Hunt(tokens).found(text)] == []


def logged(site: Site) -> Iterator[tuple[str, str]]:
    """Yield Keycloak's log."""
    assert site.keycloak is not None
    yield "log", site.keycloak.log.read_text()
