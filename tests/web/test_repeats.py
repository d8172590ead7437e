"""The same request again: its answer is the one that it would get if it came for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.secret import fingerprint
from bridge.services import Services, build
from bridge.store.base import StoreUnavailableError
from bridge.store.recent import KEPT_S
from bridge.tokens.repeats import Asked
from bridge.tokens.wire import TokenRequest
from tests.kit import CALENDAR, DRIVE, HOUR, SIGN_IN, World
from tests.tokens.support import Later, held, under_way, until_waiting
from tests.web.conftest import (
    Backend,
    another,
    assert_problem,
    both_clients,
    http_of,
    other_record_keys,
)


@pytest.fixture(params=["kept", "read each time"])
def bridge(request: pytest.FixtureRequest, bridge_world: World) -> World:
    """A bridge with the cache of sealed records, and one without."""
    if request.param != "kept":
        bridge_world.store = (
            bridge_world.store.replace("[store]", "[store]\ncache_mb = 0")
            or "\n[store]\ncache_mb = 0\n"
        )
        bridge_world.restart()
        assert not bridge_world.settings.store.cache_mb
    return bridge_world


@pytest.fixture
def asker(bridge: World) -> Backend:
    """A caller that may do everything everywhere."""
    return Backend(http_of(bridge), bridge.key())


def thrice(asker: Backend, subject: str = "u1", **more: Any) -> dict[str, Any]:
    """Ask until the answer is kept and given again; return it."""
    answers = [asker.token(subject, **more) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    tokens = {answer.get_json()["access_token"] for answer in answers}
    assert len(tokens) == 1
    last: dict[str, Any] = answers[-1].get_json()
    return last


@contextmanager
def elsewhere(bridge: World) -> Iterator[Services]:
    """Yield another process's services."""
    other = build(bridge.settings, bridge.clock)
    try:
        yield other
    finally:
        other.close()


def lapse(bridge: World) -> None:
    """Let the time pass in which a change elsewhere need not be seen."""
    bridge.clock.advance(KEPT_S)


def test_the_seconds_that_are_left_are_those_of_now(bridge: World, asker: Backend) -> None:
    """All else is the same, byte for byte."""
    bridge.grant("u1")
    before = thrice(asker)
    bridge.clock.advance(100)
    after = asker.token("u1").get_json()
    assert 100 <= before.pop("expires_in") - after.pop("expires_in") <= 102
    assert after == before


def test_a_repeated_request_is_answered_without_opening_the_grant(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third time nobody works out what the first two were answered."""
    bridge.grant("u1")
    kept = thrice(asker)

    def fail(*_args: object) -> None:
        raise AssertionError

    for work in ("read", "standing"):
        monkeypatch.setattr(f"bridge.tokens.service.TokenService.{work}", fail)
    assert asker.token("u1").get_json()["access_token"] == kept["access_token"]


def test_a_grant_that_ends_elsewhere_is_not_served_on(bridge: World, asker: Backend) -> None:
    """A revocation by another process is seen within the second, without the cache at once."""
    grant = bridge.grant("u1")
    thrice(asker)
    with elsewhere(bridge) as other:
        other.admin.revoke(bridge.caller(), grant.id, dry_run=False)
    if bridge.settings.store.cache_mb:
        lapse(bridge)
    assert_problem(asker.token("u1"), 409, "reauth_required")


def test_a_grant_that_ends_here_is_not_served_once_more(bridge: World, asker: Backend) -> None:
    """This process knows at once."""
    grant = bridge.grant("u1")
    thrice(asker)
    assert asker.delete(f"/v1/grants/{grant.id}").status_code == 204
    assert_problem(asker.token("u1"), 404, "grant_missing")


def test_a_pinned_grant_that_changes_elsewhere_is_looked_at(bridge: World, asker: Backend) -> None:
    """A request by the grant's id is kept by the same rules."""
    grant = bridge.grant("u1")
    body = {"grant": grant.id, "scopes": [CALENDAR]}
    for _ in range(3):
        assert asker.post("/v1/token", body).status_code == 200
    with elsewhere(bridge) as other:
        other.admin.forget(bridge.caller(), grant.id)
    lapse(bridge)
    assert_problem(asker.post("/v1/token", body), 404, "grant_missing")


def test_a_second_account_makes_a_kept_request_ambiguous(bridge: World, asker: Backend) -> None:
    """The answer follows from all rows of the subject, also from those that come later."""
    bridge.grant("u1")
    thrice(asker)
    account = bridge.account()
    bridge.login("u1", account, bridge.sign_in(account, f"{SIGN_IN} {CALENDAR}"))
    assert_problem(asker.token("u1"), 409, "account_ambiguous")


def test_an_old_token_is_renewed_in_time(bridge: World, asker: Backend) -> None:
    """A kept answer ends where its token is no longer fresh; the new one is kept then."""
    bridge.grant("u1")
    old = thrice(asker)
    bridge.clock.advance(HOUR)
    new = thrice(asker)
    assert new["access_token"] != old["access_token"]
    assert bridge.google.stats().refreshes == 2


def test_a_clock_that_is_set_back_ends_a_kept_answer(bridge: World, asker: Backend) -> None:
    """A token from the future is not believed, kept or not."""
    bridge.grant("u1")
    old = thrice(asker)
    bridge.clock.advance(-HOUR)
    assert asker.token("u1").get_json()["access_token"] != old["access_token"]


def test_a_rejected_token_is_not_given_again(bridge: World, asker: Backend) -> None:
    """Nor is it to those who did not report it."""
    bridge.grant("u1")
    old = thrice(asker)["access_token"]
    new = thrice(asker, rejected=fingerprint(old))["access_token"]
    assert new != old
    lapse(bridge)
    assert thrice(asker)["access_token"] == new


def test_what_one_caller_was_answered_another_is_not(bridge: World, asker: Backend) -> None:
    """The same bytes of a caller who may not have it are refused, however often they were served.

    More callers than are kept of a request are all answered.
    """
    bridge.grant("u1")
    thrice(asker)
    narrow = another(bridge, asker, "narrow", scopes=[DRIVE])
    for _ in range(3):
        assert_problem(narrow.token("u1"), 403, "forbidden")
    for number in range(20):
        thrice(another(bridge, asker, f"caller-{number}"))
    thrice(asker)


def test_a_caller_who_loses_a_permission_loses_the_answer(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller of the same name with less to its name is asked about anew."""
    bridge.grant("u1")
    thrice(asker)
    less = bridge.caller(scopes=[DRIVE])
    monkeypatch.setattr(bridge.services.gate, "admit", lambda _header: less)
    assert_problem(asker.token("u1"), 403, "forbidden")
    monkeypatch.undo()
    thrice(asker)
    monkeypatch.setattr(bridge.services.gate, "admit", lambda _header: less)
    # Google is not asked either for whoever may not have the token.
    bridge.clock.advance(2 * HOUR)
    assert_problem(asker.token("u1"), 403, "forbidden")
    assert bridge.google.stats().refreshes == 1
    monkeypatch.undo()
    thrice(asker)


def test_a_lost_key_ends_a_kept_answer(bridge: World, asker: Backend) -> None:
    """What could not be opened now is not given because it could be opened before."""
    bridge.grant("u1")
    thrice(asker)
    other_record_keys(bridge)
    assert_problem(asker.token("u1"), 503, "key_unavailable")


def test_a_store_that_is_away_is_told_as_such(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And counted: no answer is given of which nobody knows whether it holds."""
    bridge.grant("u1")
    thrice(asker)

    def away(_finding: object) -> bool:
        raise StoreUnavailableError("away")

    for name in ("findings.Probed", "recent.Found"):
        monkeypatch.setattr(f"bridge.store.{name}.holds", away)
    before = told_unavailable(bridge)
    assert_problem(asker.token("u1"), 503, "store_unavailable")
    assert told_unavailable(bridge) == before + 1


def told_unavailable(bridge: World) -> float:
    told = bridge.http.get("/metrics").get_data(as_text=True)
    name = 'bridge_token_reads_total{outcome="store_unavailable"} '
    found = [float(line.removeprefix(name)) for line in told.splitlines() if line.startswith(name)]
    return found[0] if found else 0


def issued(bridge: World, asker: Backend) -> int:
    """Return how many tokens the audit log says were handed out."""
    bridge.services.issued.write()
    told = asker.get("/v1/events").get_json()["events"]
    return sum(event["type"] == "token_issued" for event in told)


def test_repeated_reads_are_told_once(bridge: World, asker: Backend) -> None:
    """The token that they all got is in the audit log once."""
    bridge.grant("u1")
    thrice(asker)
    assert issued(bridge, asker) == 1


def test_an_answer_that_could_not_be_noted_is_not_kept(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next read notes it, as soon as there is room."""
    bridge.grant("u1")
    monkeypatch.setattr("bridge.audit.issued._MOST_WAITING", 0)
    thrice(asker)
    monkeypatch.undo()
    thrice(asker)
    assert issued(bridge, asker) == 1


def test_which_of_two_clients_is_asked_for_is_kept_apart(bridge: World, asker: Backend) -> None:
    """Two requests that differ in one member have each its own answer."""
    first, second = both_clients(bridge, "u1")
    assert thrice(asker, client=bridge.client.client_id)["grant"] == first
    assert thrice(asker, client=bridge.data_client.client_id)["grant"] == second


def test_an_answer_is_kept_sealed(bridge: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is kept of a request and its answer shows a part of the token."""
    made: list[Asked] = []

    def noted(request: TokenRequest) -> Asked:
        made.append(Asked(request))
        return made[-1]

    monkeypatch.setattr("bridge.web.api.Asked", noted)
    bridge.grant("u1")
    token = thrice(Backend(http_of(bridge), bridge.key()))["access_token"]
    [asked] = made
    [given] = asked.all_given()
    kept = [given.nonce, given.sealed, *(row.body for row in given.finding.rows)]
    assert len(kept) == 3
    assert token.encode()[:12] not in b"".join(kept)
    assert token[:12] not in repr(given)


def test_no_value_of_an_answer_passes_for_its_member(bridge: World, asker: Backend) -> None:
    """Where the seconds belong is found by the member's name, quotes and all."""
    account = bridge.account('"expires_in":1,@example.com')
    bridge.grant("u1", account=account)
    assert thrice(asker)["account"]["email"] == account.email


class Looks:
    """How often a store was asked for rows, and for leases."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
        self.reads = 0
        self.leases = 0
        for name in ("get", "list"):
            monkeypatch.setattr(kind, name, self._counting(getattr(kind, name), "reads"))
        monkeypatch.setattr(kind, "lease", self._counting(kind.lease, "leases"))  # type: ignore[attr-defined]  # a store's

    def _counting(self, call: Callable[..., Any], what: str) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            setattr(self, what, getattr(self, what) + 1)
            return call(*args)

        return counted


def test_a_crowd_that_comes_again_for_an_expired_token_looks_once(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty readers wait for one refresh, and do not all look into the store before they do."""
    bridge.grant("u1")
    old = thrice(asker)["access_token"]
    bridge.clock.advance(2 * HOUR)
    bridge.services.gate.admit(asker.key)
    hold = held(bridge)
    looks = Looks(monkeypatch, type(bridge.services.store.inner))
    readers = [Later(lambda: asker.token("u1").get_json()["access_token"]) for _ in range(40)]
    under_way(hold)
    flights = bridge.services.tokens.refreshing.flights
    [flight] = flights._flights.values()  # noqa: SLF001 - who waits is not seen from outside
    until_waiting(flight, len(readers) - 1)
    before = looks.reads
    hold.release()
    [new] = {reader.outcome() for reader in readers}
    assert new != old
    assert before < 10
    assert looks.leases == 1


def test_what_cannot_be_renewed_is_not_waited_for_at_each_request(
    bridge: World, asker: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh that failed is told from the store, without a lease for each who asks."""
    account = bridge.account()
    bridge.grant("u1", account=account)
    thrice(asker)
    bridge.clock.advance(2 * HOUR)
    bridge.google.kill_refresh_tokens(account)
    looks = Looks(monkeypatch, type(bridge.services.store.inner))
    for _ in range(5):
        assert_problem(asker.token("u1"), 409, "reauth_required")
    assert looks.leases == 1
