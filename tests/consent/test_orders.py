"""Orders, as admins make them over HTTP, and as logins meet them."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from bridge.consent.orders import is_listed
from bridge.model import SUBJECT_HASH
from bridge.sandbox.records import Client
from bridge.store.base import Query
from tests.consent.scene import SCOPES, Scene, User
from tests.kit import DAY, DRIVE, HOUR, OTHER, TENANT, token_fields

CONSENT = "consent"


class Admin:
    """An admin who talks to the bridge by HTTP."""

    def __init__(self, stage: Scene, **more: Any) -> None:
        self.stage = stage
        self.http = stage.http
        name = f"admin-{secrets.token_hex(3)}"
        self.headers = {"Authorization": stage.key(name, **more)}

    def post(self, status: int = 200, **wish: Any) -> Any:
        body = {"tenant": TENANT, "reason": "new calendar feature"} | wish
        answer = self.http.post("/v1/admin/orders", json=body, headers=self.headers)
        assert answer.status_code == status, answer.get_json(force=True)
        return answer.get_json(force=True)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.http.get(path, headers=self.headers)
        assert answer.status_code == status, answer.get_json(force=True)
        return answer.get_json(force=True)

    def progress(self, order: str) -> dict[str, int]:
        found: dict[str, int] = self.get(f"/v1/admin/orders/{order}")["progress"]
        return found

    def cancel(self, order: str, status: int = 204) -> None:
        answer = self.http.delete(f"/v1/admin/orders/{order}", headers=self.headers)
        assert answer.status_code == status


@pytest.fixture
def ordered(stage: Scene) -> Scene:
    """A bridge that forces consent by orders alone."""
    stage.policy("ordered")
    return stage


@pytest.fixture
def admin(ordered: Scene) -> Admin:
    return Admin(ordered)


def legacy(stage: Scene, subject: str) -> User:
    """Return a user whose consent went by before the bridge was there."""
    user = User(stage, stage.account(), subject)
    user.google()
    assert user.signs_in()["decision"] == "continue"
    return user


def test_an_order_asks_each_user_once(ordered: Scene, admin: Admin) -> None:
    """One successful consent fulfils it for that user, and for that user alone."""
    one, two = legacy(ordered, "u1"), legacy(ordered, "u2")
    made = admin.post(filter={"no_usable_grant": True})
    assert made["matched"] == 2
    order = made["order"]["id"]
    assert admin.progress(order) == progress(not_seen=2)

    answer = one.signs_in(login_id="l1")
    assert (answer["decision"], answer["reason"]) == (CONSENT, "ordered")
    assert admin.progress(order) == progress(asked=1, not_seen=1)
    one.consents("l1")
    assert one.signs_in()["reason"] == "grant_usable"
    assert admin.progress(order) == progress(asked=1, given=1, not_seen=1)

    one.loses_tokens()
    assert one.signs_in()["reason"] == "no_evidence"
    assert two.signs_in()["decision"] == CONSENT


def progress(**numbers: int) -> dict[str, int]:
    names = ("asked", "given", "denied", "abandoned", "not_seen")
    return dict.fromkeys(names, 0) | numbers


def test_progress_tells_those_who_refused_from_those_who_stayed_away(
    ordered: Scene, admin: Admin
) -> None:
    """Who stayed away counts so after ten minutes, seen again or not."""
    users = [legacy(ordered, f"u{number}") for number in range(3)]
    order = admin.post(filter={})["order"]["id"]
    for user in users:
        assert user.asks("l1")["decision"] == CONSENT
    users[0].asks("l1", returned=True)
    ordered.clock.advance(HOUR)
    assert users[1].asks()["reason"] == "resting"
    assert admin.progress(order) == progress(asked=3, denied=1, abandoned=2)

    ordered.clock.advance(8 * DAY)
    assert users[2].asks("l2")["decision"] == CONSENT
    users[2].consents("l2")
    users[2].asks()
    assert admin.progress(order) == progress(asked=3, given=1, denied=1, abandoned=1)


def test_an_order_behind_two_rounds_stops_no_login(ordered: Scene, admin: Admin) -> None:
    """Two clients' rounds for one order that turn out to be given at once are written as one."""
    user = legacy(ordered, "u1")
    order = admin.post(subjects=["u1"], include_active=True)["order"]["id"]
    assert user.asks("l1")["decision"] == CONSENT
    ordered.clock.advance(8 * DAY)
    data = ordered.data_client
    assert user.asks("l2", client_id=data.client_id)["decision"] == CONSENT
    for client in (ordered.client, data):
        captured_late(user, client)

    answer = user.asks("l3")

    assert answer == {"decision": "continue", "reason": "grant_usable"}
    assert admin.progress(order) == progress(asked=1, given=1)


def captured_late(user: User, client: Client) -> None:
    """Have a user consent, and the IdP tell of it without asking anything."""
    tokens = user.scene.sign_in(user.account, SCOPES, client=client)
    about = {"tenant": TENANT, "account": {"sub": user.account.sub}, "login_id": client.client_id}
    fields = {"client_id": client.client_id, "tokens": token_fields(tokens)}
    assert user.scene.hook({"type": "capture"} | about | fields) == {"result": "captured"}
    bound = user.scene.hook({"type": "bind", "subject": user.subject} | about)
    assert bound == {"result": "bound"}


def test_a_consent_for_one_client_fulfils_an_order_at_once_for_the_other(
    ordered: Scene, admin: Admin
) -> None:
    """Before the IdP has told that the user is back, too."""
    user = legacy(ordered, "u1")
    admin.post(subjects=["u1"], include_active=True)
    assert user.asks("l1")["decision"] == CONSENT
    captured_late(user, ordered.client)

    answer = user.asks("l2", client_id=ordered.data_client.client_id)

    assert answer["decision"] == "continue"


def test_cancelling_an_order_ends_it_at_once(ordered: Scene, admin: Admin) -> None:
    """The very next login is not asked; what was already asked stays told."""
    user, other = legacy(ordered, "u1"), legacy(ordered, "u2")
    order = admin.post(filter={"state": "missing"})["order"]["id"]
    assert other.asks()["decision"] == CONSENT
    admin.cancel(order)
    assert user.asks()["reason"] == "no_evidence"
    shown = admin.get(f"/v1/admin/orders/{order}")
    assert shown["order"]["cancelled_by"].startswith("admin-")
    assert shown["progress"]["asked"] == 1
    admin.cancel(order)  # once more changes nothing
    assert admin.get(f"/v1/admin/orders/{order}") == shown


def test_an_order_ends_by_itself_after_a_year(ordered: Scene, admin: Admin) -> None:
    """And is swept with its marks."""
    user = legacy(ordered, "u1")
    admin.post(filter={})
    assert user.asks()["decision"] == CONSENT
    ordered.clock.advance(366 * DAY)
    assert user.asks()["reason"] == "no_evidence"
    ordered.services.upkeep.rare()
    for kind in ("order", "asked", "round"):
        assert not list(ordered.services.store.list(Query(kind)))


def test_users_with_a_working_grant_are_asked_only_if_the_order_says_so(
    ordered: Scene, admin: Admin
) -> None:
    """`include_active` asks them, once."""
    user = User(ordered, ordered.account(), "u1")
    user.signs_in()
    assert user.reads() == "ok"
    assert admin.post(filter={})["matched"] == 0
    assert user.asks()["reason"] == "grant_usable"

    made = admin.post(filter={}, include_active=True)
    assert made["matched"] == 1
    assert user.asks("l1")["reason"] == "ordered"
    assert user.reads() == "ok"  # the live token goes on serving meanwhile
    user.consents("l1")
    assert user.signs_in()["reason"] == "grant_usable"
    assert admin.progress(made["order"]["id"]) == progress(asked=1, given=1)


def test_a_list_means_the_users_on_it(ordered: Scene, admin: Admin) -> None:
    """Those never seen too, as soon as they come; and no others."""
    listed, other = legacy(ordered, "u1"), legacy(ordered, "u2")
    made = admin.post(subjects=["u1", "u1", "never-seen"])
    assert (made["matched"], made["order"]["listed"], made["order"]["filter"]) == (2, 2, None)
    assert listed.asks()["decision"] == CONSENT
    assert other.asks()["reason"] == "no_evidence"
    new = User(ordered, ordered.account(), "never-seen")
    assert new.asks()["decision"] == CONSENT


def test_a_filter_for_a_scope_asks_only_logins_that_would_bring_it(
    ordered: Scene, admin: Admin
) -> None:
    """Another login of the same user goes on."""
    user = User(ordered, ordered.account(), "u1")
    user.signs_in()
    user.reads()
    made = admin.post(filter={"missing_scope": DRIVE}, include_active=True)
    assert made["matched"] == 1
    assert user.asks(scopes=SCOPES.split())["reason"] == "grant_usable"
    wider = f"{SCOPES} {DRIVE}".split()
    assert user.asks(scopes=wider)["reason"] == "ordered"


def test_a_dry_run_counts_and_writes_nothing(ordered: Scene, admin: Admin) -> None:
    """No order, no event, nobody asked."""
    user = legacy(ordered, "u1")
    assert admin.post(filter={}, dry_run=True) == {"order": None, "matched": 1}
    assert admin.get(f"/v1/admin/orders?tenant={TENANT}") == {"orders": []}
    assert user.asks()["reason"] == "no_evidence"


def test_orders_are_listed_the_newest_first(ordered: Scene, admin: Admin) -> None:
    """With what they mean and who made them; of listed users only their number is kept."""
    first = admin.post(filter={"domain": "Example.com", "state": "blocked"})["order"]
    ordered.clock.advance(5)
    second = admin.post(subjects=["u1", "u2"], include_active=True)["order"]
    assert admin.get(f"/v1/admin/orders?tenant={TENANT}")["orders"] == [second, first]
    assert first["filter"] == {"domain": "example.com", "state": "blocked"}
    assert first["reason"] == "new calendar feature"


def test_observing_overrules_every_order(ordered: Scene, admin: Admin) -> None:
    """A tenant that only observes forces nobody."""
    user = legacy(ordered, "u1")
    admin.post(filter={})
    ordered.policy("observe")
    assert user.asks()["reason"] == "observe"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "filter"),
        ({"filter": {}, "subjects": ["u1"]}, "filter"),
        ({"filter": {"missing_scope": 'no"scope'}}, "missing_scope"),
        ({"filter": {"stat": "active"}}, "filter.stat"),
        ({"subjects": []}, "subjects"),
        ({"subjects": ["a\nb"]}, "subjects[0]"),
        ({"filter": {}, "reason": ""}, "reason"),
    ],
)
def test_a_wish_that_is_unclear_is_refused(
    ordered: Scene, admin: Admin, wish: dict[str, Any], field: str
) -> None:
    """With the field to mend, and no order made."""
    assert admin.post(400, **wish)["field"] == field
    assert not ordered.services.store.list(Query("order"))


def test_only_who_may_and_where_they_may(ordered: Scene, admin: Admin) -> None:
    """Another tenant's orders do not exist; without the permission nothing does."""
    user = legacy(ordered, "u1")
    order = admin.post(filter={})["order"]["id"]
    elsewhere = Admin(ordered, tenants=[OTHER])
    assert elsewhere.post(404, filter={})["field"] == "tenant"
    assert elsewhere.get(f"/v1/admin/orders/{order}", 404)["code"] == "not_found"
    elsewhere.cancel(order, 404)
    assert elsewhere.get(f"/v1/admin/recovery?tenant={TENANT}", 404)["field"] == "tenant"
    backend = Admin(ordered, permissions=["token", "grants:read"])
    assert backend.post(403, filter={})["code"] == "forbidden"
    assert backend.get(f"/v1/admin/orders/{order}", 403)["code"] == "forbidden"
    backend.cancel(order, 403)
    assert user.asks()["decision"] == CONSENT


def test_an_order_for_100_000_users_is_one_record(ordered: Scene, admin: Admin) -> None:
    """Made in one request, met at a login, and undone by one write."""
    user, other = legacy(ordered, "user-77777"), legacy(ordered, "somebody else")
    names = [f"user-{number}" for number in range(100_000)]
    order = admin.post(subjects=names)["order"]["id"]
    rows = ordered.services.store.list(Query("order"))
    assert [len(rows), len(rows[0].body) < 1_300_000] == [1, True]

    assert other.asks()["reason"] == "no_evidence"
    assert user.asks()["decision"] == CONSENT
    assert admin.progress(order) == progress(asked=1, not_seen=99_999)
    admin.cancel(order)
    assert User(ordered, ordered.account(), "user-1").asks()["reason"] == "no_evidence"


class Looked(bytes):
    """A listing that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, place: Any) -> Any:
        self.looks += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("named", [True, False])
def test_a_login_finds_its_user_among_100_000_by_a_few_looks(*, named: bool) -> None:
    """Twice as many users cost one look more, whether the user is among them or not."""
    subjects = sorted(secrets.token_bytes(SUBJECT_HASH) for _ in range(100_000))
    wanted = subjects[77_777] if named else secrets.token_bytes(SUBJECT_HASH)
    listing = Looked(b"".join(subjects))
    assert is_listed(listing, wanted) == named
    assert listing.looks <= 18


def test_an_order_and_its_end_are_told_in_the_audit(ordered: Scene, admin: Admin) -> None:
    """Who made it, for how many, and who ended it; then each round and what came of it."""
    user = legacy(ordered, "u1")
    order = admin.post(filter={})["order"]["id"]
    user.asks("l1")
    user.asks("l1", returned=True)
    admin.cancel(order)
    events = admin.get(f"/v1/events?tenant={TENANT}&limit=100")["events"]
    told = [event["type"] for event in events]
    wanted = ["order_created", "consent_forced", "consent_denied", "order_cancelled"]
    assert [kind for kind in told if kind in wanted] == wanted


# What other policies would do


def test_observing_counts_users_and_not_logins(stage: Scene) -> None:
    """For each policy how many users it would have asked, within 30 days."""
    stage.policy("observe")
    admin = Admin(stage)
    missing, needed, fine = (User(stage, stage.account(), f"u{n}") for n in range(3))
    missing.google()
    needed.google()
    fine.signs_in()
    assert [fine.reads(), needed.reads()] == ["ok", "grant_missing"]
    admin.post(subjects=["u2"], include_active=True)
    for _ in range(3):
        for user in (missing, needed, fine):
            assert user.signs_in()["reason"] == "observe"

    found = admin.get(f"/v1/admin/recovery?tenant={TENANT}")
    assert found == {
        "tenant": TENANT,
        "recovery": "observe",
        "days": 30,
        "users": 3,
        "would_ask": {"ordered": 1, "needed": 2, "always": 3},
    }
    assert missing.screens + needed.screens + fine.screens == 3

    stage.clock.advance(31 * DAY)
    assert admin.get(f"/v1/admin/recovery?tenant={TENANT}")["users"] == 0
