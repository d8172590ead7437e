"""Keycloak is killed while the bridge is away, and comes back as two nodes at the TRACE level.

The last of this area's tests: the server is another one afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.demo.ports import free_port
from bridge.sandbox.records import Account
from tests.canary.hunt import Hunt
from tests.keycloak.evidence import V2, shown_to_client
from tests.keycloak.exchange import (
    VERSION_1,
    all_expired,
    allow_exchange,
    exchanged,
    stored_token,
    traces,
)
from tests.keycloak.person import until
from tests.keycloak.site import GENERIC, LEGACY, REALMS, SHIPPED, Site, provider_off
from tools.keycloak.server import Home, Keycloak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEWCOMERS = 5
# Whose tokens are looked for in the log.
OBSERVED = ("Canary", "Trader")
# Cut, and not at each offset: a line that holds a secret holds a good piece of it, and there are
# some hundred megabytes.
PIECE = 12
OPTIONS = (
    f"--features=identity-brokering-api:v2,{VERSION_1}",
    "--log-level=trace,org.apache.http.wire:info",
    "--cache=ispn",
    "--cache-embedded-network-bind-address=127.0.0.1",
)


GOOGLE_AND_OIDC = pytest.mark.parametrize("realm", [LEGACY, GENERIC], ids=["google", "oidc"])


@pytest.fixture(scope="module")
def newcomers(keycloak: Site) -> list[Account]:
    """Who signed in for the first time just before both went down."""
    keycloak.bridge.down()
    accounts = [keycloak.person("early") for _ in range(NEWCOMERS)]
    for account in accounts:
        keycloak.sign_in(SHIPPED, account)
    assert keycloak.keycloak is not None
    keycloak.keycloak.kill()
    keycloak.stop()
    return accounts


@pytest.fixture(scope="module")
def nodes(
    keycloak: Site, newcomers: list[Account], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Keycloak, Keycloak]]:
    """Two nodes on the one database, and the bridge back again."""
    options = (*keycloak.provider_options(), *OPTIONS)
    keycloak.bridge.accepted.clear()
    keycloak.start(*options, f"--cache-embedded-network-bind-port={free_port()}")
    assert keycloak.keycloak is not None
    # What the first one has built need not be built again.
    home = Home.made(keycloak.home.folder, tmp_path_factory.mktemp("second") / "keycloak")
    ports = f"--cache-embedded-network-bind-port={free_port()}"
    with keycloak.node(home, free_port(), *options, ports) as second:
        keycloak.bridge.up()
        yield keycloak.keycloak, second


@pytest.fixture(scope="module")
def exchange(keycloak: Site, nodes: object) -> None:
    """The app may exchange tokens, in every realm."""
    with keycloak.admin() as admin:
        for realm in REALMS:
            allow_exchange(admin, realm)


def test_what_waited_when_keycloak_was_killed_arrives(
    keycloak: Site, nodes: object, newcomers: list[Account]
) -> None:
    """Every first login of the outage ends as a grant that serves; nobody is asked again."""
    for account in newcomers:
        subject = keycloak.subject(SHIPPED, account)
        until(lambda subject=subject: bool(keycloak.world.grants_of(subject)))  # type: ignore[misc]
        assert keycloak.world.read(subject).access_token
        assert keycloak.screens(account) == 1


def test_two_nodes_deliver_each_message_once(
    keycloak: Site, nodes: object, newcomers: list[Account]
) -> None:
    """One of them sends the backlog: a capture and a bind of each login, none twice."""
    until(lambda: Counter(kind for kind, _ in keycloak.bridge.accepted)["bind"] >= NEWCOMERS)
    sent = Counter(keycloak.bridge.accepted)
    assert max(sent.values()) == 1
    assert Counter(kind for kind, _ in sent) == {"capture": NEWCOMERS, "bind": NEWCOMERS}


def test_the_newer_token_endpoint_hands_out_no_refresh_token(keycloak: Site, nodes: object) -> None:
    """V2 of the brokering API answers with what is stored, and that has no refresh token."""
    account = keycloak.person("canary")
    arrival = keycloak.sign_in(GENERIC, account)
    shown = dict(shown_to_client(keycloak, GENERIC, arrival))[V2]
    assert shown.startswith("200 ")
    assert not Hunt(keycloak.refresh_tokens(account)).found(shown)


@GOOGLE_AND_OIDC
def test_who_comes_by_a_token_of_google_s_leaves_no_refresh_token(
    keycloak: Site, exchange: None, realm: str
) -> None:
    """An exchange makes a user and brings nothing to capture; nothing is found of it anywhere."""
    account = keycloak.person("trader")
    other = GENERIC if realm == LEGACY else LEGACY
    keycloak.sign_in(other, account)
    token = stored_token(keycloak, other, account)
    answer = exchanged(keycloak, realm, token, subject_issuer="google")
    assert answer.status_code == 200, answer.text
    assert keycloak.world.grants_of(keycloak.subject(realm, account)) == []
    assert traces(keycloak, realm, account, answer) == []


@pytest.mark.parametrize("realm", REALMS)
def test_a_token_of_keycloak_s_buys_no_refresh_token(
    keycloak: Site, exchange: None, realm: str
) -> None:
    """It is changed for what Google's login brought; after that has expired, for nothing."""
    account = keycloak.person("trader")
    token = keycloak.sign_in(realm, account).tokens["access_token"]
    answer = exchanged(keycloak, realm, token, requested_issuer="google")
    assert answer.status_code == 200, answer.text
    assert answer.json().get("refresh_token") is None
    with keycloak.admin() as admin, all_expired(admin, realm):
        late = exchanged(keycloak, realm, token, requested_issuer="google")
    assert (late.status_code, late.json()["error"]) == (400, "token_expired")
    assert traces(keycloak, realm, account, answer, late) == []


def test_an_exchange_hands_over_what_was_stored_before(keycloak: Site, exchange: None) -> None:
    """The row of a user from before the installation is harvested, as it is at a login."""
    account = keycloak.person("stored")
    with keycloak.admin() as admin, provider_off(admin, LEGACY):
        keycloak.sign_in(LEGACY, account)
    subject = keycloak.subject(LEGACY, account)
    token = stored_token(keycloak, LEGACY, account)
    answer = exchanged(keycloak, LEGACY, token, subject_issuer="google")
    assert answer.status_code == 200, answer.text
    until(lambda: bool(keycloak.world.grants_of(subject)))
    assert keycloak.world.read(subject).access_token
    found = traces(keycloak, LEGACY, account, answer)
    assert "public.federated_identity" not in found
    assert "public.offline_user_session" in found  # of the login before: for the import


def test_no_log_line_at_trace_holds_a_refresh_token(
    keycloak: Site, nodes: tuple[Keycloak, Keycloak]
) -> None:
    """Logins with both providers, exchanges, and the backlog's delivery, all logged there is."""
    account = keycloak.person("canary")
    for realm in (SHIPPED, SHIPPED, GENERIC):
        keycloak.sign_in(realm, account)
    people = [it for it in keycloak.google.accounts.all() if it.name.startswith(OBSERVED)]
    tokens = [token for it in people for token in keycloak.refresh_tokens(it)]
    assert len(tokens) >= len(people) > 1
    pieces = [token[at : at + PIECE] for token in tokens for at in range(0, len(token), PIECE)]
    for node in nodes:
        text = node.log.read_bytes()
        assert b" TRACE " in text
        assert [piece for piece in pieces if len(piece) == PIECE and piece.encode() in text] == []
    assert account.sub.encode() in Path(nodes[0].log).read_bytes()
