"""The oldest Keycloak that is supported does the same: the main points once more, on its server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import BridgeError, Code
from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.doctoring import Doctor
from tests.keycloak.evidence import V1, kept_in_database, shown_to_admin, shown_to_client
from tests.keycloak.exchange import (
    VERSION_2,
    all_expired,
    allow_exchange,
    exchanged,
    stored_token,
    traces,
)
from tests.keycloak.fetching import fetched
from tests.keycloak.person import until
from tests.keycloak.probing import add_probe, kept_in_memory
from tests.keycloak.site import GENERIC, SHIPPED, Site, generic, site
from tools.keycloak.distribution import OLDEST, built_provider
from tools.keycloak.realm import shipped
from tools.keycloak.visitor import LostError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REFUSING = "--spi-grantbridge--default--failure-mode=deny"
GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [SHIPPED, GENERIC], ids=["google", "oidc"])


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The provider in the oldest server."""
    with fetched(), site(tmp_path_factory.mktemp("oldest"), OLDEST) as made:
        made.home.add_provider(built_provider())
        add_probe(made.home, tmp_path_factory.mktemp("probe"))
        made.home.add_realm(SHIPPED, json.dumps(shipped()))
        made.home.add_realm(GENERIC, json.dumps(generic(made)))
        made.start(*made.provider_options(), REFUSING, f"--features={VERSION_2}")
        yield made


@GOOGLE_AND_OIDC
def test_a_login_is_captured_and_a_lost_grant_is_mended(oldest: Site, realm: str) -> None:
    """One consent at first, one when the grant is lost, none in between and none after."""
    account = oldest.person("ann")
    oldest.sign_in(realm, account)
    subject = oldest.subject(realm, account)
    until(lambda: bool(oldest.world.grants_of(subject)))
    oldest.sign_in(realm, account)
    assert oldest.screens(account) == 1

    oldest.google.kill_refresh_tokens(account)
    with pytest.raises(BridgeError) as refused:
        oldest.world.read(subject)
    assert refused.value.code is Code.REAUTH_REQUIRED
    oldest.sign_in(realm, account)
    until(lambda: oldest.world.grants_of(subject)[0].state.value != "reauth_required")
    assert oldest.world.read(subject).access_token
    oldest.sign_in(realm, account)
    assert oldest.screens(account) == 2


@GOOGLE_AND_OIDC
@pytest.mark.parametrize("logins", [1, 2], ids=["first login", "second login"])
def test_a_server_can_refuse_logins_while_the_bridge_is_away(
    oldest: Site, realm: str, logins: int
) -> None:
    """With `deny` a page says so; once the bridge is back, its reload finishes the same login."""
    account, visitor = oldest.person("patient"), oldest.visitor()
    if logins > 1:
        oldest.sign_in(realm, account)
    oldest.bridge.down()
    try:
        with pytest.raises(LostError, match="503"):
            visitor.sign_in(oldest.issuer(realm), account.email)
        page = visitor.get(visitor.hops[-1])
    finally:
        oldest.bridge.up()
    assert "Signing in is not possible for the moment" in page.text
    until(lambda: visitor.get(page.url).url.startswith(oldest.app.url))
    visitor.close()
    assert isinstance(oldest.app.arrivals[-1], SignedIn)
    subject = oldest.subject(realm, account)
    until(lambda: bool(oldest.world.grants_of(subject)))
    assert oldest.screens(account) == 1


def test_no_refresh_token_is_found(oldest: Site) -> None:
    """Nor in what clients and admins are shown, nor in the database, nor in the log."""
    account = oldest.person("canary")
    arrival = oldest.sign_in(GENERIC, account)
    subject = oldest.subject(GENERIC, account)
    until(lambda: bool(oldest.world.grants_of(subject)))
    assert oldest.keycloak is not None
    shown = dict(
        [
            *shown_to_client(oldest, GENERIC, arrival),
            *shown_to_admin(oldest, GENERIC, subject),
            *kept_in_database(oldest),
            *kept_in_memory(oldest),
            ("log", oldest.keycloak.log.read_text()),
        ]
    )
    assert '"access_token"' in shown[V1]
    assert account.email in shown["user session"]
    hunt = Hunt(oldest.refresh_tokens(account))
    assert [place for place, text in shown.items() if hunt.found(text)] == []


def test_who_comes_by_a_token_of_google_s_leaves_no_refresh_token(oldest: Site) -> None:
    """The second version of the exchange, which asks Google whose the token is."""
    account = oldest.person("trader")
    oldest.sign_in(GENERIC, account)
    token = stored_token(oldest, GENERIC, account)
    answer = exchanged(oldest, SHIPPED, token, subject_issuer="google")
    assert answer.status_code == 200, answer.text
    assert oldest.world.grants_of(oldest.subject(SHIPPED, account)) == []
    assert traces(oldest, SHIPPED, account, answer) == []
    assert oldest.keycloak is not None
    assert not Hunt(oldest.refresh_tokens(account)).found(oldest.keycloak.log.read_text())


@GOOGLE_AND_OIDC
def test_a_token_of_keycloak_s_buys_no_refresh_token(oldest: Site, realm: str) -> None:
    """It is changed for what Google's login brought; after that has expired, for nothing."""
    account = oldest.person("trader")
    token = oldest.sign_in(realm, account).tokens["access_token"]
    with oldest.admin() as admin:
        allow_exchange(admin, realm)
        answer = exchanged(oldest, realm, token, requested_issuer="google")
        assert answer.status_code == 200, answer.text
        assert answer.json().get("refresh_token") is None
        with all_expired(admin, realm):
            late = exchanged(oldest, realm, token, requested_issuer="google")
    assert (late.status_code, late.json()["error"]) == (400, "token_expired")
    assert traces(oldest, realm, account, answer, late) == []


def test_the_doctor_reads_and_mends_the_oldest_server_too(oldest: Site, tmp_path: Path) -> None:
    """The shipped realm is well; an issuer that is not checked is named, and mended."""
    doctor, path = (
        Doctor(oldest, SHIPPED, tmp_path),
        f"{SHIPPED}/identity-provider/instances/google",
    )
    until(lambda: not doctor.checks())
    with oldest.admin() as admin:
        google = admin.get(path)
        config = google["config"] | {"issuer": "", "offlineAccess": "false"}
        admin.put(path, google | {"config": config})
        assert doctor.checks() == ["offline_access", "issuer"]
        assert doctor.checks("--fix") == []
        assert admin.get(path)["config"]["issuer"] == "https://accounts.google.com"
