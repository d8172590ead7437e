"""The revocation row: any token, the whole project, with a delay."""

from __future__ import annotations

from tests.sandbox.conftest import CALENDAR, DRIVE, World


def test_a_refresh_token_can_be_revoked_without_a_client(world: World) -> None:
    """The form has a token and nothing else; the answer is 200."""
    token = world.mint()
    assert world.revoke(token).status_code == 200
    assert world.refresh(token).json()["error"] == "invalid_grant"


def test_an_access_token_revokes_as_well(world: World) -> None:
    """An access token takes the refresh token with it."""
    token = world.mint()
    access = world.refresh(token).json()["access_token"]
    assert world.revoke(access).status_code == 200
    assert world.refresh(token).json()["error"] == "invalid_grant"


def test_a_dead_or_unknown_token_answers_400(world: World) -> None:
    """The second revocation, and one of a token never issued, say `invalid_token`."""
    token = world.mint()
    world.revoke(token)
    for text in (token, "1//never"):
        answer = world.revoke(text)
        assert answer.status_code == 400
        assert answer.json() == {
            "error": "invalid_token",
            "error_description": "Token expired or revoked",
        }


def test_a_revocation_hits_the_whole_project(world: World) -> None:
    """Tokens of all the project's clients die, whatever their scopes; other projects' live."""
    sibling = world.google.clients.create(project=world.client.project)
    stranger = world.google.clients.create()
    mine, siblings = world.mint(CALENDAR), world.mint(DRIVE, sibling)
    strangers = world.mint(CALENDAR, stranger)
    access = world.refresh(siblings, sibling).json()["access_token"]
    world.revoke(mine)
    assert world.refresh(siblings, sibling).json()["error"] == "invalid_grant"
    assert world.api("GET", "/drive/v3/files", access).status_code == 401
    assert world.refresh(strangers, stranger).status_code == 200


def test_a_revocation_leaves_other_accounts_alone(world: World) -> None:
    """Another user of the same app keeps the access."""
    other = world.google.accounts.create()
    token = world.google.mint_refresh_token(other, world.client, CALENDAR)
    world.revoke(world.mint())
    assert world.refresh(token).status_code == 200


def test_a_revocation_takes_effect_with_a_delay(world: World) -> None:
    """Until the delay has passed the token works, afterwards it does not."""
    world.google.configure(revoke_delay=30.0)
    token = world.mint()
    assert world.revoke(token).status_code == 200
    assert world.refresh(token).status_code == 200
    world.google.advance(31)
    assert world.refresh(token).json()["error"] == "invalid_grant"


def test_a_token_captured_during_the_delay_is_dead_on_arrival(world: World) -> None:
    """What is consented to while a revocation is under way dies with the rest."""
    world.google.configure(revoke_delay=30.0)
    world.revoke(world.mint())
    late = world.google.login(world.account, world.client, CALENDAR).refresh_token
    assert late is not None
    world.google.advance(31)
    assert world.refresh(late).json()["error"] == "invalid_grant"


def test_a_token_from_after_the_delay_lives(world: World) -> None:
    """A consent after the revocation's effect is not touched by it."""
    world.google.configure(revoke_delay=30.0)
    world.revoke(world.mint())
    world.google.advance(31)
    new = world.google.login(world.account, world.client, CALENDAR).refresh_token
    assert new is not None
    assert world.refresh(new).status_code == 200


def test_a_revocation_without_a_token_is_a_bad_request(world: World) -> None:
    """An empty form answers 400."""
    answer = world.http.post(world.endpoints["revocation"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
