"""Rows of "How a grant dies"."""

from __future__ import annotations

import pytest
import requests

from tests.sandbox.conftest import CALENDAR, DAY, DRIVE, MAIL, World


def error_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def test_a_user_who_revokes_ends_the_projects_tokens(world: World) -> None:
    """Taking the access away kills RTs and access tokens of the project at once."""
    answer = world.google.login(world.account, world.client, CALENDAR)
    assert answer.refresh_token is not None
    world.google.revoke_as_user(world.account, world.client)
    assert error_of(world.refresh(answer.refresh_token)) == (400, "invalid_grant")
    path = "/calendar/v3/users/me/calendarList"
    assert world.api("GET", path, answer.access_token).status_code == 401


def test_six_months_without_use_kill_a_token(world: World) -> None:
    """A token that was used in the meantime lives, one that was not dies."""
    idle, used = world.mint(), world.mint()
    world.google.advance(100 * DAY)
    assert world.refresh(used).status_code == 200
    world.google.advance(90 * DAY)
    assert world.refresh(used).status_code == 200
    assert error_of(world.refresh(idle)) == (400, "invalid_grant")


def test_a_password_change_kills_tokens_with_gmail_scopes(world: World) -> None:
    """Those with Gmail scopes die, the others stay."""
    mail, calendar = world.mint(f"{MAIL} {CALENDAR}"), world.mint(CALENDAR)
    assert world.google.accounts.change_password(world.account) == 1
    assert error_of(world.refresh(mail)) == (400, "invalid_grant")
    assert world.refresh(calendar).status_code == 200


def test_time_based_access_ends(world: World) -> None:
    """The code exchange tells for how long, and after that token and consent are gone."""
    answer = world.google.login(world.account, world.client, CALENDAR, lifetime=DAY)
    assert answer.refresh_token_expires_in == DAY
    assert answer.refresh_token is not None
    world.google.advance(DAY + 1)
    assert error_of(world.refresh(answer.refresh_token)) == (400, "invalid_grant")
    again = world.google.login(world.account, world.client, CALENDAR)
    assert again.refresh_token is not None


def test_the_consent_page_offers_time_based_access(world: World) -> None:
    """When switched on, the user chooses a time on the page, and the exchange tells it."""
    world.google.configure(time_based_access=True)
    world.google.accounts.sign_in(world.account)
    page = world.authorize(access_type="offline")
    back = world.submit(page, decision="allow", lifetime="86400")
    code = back.headers["Location"].partition("code=")[2].partition("&")[0].replace("%2F", "/")
    assert world.redeem(code).json()["refresh_token_expires_in"] == DAY


def test_testing_mode_ends_after_seven_days(world: World) -> None:
    """An external app in testing hands out RTs for 604799 seconds."""
    testing = world.google.clients.create(publishing="testing")
    answer = world.google.login(world.account, testing, CALENDAR)
    assert answer.refresh_token_expires_in == 604_799
    assert answer.refresh_token is not None
    world.google.advance(7 * DAY - 60)
    assert world.refresh(answer.refresh_token, testing).status_code == 200
    world.google.advance(60)
    assert error_of(world.refresh(answer.refresh_token, testing)) == (400, "invalid_grant")


def test_testing_mode_spares_sign_in_and_internal_apps(world: World) -> None:
    """Tokens for sign-in scopes alone, and those of internal apps, do not expire."""
    testing = world.google.clients.create(publishing="testing")
    internal = world.google.clients.create(publishing="testing", internal_domain="corp.example")
    worker = world.google.accounts.create(hd="corp.example")
    sign_in = world.google.login(world.account, testing, "openid email")
    inside = world.google.login(worker, internal, CALENDAR)
    assert sign_in.refresh_token_expires_in is None
    assert inside.refresh_token_expires_in is None


def test_an_admins_policy_blocks_a_scope(world: World) -> None:
    """A restricted service answers `admin_policy_enforced`; other scopes and accounts go on."""
    worker = world.google.accounts.create(hd="corp.example")
    drive = world.google.mint_refresh_token(worker, world.client, DRIVE)
    calendar = world.google.mint_refresh_token(worker, world.client, CALENDAR)
    world.google.accounts.block_scopes(worker, [DRIVE])
    assert error_of(world.refresh(drive)) == (400, "admin_policy_enforced")
    assert world.refresh(calendar).status_code == 200
    world.google.accounts.block_scopes(worker, [])
    assert world.refresh(drive).status_code == 200


@pytest.mark.parametrize("subtype", ["invalid_rapt", "rapt_required"])
def test_session_control_asks_for_a_new_sign_in(world: World, subtype: str) -> None:
    """Tokens from before the session's end are refused with a subtype, later ones work."""
    old = world.mint()
    path = f"/sandbox/accounts/{world.account.sub}/require-reauth"
    assert world.http.post(world.url + path, json={"subtype": subtype}).status_code == 200
    answer = world.refresh(old)
    assert error_of(answer) == (400, "invalid_grant")
    assert answer.json()["error_subtype"] == subtype
    assert answer.json()["error_description"] == f"reauth related error ({subtype})"
    assert answer.json()["error_uri"] == "https://support.google.com/a/answer/9368756"
    world.google.advance(1)
    assert world.refresh(world.mint()).status_code == 200


def test_a_deleted_account_is_gone_for_ever(world: World) -> None:
    """Its tokens answer `invalid_grant`, its address is free, and nothing restores it."""
    token = world.mint()
    world.google.accounts.delete(world.account)
    answer = world.refresh(token)
    assert error_of(answer) == (400, "invalid_grant")
    assert answer.json()["error_description"] == "The account has been deleted"
    assert world.google.accounts.create("ann@gmail.com").sub != world.account.sub
    with pytest.raises(ValueError, match="stays deleted"):
        world.google.accounts.restore(world.account)


def test_a_suspended_account_comes_back(world: World) -> None:
    """While suspended its tokens do not work, afterwards they do."""
    token = world.mint()
    world.google.accounts.suspend(world.account)
    assert error_of(world.refresh(token)) == (400, "invalid_grant")
    world.google.accounts.restore(world.account)
    assert world.refresh(token).status_code == 200


def test_a_restricted_account_answers_access_denied(world: World) -> None:
    """Restricted by Google is not dead: the error says so."""
    token = world.mint()
    world.google.accounts.restrict(world.account)
    answer = world.refresh(token)
    assert error_of(answer) == (400, "access_denied")
    assert answer.json()["error_description"] == "Account restricted"


def test_an_app_made_internal_refuses_strangers(world: World) -> None:
    """Tokens of accounts outside of the organization answer `org_internal`."""
    token = world.mint()
    world.google.clients.set_internal(world.client, "corp.example")
    assert error_of(world.refresh(token)) == (400, "org_internal")


def test_a_deleted_client_can_be_restored_for_thirty_days(world: World) -> None:
    """Its tokens wait for it; after 30 days nothing brings it back."""
    token = world.mint()
    world.google.clients.set_status(world.client, "deleted")
    assert error_of(world.refresh(token)) == (401, "deleted_client")
    world.google.advance(29 * DAY)
    world.google.clients.set_status(world.client, "active")
    assert world.refresh(token).status_code == 200
    world.google.clients.set_status(world.client, "deleted")
    world.google.advance(31 * DAY)
    with pytest.raises(ValueError, match="30 days"):
        world.google.clients.set_status(world.client, "active")


def test_a_disabled_client_is_refused(world: World) -> None:
    """The operator's fault has an error of its own, and ends with it."""
    token = world.mint()
    world.google.clients.set_status(world.client, "disabled")
    assert error_of(world.refresh(token)) == (401, "disabled_client")
    world.google.clients.set_status(world.client, "active")
    assert world.refresh(token).status_code == 200


def test_a_rotated_secret_ends_the_old_one(world: World) -> None:
    """The old secret answers `invalid_client`, the new one works on the same tokens."""
    token, old = world.mint(), world.client.secrets[0]
    world.google.clients.rotate_secret(world.client)
    answer = world.refresh(token, client_secret=old)
    assert error_of(answer) == (401, "invalid_client")
    assert answer.json()["error_description"] == "The provided client secret is invalid."
    assert world.refresh(token).status_code == 200


def test_two_secrets_work_while_one_is_rotated(world: World) -> None:
    """With `keep_old` both work, and a third one drops the first."""
    token, old = world.mint(), world.client.secrets[0]
    world.google.clients.rotate_secret(world.client, keep_old=True)
    assert world.refresh(token, client_secret=old).status_code == 200
    world.google.clients.rotate_secret(world.client, keep_old=True)
    assert world.refresh(token, client_secret=old).status_code == 401


def test_an_unknown_client_is_not_found(world: World) -> None:
    """A client id that was never registered answers `invalid_client`."""
    answer = world.refresh(world.mint(), client_id="1-x.apps.googleusercontent.com")
    assert error_of(answer) == (401, "invalid_client")
    assert answer.json()["error_description"] == "The OAuth client was not found."


def test_a_token_of_another_client_is_unauthorized(world: World) -> None:
    """The right secret with a foreign RT answers `unauthorized_client`, and harms nobody."""
    token, other = world.mint(), world.google.clients.create()
    answer = world.refresh(token, other)
    assert error_of(answer) == (401, "unauthorized_client")
    assert answer.json()["error_description"] == "Unauthorized"
    assert world.refresh(token).status_code == 200


def test_clients_unused_for_six_months_are_deleted_when_switched_on(world: World) -> None:
    """An idle client dies only if the sandbox is told to imitate that."""
    idle = world.google.clients.create()
    world.google.advance(190 * DAY)
    token = world.mint(client=idle)
    assert world.refresh(token, idle).status_code == 200
    world.google.configure(delete_idle_clients=True)
    world.google.advance(190 * DAY)
    assert error_of(world.refresh(token, idle)) == (401, "deleted_client")


def test_advanced_protection_stops_consent_but_not_old_tokens(world: World) -> None:
    """`policy_enforced` is shown for a new consent; an RT from before works on."""
    token = world.mint()
    world.google.accounts.protect(world.account)
    world.google.accounts.sign_in(world.account)
    page = world.authorize(prompt="consent", access_type="offline")
    assert page.status_code == 400
    assert "policy_enforced" in page.text
    assert world.refresh(token).status_code == 200


def test_a_lost_token_was_never_known(world: World) -> None:
    """A token that Google does not know answers `Bad Request`, a killed one `expired`."""
    lost, killed = world.mint(), world.mint()
    assert world.google.lose_refresh_token(lost)
    assert world.google.kill_refresh_tokens(world.account, refresh_token=killed) == 1
    assert world.refresh(lost).json()["error_description"] == "Bad Request"
    expired = "Token has been expired or revoked."
    assert world.refresh(killed).json()["error_description"] == expired
