"""Revoking over HTTP: what ends, what must not, and what goes on when Google is away."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from bridge.model import State
from bridge.sandbox.records import Account
from tests.kit import HOUR, OTHER, TENANT, World, token_fields
from tests.web.conftest import Backend, another, assert_problem, at, both_clients, damaged


def revoke(backend: Backend, grant: str, **body: object) -> dict[str, object]:
    response = backend.post(f"/v1/grants/{grant}/revoke", body)
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.get_json()
    return answer


def captured(world: World, subject: str, account: Account, **more: Any) -> str:
    """Capture a login, and let a moment pass; return the grant's id."""
    client = more.pop("client", world.client)
    world.login(subject, account, world.sign_in(account, client=client, **more), client=client)
    world.clock.advance(2)
    [grant] = [g for g in world.grants_of(subject) if g.client_id == client.client_id]
    return grant.id


def proven(world: World, subject: str) -> None:
    """Have every grant of a subject prove its token."""
    for grant in world.grants_of(subject):
        world.read(subject, client=grant.client_id)


def test_a_revoke_ends_the_grant_at_google_and_its_siblings(
    bridge_world: World, backend: Backend
) -> None:
    """Grants of the same account and Google project die with it, and are told in the answer."""
    account = bridge_world.account()
    signin, data = both_clients(bridge_world, "u1")
    stranger = captured(bridge_world, "u2", account)
    proven(bridge_world, "u1")
    proven(bridge_world, "u2")

    answer = revoke(backend, signin)

    assert answer == {"grant": signin, "state": "revoked", "also": [data]}
    sibling = at(bridge_world, data)
    assert (sibling.state, sibling.reason) == (State.REAUTH_REQUIRED, "project_revoked")
    assert at(bridge_world, signin).tokens == ()
    assert at(bridge_world, stranger).state is State.ACTIVE
    response = backend.token("u1", client=bridge_world.client.client_id)
    assert_problem(response, 409, "reauth_required", reason="revoked")
    assert backend.token("u2").status_code == 200


def test_siblings_under_other_subjects_are_found(bridge_world: World, backend: Backend) -> None:
    """The same Google account behind two IdP users is one account to Google."""
    account = bridge_world.account()
    one = captured(bridge_world, "u1", account)
    two = captured(bridge_world, "u2", account, client=bridge_world.data_client)
    assert revoke(backend, one)["also"] == [two]
    assert at(bridge_world, two).state is State.REAUTH_REQUIRED


def test_a_dry_run_changes_nothing(bridge_world: World, backend: Backend) -> None:
    """`dry_run` tells what would end, and neither Google nor the store hears of it."""
    signin, data = both_clients(bridge_world, "u1")
    proven(bridge_world, "u1")
    before = bridge_world.grants_of("u1")

    answer = revoke(backend, signin, dry_run=True)

    assert answer == {"grant": signin, "state": "active", "also": [data]}
    assert bridge_world.grants_of("u1") == before
    assert backend.token("u1", grant=None, client=bridge_world.client.client_id).status_code == 200


def in_the_other_tenant(world: World, subject: str) -> tuple[str, str]:
    """Give an account a grant in each tenant, both of one Google project; return their ids."""
    account = world.account()
    theirs = world.google.clients.create(project=world.client.project)
    config = world.config.read_text()
    world.config.write_text(
        f"{config}\n[[tenants.{OTHER}.clients]]\n"
        f'client_id = "{theirs.client_id}"\nclient_secret = "{theirs.secrets[0]}"\n'
    )
    world.services.close()
    world.services = world._built()  # noqa: SLF001 - the kit's own way to read its files again
    mine = captured(world, subject, account)
    message = {
        "type": "login",
        "tenant": OTHER,
        "subject": "x1",
        "account": {"sub": account.sub},
        "client_id": theirs.client_id,
        "login": {"id": "l1"},
        "tokens": token_fields(world.sign_in(account, client=theirs)),
    }
    assert world.hook(message, tenant=OTHER)["result"] == "captured"
    return mine, world.grant_of("x1", OTHER).id


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_revoke_over_tenants_needs_them_all(bridge_world: World, *, dry_run: bool) -> None:
    """Without the other tenant it is refused, with the number of grants and nothing else."""
    mine, other = in_the_other_tenant(bridge_world, "u1")
    backend = Backend(bridge_world.http, bridge_world.key())
    limited = another(bridge_world, backend, "limited", tenants=[TENANT])

    response = limited.post(f"/v1/grants/{mine}/revoke", {"dry_run": dry_run})

    assert_problem(response, 403, "forbidden", reason="other_tenants")
    assert "1 more" in response.get_json()["detail"]
    assert other not in response.text
    assert OTHER not in response.text
    assert at(bridge_world, mine).state is State.UNVERIFIED

    assert revoke(backend, mine, dry_run=dry_run)["also"] == [other]


def test_while_google_is_down_the_revoke_waits_and_upkeep_finishes_it(
    bridge_world: World, backend: Backend
) -> None:
    """The answer is 503, the grant serves nobody, and it is over as soon as Google is back."""
    signin, data = both_clients(bridge_world, "u1")
    proven(bridge_world, "u1")
    bridge_world.google.inject("revocation", "html_503", times=None)

    response = backend.post(f"/v1/grants/{signin}/revoke", {})

    assert_problem(response, 503, "upstream_unavailable", reason="server_error")
    assert int(response.headers["Retry-After"]) > 0
    assert at(bridge_world, signin).state is State.REVOKING
    client = bridge_world.client.client_id
    assert_problem(backend.token("u1", client=client), 409, "reauth_required", reason="revoking")
    assert at(bridge_world, data).state is State.ACTIVE

    bridge_world.services.upkeep.rare()
    assert at(bridge_world, signin).state is State.REVOKING
    bridge_world.google.clear_faults()
    bridge_world.services.upkeep.rare()

    assert at(bridge_world, signin).state is State.REVOKED
    assert at(bridge_world, data).reason == "project_revoked"


def test_a_repeated_revoke_finishes_what_the_first_began(
    bridge_world: World, backend: Backend
) -> None:
    """The same request again, once Google is back, is the retry."""
    grant = captured(bridge_world, "u1", bridge_world.account())
    bridge_world.google.inject("revocation", "connection_closed", times=None)
    assert backend.post(f"/v1/grants/{grant}/revoke", {}).status_code == 503
    bridge_world.google.clear_faults()
    assert revoke(backend, grant) == {"grant": grant, "state": "revoked", "also": []}


def test_a_grant_under_revocation_is_forgotten_once_google_has_taken_that(
    bridge_world: World, backend: Backend
) -> None:
    """`DELETE` must not drop the token that Google is still to be told of: it takes effect then."""
    grant = captured(bridge_world, "u1", bridge_world.account())
    bridge_world.google.inject("revocation", "html_503", times=None)
    backend.post(f"/v1/grants/{grant}/revoke", {})

    assert backend.delete(f"/v1/grants/{grant}").status_code == 204

    assert at(bridge_world, grant).state is State.REVOKING
    bridge_world.google.clear_faults()
    bridge_world.services.upkeep.rare()
    assert bridge_world.google.stats().endpoints["revocation"] > 1
    assert_problem(backend.get(f"/v1/grants/{grant}"), 404, "grant_missing")


def test_the_retry_of_a_revoke_answers_though_the_grant_is_forgotten_with_it(
    bridge_world: World, backend: Backend
) -> None:
    """Who repeats a revoke of a grant that is to be forgotten is told that it is revoked."""
    grant = captured(bridge_world, "u1", bridge_world.account())
    bridge_world.google.inject("revocation", "html_503", times=None)
    backend.post(f"/v1/grants/{grant}/revoke", {})
    backend.delete(f"/v1/grants/{grant}")
    bridge_world.google.clear_faults()

    assert revoke(backend, grant) == {"grant": grant, "state": "revoked", "also": []}
    assert_problem(backend.get(f"/v1/grants/{grant}"), 404, "grant_missing")


def test_a_repeated_revoke_changes_nothing(bridge_world: World, backend: Backend) -> None:
    """A client that repeats a revoke, hours later, does not shut out a consent from in between."""
    account = bridge_world.account()
    grant = captured(bridge_world, "u1", account)
    revoke(backend, grant)
    before = at(bridge_world, grant)
    bridge_world.clock.advance(HOUR)
    late = bridge_world.sign_in(account)
    bridge_world.clock.advance(HOUR)

    assert revoke(backend, grant) == {"grant": grant, "state": "revoked", "also": []}

    assert at(bridge_world, grant) == before
    assert bridge_world.login("u1", account, late)["result"] == "captured"
    assert backend.token("u1").status_code == 200


def test_candidates_that_arrive_meanwhile_are_tried_afterwards(
    bridge_world: World, backend: Backend
) -> None:
    """A capture during the revocation is answered at once; being newer, it serves after it."""
    account = bridge_world.account()
    grant = captured(bridge_world, "u1", account)
    hold = bridge_world.google.hold("revocation")
    answers: list[dict[str, object]] = []
    revoking = threading.Thread(target=lambda: answers.append(revoke(backend, grant)))
    revoking.start()
    assert hold.wait_for(1)

    bridge_world.clock.advance(5)
    login = bridge_world.login("u1", account, bridge_world.sign_in(account))
    assert login["result"] == "captured"
    assert at(bridge_world, grant).state is State.REVOKING
    assert_problem(backend.token("u1"), 409, "reauth_required", reason="revoking")
    bridge_world.google.release_holds()
    revoking.join()

    assert answers == [{"grant": grant, "state": "unverified", "also": []}]
    assert backend.token("u1").status_code == 200


def test_revoking_a_grant_that_died_asks_google_nothing(
    bridge_world: World, backend: Backend
) -> None:
    """A dead grant holds no token: it becomes `revoked`, so that nothing older comes back."""
    account = bridge_world.account()
    tokens = bridge_world.sign_in(account)
    bridge_world.login("u1", account, tokens)
    bridge_world.google.kill_refresh_tokens(account)
    assert_problem(backend.token("u1"), 409, "reauth_required")
    grant = bridge_world.grant_of("u1").id
    bridge_world.google.set_down("close")

    assert revoke(backend, grant) == {"grant": grant, "state": "revoked", "also": []}
    assert at(bridge_world, grant).revoked_at is not None


def test_revoking_a_dead_grant_leaves_its_siblings_alone(
    bridge_world: World, backend: Backend
) -> None:
    """Where Google was not asked, or had nothing to revoke, no other grant loses its token."""
    account = bridge_world.account()
    dead = captured(bridge_world, "u1", account)
    alive = captured(bridge_world, "u1", account, client=bridge_world.data_client)
    proven(bridge_world, "u1")
    bridge_world.google.kill_refresh_tokens(account, bridge_world.client)

    # The bridge still holds a token, of which Google says that there is nothing to revoke.
    assert revoke(backend, dead) == {"grant": dead, "state": "revoked", "also": [alive]}
    assert backend.token("u1", client=bridge_world.data_client.client_id).status_code == 200
    # Now it holds none, and Google is not asked at all.
    assert revoke(backend, dead, dry_run=True)["also"] == []
    assert revoke(backend, dead) == {"grant": dead, "state": "revoked", "also": []}
    assert at(bridge_world, alive).state is State.ACTIVE


def test_each_token_is_tried_until_google_takes_one(bridge_world: World, backend: Backend) -> None:
    """A live token that is gone at Google does not hide a candidate that is not."""
    account = bridge_world.account()
    first = bridge_world.sign_in(account)
    bridge_world.login("u1", account, first)
    bridge_world.read("u1")
    bridge_world.clock.advance(2)
    bridge_world.login("u1", account, bridge_world.sign_in(account))
    bridge_world.clock.advance(2)
    bridge_world.google.kill_refresh_tokens(account, refresh_token=first.refresh_token)
    grant = bridge_world.grant_of("u1").id

    assert revoke(backend, grant)["state"] == "revoked"

    assert bridge_world.google.refresh_tokens(account) == []


def test_a_token_of_another_client_is_not_revoked_for_this_one(
    bridge_world: World, backend: Backend
) -> None:
    """What turned out to be another project's token is dropped here and left alone at Google."""
    account = bridge_world.account()
    foreign = bridge_world.sign_in(account, client=bridge_world.other_client)
    bridge_world.login("u1", account, replace(foreign, id_token=None))
    assert_problem(backend.token("u1"), 403, "blocked", reason="wrong_client")
    bridge_world.clock.advance(2)
    grant = bridge_world.grant_of("u1").id

    assert revoke(backend, grant)["state"] == "revoked"

    assert len(bridge_world.google.refresh_tokens(account, bridge_world.other_client)) == 1


def test_a_damaged_sibling_does_not_keep_a_grant_from_its_revoke(
    bridge_world: World, backend: Backend
) -> None:
    """A corrupt record of the same account is passed over."""
    signin, data = both_clients(bridge_world, "u1")
    held = bridge_world.services.grants.get(data)
    assert held is not None
    row = bridge_world.services.store.get(held.ref)
    assert row is not None
    bridge_world.services.store.replace(damaged(row), row.version)

    assert revoke(backend, signin) == {"grant": signin, "state": "revoked", "also": []}


def test_an_older_token_never_comes_back(bridge_world: World, backend: Backend) -> None:
    """A message from before the revoke that arrives after it changes nothing."""
    account = bridge_world.account()
    early = bridge_world.sign_in(account)
    bridge_world.clock.advance(2)
    grant = captured(bridge_world, "u1", account)
    revoke(backend, grant)

    bridge_world.login("u1", account, early, obtained_at=int(bridge_world.clock.now()) - 4)

    assert at(bridge_world, grant).state is State.REVOKED
    assert_problem(backend.token("u1"), 409, "reauth_required", reason="revoked")


def test_an_empty_body_revokes_and_a_wrong_one_does_not(
    bridge_world: World, backend: Backend
) -> None:
    """`dry_run` is a boolean and nothing else, so that a typing error cannot revoke."""
    grant = captured(bridge_world, "u1", bridge_world.account())
    path = f"/v1/grants/{grant}/revoke"
    wrong = backend.post(path, {"dry_run": "true"})
    assert_problem(wrong, 400, "invalid_request", field="dry_run")
    unknown = backend.post(path, {"dryrun": True})
    assert_problem(unknown, 400, "invalid_request", field="dryrun")
    assert at(bridge_world, grant).state is State.UNVERIFIED
    assert revoke(backend, grant)["state"] == "revoked"
