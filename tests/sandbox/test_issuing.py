"""Rows of "When a refresh token is issued"."""

from __future__ import annotations

import threading

import pytest
import requests

from tests.sandbox.conftest import CALENDAR, CALENDAR_READ, DRIVE, World

EMAIL = "https://www.googleapis.com/auth/userinfo.email"
PROFILE = "https://www.googleapis.com/auth/userinfo.profile"


def test_the_first_offline_consent_yields_a_refresh_token(world: World) -> None:
    """A code whose consent screen was shown and that asked for offline access brings an RT."""
    code = world.consent(access_type="offline")["code"]
    assert "refresh_token" in world.redeem(code).json()


def test_a_later_sign_in_yields_no_refresh_token(world: World) -> None:
    """Without a consent screen there is no RT, offline or not."""
    world.consent(access_type="offline")
    back = world.consent(access_type="offline")
    assert back["prompt"] == "none"
    assert "refresh_token" not in world.redeem(back["code"]).json()


def test_online_access_yields_no_refresh_token(world: World) -> None:
    """The default access type brings no RT, even when consent is forced."""
    code = world.consent(prompt="consent")["code"]
    assert "refresh_token" not in world.redeem(code).json()


def test_a_revocation_makes_the_next_consent_a_first_one(world: World) -> None:
    """After the user took the access away, the screen and the RT come again."""
    first = world.redeem(world.consent(access_type="offline")["code"]).json()
    world.revoke(first["refresh_token"])
    again = world.redeem(world.consent(access_type="offline")["code"]).json()
    assert again["refresh_token"] != first["refresh_token"]


def test_the_first_consent_is_per_project(world: World) -> None:
    """A second client of the same project gets no RT for what the first was granted."""
    sibling = world.google.clients.create(project=world.client.project)
    world.google.login(world.account, world.client, CALENDAR)
    assert world.google.login(world.account, sibling, CALENDAR).refresh_token is None


def test_every_forced_consent_mints_an_additional_token(world: World) -> None:
    """`prompt=consent` brings a new RT, and the older one goes on working."""
    tokens = [
        world.redeem(world.consent(access_type="offline", prompt="consent")["code"]).json()[
            "refresh_token"
        ]
        for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    assert [world.refresh(token).status_code for token in tokens] == [200, 200]


def test_approval_prompt_force_is_the_old_name_of_prompt_consent(world: World) -> None:
    """The deprecated twin forces a consent as well."""
    world.consent(access_type="offline")
    back = world.consent(access_type="offline", approval_prompt="force")
    assert "refresh_token" in world.redeem(back["code"]).json()


def test_approval_prompt_auto_forces_nothing(world: World) -> None:
    """The deprecated default shows no screen to who consented before."""
    world.consent(access_type="offline")
    assert world.consent(approval_prompt="auto")["prompt"] == "none"


def test_prompt_and_approval_prompt_conflict(world: World) -> None:
    """Sending both is answered 400 with the names of both."""
    page = world.authorize(prompt="consent", approval_prompt="force")
    assert page.status_code == 400
    assert "Conflict params: approval_prompt and prompt" in page.text


def test_the_hundred_and_first_token_kills_the_oldest(world: World) -> None:
    """An account has 100 live RTs per client; the oldest dies without a word."""
    tokens = [world.mint() for _ in range(101)]
    assert world.refresh(tokens[0]).json()["error"] == "invalid_grant"
    assert world.refresh(tokens[1]).status_code == 200
    assert len(world.google.refresh_tokens(world.account, world.client)) == 100


def test_the_cap_counts_each_client_for_itself(world: World) -> None:
    """Another client's RTs do not count towards the cap."""
    other = world.google.clients.create()
    first = world.mint(client=other)
    for _ in range(101):
        world.mint()
    assert world.refresh(first, other).status_code == 200


def test_the_caps_can_be_set(world: World) -> None:
    """A smaller cap per client, and the larger one per account, both kill the oldest."""
    world.google.configure(refresh_token_cap=2, account_refresh_token_cap=3)
    other = world.google.clients.create()
    tokens = [world.mint() for _ in range(3)]
    others = [world.mint(client=other) for _ in range(2)]
    assert world.refresh(tokens[0]).status_code == 400
    assert world.refresh(tokens[1]).status_code == 400
    assert world.refresh(tokens[2]).status_code == 200
    assert world.refresh(others[0], other).status_code == 200


def test_a_refresh_carries_no_refresh_token(world: World) -> None:
    """Google does not rotate."""
    assert "refresh_token" not in world.refresh(world.mint()).json()


def test_a_switch_makes_refreshes_rotate(world: World) -> None:
    """When told to rotate, a refresh brings a new RT and kills the old one."""
    world.google.configure(rotate_refresh_tokens=True)
    old = world.mint()
    new = world.refresh(old).json()["refresh_token"]
    assert world.refresh(old).json()["error"] == "invalid_grant"
    assert world.refresh(new).status_code == 200


def test_include_granted_scopes_adds_what_the_project_holds(world: World) -> None:
    """The new token carries the scopes granted before to another client of the project."""
    sibling = world.google.clients.create(project=world.client.project)
    world.google.login(world.account, sibling, DRIVE)
    alone = world.google.login(world.account, world.client, CALENDAR)
    joint = world.google.login(
        world.account, world.client, CALENDAR, prompt="consent", include_granted_scopes=True
    )
    assert set(alone.scope.split()) == {CALENDAR}
    assert set(joint.scope.split()) == {CALENDAR, DRIVE}


def test_revoking_a_token_of_included_scopes_revokes_all(world: World) -> None:
    """Incremental authorization binds the tokens together: one revocation ends both."""
    first = world.google.login(world.account, world.client, DRIVE)
    joint = world.google.login(world.account, world.client, CALENDAR, include_granted_scopes=True)
    assert world.revoke(joint.access_token).status_code == 200
    assert first.refresh_token is not None
    assert world.refresh(first.refresh_token).json()["error"] == "invalid_grant"


def test_short_scope_names_come_back_spelled_out(world: World) -> None:
    """`email` and `profile` are answered as their URLs, `openid` as itself."""
    answer = world.redeem(world.consent(scope="openid email profile")["code"]).json()
    assert set(answer["scope"].split()) == {"openid", EMAIL, PROFILE}


def test_the_order_of_scopes_is_not_stable(world: World) -> None:
    """Forty answers with six scopes are not all in the same order."""
    token = world.mint(f"openid email profile {CALENDAR} {DRIVE} {CALENDAR_READ}")
    orders = {world.refresh(token).json()["scope"] for _ in range(40)}
    assert len(orders) > 1
    assert len({frozenset(order.split()) for order in orders}) == 1


def test_expires_in_can_be_set(world: World) -> None:
    """The life of access tokens is 3599 s unless the sandbox is told otherwise."""
    token = world.mint()
    assert world.refresh(token).json()["expires_in"] == 3599
    world.google.configure(expires_in=3920)
    assert world.refresh(token).json()["expires_in"] == 3920


def test_a_refresh_brings_an_id_token_if_openid_was_granted(world: World) -> None:
    """With `openid` there is one, without there is none."""
    assert "id_token" in world.refresh(world.mint(f"openid {CALENDAR}")).json()
    assert "id_token" not in world.refresh(world.mint(CALENDAR)).json()


def test_tokens_have_googles_shapes_and_are_unique(world: World) -> None:
    """Codes, access tokens and RTs have Google's prefixes and sizes."""
    answers = [
        world.google.login(world.account, world.client, CALENDAR, prompt="consent")
        for _ in range(21)
    ]
    code = world.consent(prompt="consent")["code"]
    assert code.startswith("4/")
    assert len(code.encode()) <= 256
    assert all(a.access_token.startswith("ya29.") for a in answers)
    assert {len(a.access_token) for a in answers} == {220}
    refresh_tokens = {a.refresh_token or "" for a in answers}
    assert len(refresh_tokens) == 21
    assert {(token[:3], len(token)) for token in refresh_tokens} == {("1//", 103)}


def test_a_code_works_once(world: World) -> None:
    """The second exchange of a code is refused."""
    code = world.consent()["code"]
    assert world.redeem(code).status_code == 200
    assert world.redeem(code).json()["error"] == "invalid_grant"


def test_one_of_many_concurrent_exchanges_wins(world: World) -> None:
    """Of eight exchanges of a code at the same moment, one succeeds."""
    code = world.consent()["code"]
    barrier = threading.Barrier(8)
    statuses: list[int] = []
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": world.client.client_id,
        "client_secret": world.client.secrets[0],
        "redirect_uri": world.client.redirect_uris[0],
    }

    def exchange() -> None:
        barrier.wait()
        with requests.post(world.endpoints["token"], data=form, timeout=10) as answer:
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=exchange) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


def test_a_code_expires(world: World) -> None:
    """A code that is ten minutes old is refused."""
    code = world.consent()["code"]
    world.google.advance(601)
    assert world.redeem(code).json()["error"] == "invalid_grant"


def test_a_code_is_redeemed_with_its_own_redirect_uri(world: World) -> None:
    """Another redirect URI at the exchange is a mismatch."""
    answer = world.redeem(world.consent()["code"], redirect_uri="http://localhost:8080/other")
    assert (answer.status_code, answer.json()["error"]) == (400, "redirect_uri_mismatch")


def test_a_code_of_another_client_is_refused(world: World) -> None:
    """A code is bound to the client that asked for it."""
    other = world.google.clients.create()
    assert world.redeem(world.consent()["code"], other).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("narrowing", "status", "scopes"),
    [("honoured", 200, {CALENDAR}), ("ignored", 200, {CALENDAR, DRIVE}), ("refused", 400, None)],
)
def test_a_smaller_scope_narrows_as_configured(
    world: World, narrowing: str, status: int, scopes: set[str] | None
) -> None:
    """A refresh for a subset is honoured, ignored or refused, as the option says."""
    world.google.configure(narrowing=narrowing)
    answer = world.refresh(world.mint(f"{CALENDAR} {DRIVE}"), scope=CALENDAR)
    assert answer.status_code == status
    if scopes is None:
        assert answer.json()["error"] == "invalid_scope"
    else:
        assert set(answer.json()["scope"].split()) == scopes


def test_a_narrowed_token_is_narrow_at_the_apis(world: World) -> None:
    """What narrowing took away is refused by the API, and not only missing from `scope`."""
    answer = world.refresh(world.mint(f"{CALENDAR} {DRIVE}"), scope=CALENDAR).json()
    assert world.api("GET", "/drive/v3/files", answer["access_token"]).status_code == 403


def test_a_larger_scope_is_invalid(world: World) -> None:
    """A refresh for more than was granted answers `invalid_scope` and names the excess."""
    answer = world.refresh(world.mint(CALENDAR), scope=f"{CALENDAR} {DRIVE}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert f"invalid=[{DRIVE}]" in answer.json()["error_description"]


def test_two_clients_of_a_project_share_the_digits_before_the_dash(world: World) -> None:
    """A client id names its Cloud project."""
    sibling = world.google.clients.create(project="111122223333")
    assert sibling.client_id.startswith("111122223333-")
    assert sibling.client_id.endswith(".apps.googleusercontent.com")


def test_a_client_has_a_document_to_download(world: World) -> None:
    """`client_secret.json` has the members that Google's has; over HTTP it names the sandbox."""
    document = world.google.clients.document(world.client)["web"]
    assert document["client_secret"] == world.client.secrets[0]
    assert document["token_uri"] == "https://oauth2.googleapis.com/token"
    path = f"/sandbox/clients/{world.client.client_id}/client_secret.json"
    assert world.http.get(world.url + path).json()["web"]["token_uri"] == f"{world.url}/token"


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/callback",
        "https://192.0.2.1/callback",
        "https://user@app.example.com/callback",
        "https://app.example.com/a/../callback",
        "https://app.example.com/callback#part",
        "https://*.example.com/callback",
        "https://app.example.com/go?to=https://evil.example.com",
        "https://intranet/callback",
        "https://app.local/callback",
        "ftp://localhost/callback",
    ],
)
def test_redirect_uris_that_google_refuses_are_refused(world: World, uri: str) -> None:
    """Registration follows Google's rules for redirect URIs."""
    with pytest.raises(ValueError, match="is refused"):
        world.google.clients.create(redirect_uris=[uri])


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/callback?x=1",
        "http://localhost:8080/",
        "http://127.0.0.1:9/cb",
        "http://[::1]:9/cb",
    ],
)
def test_redirect_uris_that_google_takes_are_taken(world: World, uri: str) -> None:
    """A URI with https is taken anywhere, one with http on loopback."""
    assert world.google.clients.create(redirect_uris=[uri]).redirect_uris == (uri,)
