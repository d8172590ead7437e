"""Redeeming a code: once, by whoever may, and without a loss wherever it is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bridge.config import Permission
from bridge.config.keys import read_keys
from bridge.errors import BridgeError, Code
from bridge.model import Grant, Pending, State
from bridge.store.base import Query, StoreUnavailableError
from bridge.vault.links import PENDING
from bridge.vault.records import Records
from tests.connect.conftest import Browser, ConnectWorld, code_of, parameters_of
from tests.kit import CALENDAR, DRIVE, HOUR, TENANT


def code_for(world: ConnectWorld, subject: str = "u1", *scopes: str, **more: Any) -> str:
    """Return a code that waits to be redeemed."""
    account = more.pop("account", None) or world.account()
    return code_of(world.browser(account).connect(world.link(subject, *scopes, **more)))


def together(works: list[Callable[[], Any]]) -> list[Any]:
    """Do works at the same moment; return what each returned or raised."""
    start = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(position: int) -> None:
        start.wait()
        try:
            results[position] = works[position]()
        except BridgeError as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_redemptions_at_once_one_succeeds(connect_world: ConnectWorld) -> None:
    """Eight backends with the same code: one gets the grant, the others nothing."""
    code = code_for(connect_world)
    results = together([lambda: connect_world.redeem(code)] * 8)
    grants = [result for result in results if isinstance(result, Grant)]
    refusals = [result.code for result in results if isinstance(result, BridgeError)]
    assert len(grants) == 1
    assert refusals == [Code.NOT_FOUND] * 7
    assert connect_world.act_types().count("connected") == 1


def test_of_a_right_and_a_wrong_redemption_at_once_one_decides(
    connect_world: ConnectWorld,
) -> None:
    """Whichever comes first: the account is the right subject's, or nobody's, never the other's."""
    code = code_for(connect_world)
    together([lambda: connect_world.redeem(code), lambda: connect_world.redeem(code, "thief")])
    assert connect_world.grants_of("thief") == []
    assert connect_world.act_types()[-1] in ("connected", "connection_destroyed")


def test_a_redemption_that_was_cut_off_can_be_repeated(
    connect_world: ConnectWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the grant written and the code not yet used up, the same code gives the same grant."""
    code = code_for(connect_world)
    links = connect_world.services.connecting.redemption.links

    def broken(*_: object) -> None:
        raise StoreUnavailableError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(links, "update", broken)
        with pytest.raises(StoreUnavailableError):
            connect_world.redeem(code)
    assert len(connect_world.grants_of("u1")) == 1
    grant = connect_world.redeem(code)
    assert (grant.state, grant.consents) == (State.ACTIVE, 1)


def test_nothing_of_the_account_is_left_beside_the_grant(connect_world: ConnectWorld) -> None:
    """A result that was used holds neither token nor account."""
    code = code_for(connect_world)
    redemption = connect_world.services.connecting.redemption
    connect_world.redeem(code)
    records: Records = redemption.entering.records
    [held] = list(records.every(Query(PENDING), Pending))
    assert held.record.is_used
    assert held.record.token is None
    assert held.record.account.sub == ""


def test_a_subject_that_left_meanwhile_gets_nothing(connect_world: ConnectWorld) -> None:
    """An account that was unlinked after the consent does not come back by its code."""
    account = connect_world.account()
    code = code_for(connect_world, account=account)
    connect_world.clock.advance(5)
    connect_world.hook({"type": "user_deleted", "tenant": TENANT, "subject": "u1"})
    with pytest.raises(BridgeError) as refused:
        connect_world.redeem(code)
    assert (refused.value.code, refused.value.reason) == (Code.GRANT_MISSING, "shut_out")
    assert connect_world.grants_of("u1") == []


def test_a_need_that_the_connection_meets_is_cleared(connect_world: ConnectWorld) -> None:
    """Once connected, no login is asked to consent for what the backend has by now."""
    with pytest.raises(BridgeError):
        connect_world.read("u1", CALENDAR)
    assert connect_world.services.needs.of(TENANT, "u1")
    connect_world.redeem(code_for(connect_world))
    assert connect_world.services.needs.of(TENANT, "u1") == []


def test_a_grant_that_is_being_revoked_takes_the_new_token_as_a_candidate(
    connect_world: ConnectWorld,
) -> None:
    """A connection made during a revocation is not lost: it is tried once that is over."""
    account = connect_world.account()
    before = connect_world.connected("u1", account=account)
    google = connect_world.google
    google.inject("revocation", "html_503", times=None)
    admin = connect_world.services.admin
    with pytest.raises(BridgeError):
        admin.revoke(connect_world.caller(), before.id, dry_run=False)
    grant = connect_world.redeem(code_for(connect_world, account=account))
    assert grant.state is State.REVOKING
    assert len(grant.candidates) == 1


def test_a_forgotten_grant_comes_back_by_a_connection(connect_world: ConnectWorld) -> None:
    """Whoever disconnected and connects again is connected."""
    account = connect_world.account()
    before = connect_world.connected("u1", account=account)
    connect_world.services.admin.forget(connect_world.caller(), before.id)
    connect_world.clock.advance(5)
    after = connect_world.redeem(code_for(connect_world, account=account))
    assert (after.id, after.state) == (before.id, State.ACTIVE)


def test_two_accounts_of_a_subject_are_two_grants(connect_world: ConnectWorld) -> None:
    """A second account is connected beside the first."""
    first = connect_world.connected("u1")
    second_account = connect_world.account()
    code = code_for(connect_world, account=second_account, choose_account=True)
    second = connect_world.redeem(code)
    assert second.account.sub == second_account.sub != first.account.sub
    assert len(connect_world.grants_of("u1")) == 2


def test_two_callbacks_of_one_trip_at_once_exchange_one_code(connect_world: ConnectWorld) -> None:
    """A double click on the way home: both get the same answer, and Google sees one exchange."""
    browser = connect_world.browser(connect_world.account())
    home = browser.at_google(browser.press(connect_world.link("u1")).location or "") or ""
    twins = [twin(browser) for _ in range(4)]
    answers = together([partial(b.get, home) for b in twins])
    assert len({code_of(answer) for answer in answers}) == 1
    assert connect_world.google.stats().count(grant_type="authorization_code") == 1


def test_two_tabs_home_at_once_make_one_connection(connect_world: ConnectWorld) -> None:
    """Of two trips that end together one wins, and the other is told that all is done."""
    browser = connect_world.browser(connect_world.account())
    url = connect_world.link("u1")
    places = [browser.press(url).location or "" for _ in range(2)]
    homes = [browser.at_google(place) or "" for place in places]
    twins = [twin(browser) for _ in homes]
    pairs = zip(twins, homes, strict=True)
    answers = together([partial(b.get, home) for b, home in pairs])
    assert sorted(answer.status_code for answer in answers) == [200, 303]
    assert len(connect_world.services.store.list(Query(PENDING))) == 1


def twin(browser: Browser) -> Browser:
    """Return the same browser for another thread: the same cookies, a client of its own."""
    other = browser.world.browser(*browser.accounts)
    for cookie in browser.cookies():
        other.http.set_cookie(cookie.key, cookie.value, domain="localhost")
    return other


class TestOverHttp:
    """The three operations as a backend calls them."""

    def test_the_whole_way(self, connect_world: ConnectWorld) -> None:
        """Link, status, redemption, status: each answer leads to the next."""
        http, auth = connect_world.http, {"Authorization": connect_world.key()}
        body = {
            "tenant": TENANT,
            "subject": "u1",
            "scopes": [CALENDAR, DRIVE],
            "return_to": "http://localhost:9000/connected?session=7",
        }
        made = http.post("/v1/connect-links", json=body, headers=auth).get_json()
        place = f"/v1/connect-links/{made['id']}"
        assert http.get(place, headers=auth).get_json()["status"] == "created"
        browser = connect_world.browser(connect_world.account())
        back = parameters_of(browser.connect(made["url"], untick=(DRIVE,)))
        assert back["session"] == "7"
        asked = {"code": back["code"], "subject": "u1", "tenant": TENANT}
        answer = http.post("/v1/connections", json=asked, headers=auth)
        told = answer.get_json()
        assert answer.status_code == 200
        assert (told["status"], told["missing"]) == ("partial", [DRIVE])
        assert told["grant"]["state"] == "active"
        shown = http.get(place, headers=auth).get_json()
        assert (shown["status"], shown["grant"]) == ("partial", told["grant"]["id"])
        assert "1//" not in answer.text

    def test_the_public_listener_has_none_of_it(self, connect_world: ConnectWorld) -> None:
        """Backends' operations are not on the socket that browsers reach."""
        auth = {"Authorization": connect_world.key()}
        for path in ("/v1/connect-links", "/v1/connections"):
            assert connect_world.public_http.post(path, json={}, headers=auth).status_code == 404

    def test_the_internal_listener_has_no_pages(self, connect_world: ConnectWorld) -> None:
        """Browsers' paths are not on the socket that backends reach."""
        path = connect_world.link("u1").removeprefix("http://localhost:8600")
        assert connect_world.http.get(path).status_code == 404
        assert connect_world.http.get("/oauth/callback").status_code == 404

    def test_a_code_in_a_wrong_form_is_not_repeated(self, connect_world: ConnectWorld) -> None:
        """The refusal names the field, and never what was sent."""
        auth = {"Authorization": connect_world.key()}
        body = {"code": "4/0Ab_surely-not-a-code", "subject": "u1"}
        answer = connect_world.http.post("/v1/connections", json=body, headers=auth)
        assert answer.status_code == 400
        assert answer.get_json()["field"] == "code"
        assert "surely" not in answer.text

    @pytest.mark.parametrize("missing", [Permission.CONNECT])
    def test_the_permission_is_needed(
        self, connect_world: ConnectWorld, missing: Permission
    ) -> None:
        """A key without `connect` is refused everywhere."""
        others = [its for its in Permission if its is not missing]
        auth = {"Authorization": connect_world.key("other", permissions=others)}
        body = {"code": "x" * 16 + "." + "y" * 43, "subject": "u1"}
        answer = connect_world.http.post("/v1/connections", json=body, headers=auth)
        assert answer.status_code == 403


def test_a_waiting_result_survives_a_change_of_keys(connect_world: ConnectWorld) -> None:
    """Rotated and the old key retired between consent and redemption, the grant still refreshes."""
    account = connect_world.account()
    code = code_for(connect_world, account=account)
    admin = connect_world.services.key_admin
    former = read_keys(connect_world.key_file).record_keys[0].id
    admin.add()
    admin.rotate(None, lambda _: None)
    admin.retire(former)
    connect_world.restart()
    grant = connect_world.redeem(code)
    connect_world.clock.advance(2 * HOUR)
    assert connect_world.read("u1").grant == grant.id
