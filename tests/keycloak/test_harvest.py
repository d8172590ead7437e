"""What a realm's admin can do: hand stored tokens over without a login, and see what waits."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
import requests

from bridge.sandbox.records import Account
from bridge.sandbox.relying_party import SignedIn
from tests.canary.hunt import Hunt
from tests.keycloak.admin import Admin
from tests.keycloak.evidence import kept_in_database
from tests.keycloak.person import until
from tests.keycloak.site import LEGACY, SHIPPED, Site, provider_off
from tools.keycloak.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("keycloak")]

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Left:
    """What a harvest left behind.

    Attributes:
        people: who had signed in without the provider, with their browsers.
        tokens: their refresh tokens.
        places: tables that held one before and after.
        reports: what the harvest answered, batch by batch.
        cut_off: what it answered while the bridge was away.
    """

    people: list[tuple[Account, Visitor]]
    tokens: list[str]
    places: tuple[list[str], list[str]]
    reports: list[dict[str, Any]]
    cut_off: dict[str, Any]


@pytest.fixture(scope="module")
def left(keycloak: Site) -> Left:
    """A harvest of three users' rows and sessions, in batches of two."""
    people = [(keycloak.person("stored"), keycloak.visitor()) for _ in range(3)]
    with keycloak.admin() as admin:
        with provider_off(admin, LEGACY):
            for account, visitor in people:
                arrival = visitor.sign_in(keycloak.issuer(LEGACY), account.email)
                assert isinstance(arrival, SignedIn)
        tokens = [token for account, _ in people for token in keycloak.refresh_tokens(account)]
        before = _places(keycloak, tokens)
        keycloak.bridge.down()
        try:
            cut_off = admin.post(f"{LEGACY}/grantbridge/harvest?max=2")
        finally:
            keycloak.bridge.up()
        reports = [admin.post(f"{LEGACY}/grantbridge/harvest?max=2")]
        while "next" in reports[-1]:
            after = reports[-1]["next"]
            reports.append(admin.post(f"{LEGACY}/grantbridge/harvest?max=2&after={after}"))
        after_all = _places(keycloak, tokens)
    return Left(people, tokens, (before, after_all), reports, cut_off)


def test_a_harvest_brings_a_grant_to_users_who_do_not_log_in(keycloak: Site, left: Left) -> None:
    """Their backend is served, and Google has shown them nothing."""
    for account, _ in left.people:
        assert keycloak.world.read(keycloak.subject(LEGACY, account)).access_token
        assert keycloak.screens(account) == 1


def test_a_harvest_leaves_no_token_in_keycloak(left: Left) -> None:
    """Rows and sessions held them before, and the whole database holds none after."""
    before, after = left.places
    assert {"public.federated_identity", "public.offline_user_session"} <= set(before)
    assert after == []


def test_a_harvest_shows_its_progress(left: Left) -> None:
    """What is left counts down to nothing, and nobody is refused."""
    handed_over = sum(report["handed_over"] for report in left.reports)
    counts = [sum(report["left"].values()) for report in left.reports]
    assert handed_over >= 2 * len(left.people)
    assert counts == sorted(counts, reverse=True)
    assert left.reports[-1]["left"] == {"links": 0, "sessions": 0}
    assert [report["refused"] for report in left.reports if report["refused"]] == []


def test_a_harvest_without_the_bridge_scrubs_nothing(left: Left) -> None:
    """It says why it stopped; the next one takes the same tokens up."""
    assert left.cut_off["stopped"] == "bridge_unreachable"
    assert left.cut_off["handed_over"] == 0
    assert left.cut_off["left"]["links"] >= len(left.people)


def test_a_harvest_ends_no_session(keycloak: Site, left: Left) -> None:
    """Who was signed in is let in again without a form."""
    for account, visitor in left.people:
        assert isinstance(visitor.sign_in(keycloak.issuer(LEGACY), account.email), SignedIn)
        assert not any("/login-actions/" in hop for hop in visitor.hops)


def test_an_admin_sees_what_waits(keycloak: Site) -> None:
    """The backlog grows while the bridge is away, and is gone afterwards."""
    account, visitor = keycloak.person("waiting"), keycloak.visitor()
    with keycloak.admin() as admin:
        until(lambda: _waiting(admin) == 0)
        keycloak.bridge.down()
        try:
            assert isinstance(visitor.sign_in(keycloak.issuer(SHIPPED), account.email), SignedIn)
            health = admin.get(f"{SHIPPED}/grantbridge/backlog")
        finally:
            keycloak.bridge.up()
        assert health["reachable"] is False
        assert health["backlog"]["waiting"] == 2
        until(lambda: _waiting(admin) == 0)


@pytest.mark.parametrize(("method", "path"), [("GET", "backlog"), ("POST", "harvest")])
def test_only_a_realm_s_admin_is_let_in(keycloak: Site, method: str, path: str) -> None:
    """A user's access token opens neither, nor does none."""
    account, visitor = keycloak.person("plain"), keycloak.visitor()
    arrival = visitor.sign_in(keycloak.issuer(SHIPPED), account.email)
    assert isinstance(arrival, SignedIn)
    assert keycloak.keycloak is not None
    url = f"{keycloak.keycloak.url}/admin/realms/{SHIPPED}/grantbridge/{path}"
    held = {"Authorization": f"Bearer {arrival.tokens['access_token']}"}
    answers = [requests.request(method, url, headers=h, timeout=_TIMEOUT_S) for h in (held, {})]
    assert [answer.status_code for answer in answers] == [
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNAUTHORIZED,
    ]


def _places(keycloak: Site, tokens: list[str]) -> list[str]:
    hunt = Hunt(tokens)
    return [place for place, text in kept_in_database(keycloak) if hunt.found(text)]


def _waiting(admin: Admin) -> int:
    return int(admin.get(f"{SHIPPED}/grantbridge/backlog")["backlog"]["waiting"])
