"""Keycloak is killed while the bridge is away, and comes back as two nodes at the TRACE level.

The last of this area's tests: the server is another one afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.demo.serving import free_port
from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.evidence import V2, shown_to_client
from tests.keycloak.person import until
from tests.keycloak.site import GENERIC, SHIPPED, Site
from tools.keycloak.server import Home, Keycloak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NEWCOMERS = 5
# Cut: a line at TRACE that holds a secret holds a good piece of it.
PIECE = 16
OPTIONS = (
    "--features=identity-brokering-api:v2",
    "--log-level=trace,org.apache.http.wire:info",
    "--cache=ispn",
    "--cache-embedded-network-bind-address=127.0.0.1",
)


@pytest.fixture(scope="module")
def newcomers(keycloak: Site) -> list[Account]:
    """Who signed in for the first time just before both went down."""
    keycloak.bridge.down()
    accounts = [keycloak.person("early") for _ in range(NEWCOMERS)]
    for account in accounts:
        sign_in(keycloak, SHIPPED, account)
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


def sign_in(site: Site, realm: str, account: Account) -> SignedIn:
    visitor = site.visitor()
    try:
        arrival = visitor.sign_in(site.issuer(realm), account.email)
    finally:
        visitor.close()
    assert isinstance(arrival, SignedIn), arrival
    return arrival


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
    arrival = sign_in(keycloak, GENERIC, account)
    shown = dict(shown_to_client(keycloak, GENERIC, arrival))[V2]
    assert shown.startswith("200 ")
    assert not Hunt(keycloak.refresh_tokens(account)).found(shown)


def test_no_log_line_at_trace_holds_a_refresh_token(
    keycloak: Site, nodes: tuple[Keycloak, Keycloak]
) -> None:
    """A first login, a second one and the backlog's delivery, with all that Keycloak can log."""
    account = keycloak.person("canary")
    for _ in range(2):
        sign_in(keycloak, SHIPPED, account)
    tokens = keycloak.refresh_tokens(account)
    for node in nodes:
        text = node.log.read_text(errors="replace")
        assert " TRACE " in text
        for token in tokens:
            pieces = {token[at : at + PIECE] for at in range(len(token) - PIECE + 1)}
            assert [piece for piece in pieces if piece in text] == []
    assert account.sub in Path(nodes[0].log).read_text(errors="replace")
