"""The control API: every route, and what it says to mistakes."""

from __future__ import annotations

from typing import Any

import jwt as pyjwt
import pytest

from tests.sandbox.conftest import CALENDAR, DRIVE, MAIL, World


def control(world: World, method: str, path: str, **body: object) -> Any:
    answer = world.http.request(method, f"{world.url}/sandbox/{path}", json=body or None)
    assert answer.status_code < 300, answer.text
    return answer.json()


def test_accounts_are_created_and_listed(world: World) -> None:
    """An account can be given all of its fields, or none."""
    given = {"email": "w@corp.example", "sub": "42", "hd": "corp.example", "name": "W"}
    made = control(world, "POST", "accounts", **given)
    assert (made["sub"], made["kind"]) == ("42", "workspace")
    bare = control(world, "POST", "accounts")
    assert bare["kind"] == "consumer"
    world.google.accounts.sign_in("42")
    listed = control(world, "GET", "accounts")["accounts"]
    assert [account["signed_in"] for account in listed] == [False, True, False]


def test_an_account_taken_is_refused(world: World) -> None:
    """No two accounts share an address."""
    answer = world.http.post(world.url + "/sandbox/accounts", json={"email": "ANN@gmail.com"})
    assert answer.status_code == 400
    assert "exists" in answer.json()["detail"]


def test_an_address_can_move_but_not_be_shared(world: World) -> None:
    """A rename frees the old address and refuses one that is taken."""
    bob = world.google.accounts.create("bob@gmail.com")
    with pytest.raises(ValueError, match="exists"):
        world.google.accounts.rename(bob, "Ann@gmail.com")
    world.google.accounts.rename(bob, "rob@gmail.com")
    assert world.google.accounts.find("ROB@gmail.com") is bob
    assert world.google.accounts.find("bob@gmail.com") is None


def act(world: World, name: str, **body: object) -> Any:
    return control(world, "POST", f"accounts/ann@gmail.com/{name}", **body)


def test_accounts_can_be_acted_upon(world: World) -> None:
    """Each act of the state object has its route."""
    mail = world.mint(MAIL)
    act(world, "sign-in")
    assert world.google.accounts.signed_in() == [world.account]
    act(world, "sign-out")
    assert world.google.accounts.signed_in() == []
    assert act(world, "suspend")["status"] == "suspended"
    assert act(world, "restrict")["status"] == "restricted"
    assert act(world, "restore")["status"] == "active"
    act(world, "change-password")
    assert world.refresh(mail).status_code == 400
    assert act(world, "block-scopes", scopes=[DRIVE])["blocked_scopes"] == [DRIVE]
    assert act(world, "block-scopes")["blocked_scopes"] == ["*"]
    assert act(world, "block-scopes", scopes=[])["blocked_scopes"] == []
    act(world, "require-reauth", subtype="rapt_required")
    assert world.account.reauth_subtype == "rapt_required"
    assert act(world, "protect")["advanced_protection"] is True
    assert act(world, "protect", on=False)["advanced_protection"] is False
    assert act(world, "rename", email="a@gmail.com")["email"] == "a@gmail.com"
    assert control(world, "POST", "accounts/a@gmail.com/delete")["status"] == "deleted"


def test_clients_are_created_listed_and_acted_upon(world: World) -> None:
    """A client can be given all of its fields, and each act has its route."""
    made = control(
        world,
        "POST",
        "clients",
        client_id="5-x.apps.googleusercontent.com",
        client_secret="s",
        redirect_uris=["https://a.example.com/cb"],
        publishing="testing",
        internal_domain="corp.example",
        test_users=["ann@gmail.com"],
    )
    assert (made["project"], made["client_secret"], made["status"]) == ("5", "s", "active")
    path = f"clients/{made['client_id']}/"
    assert control(world, "POST", path + "publish")["publishing"] == "production"
    uris = ["https://b.example.com/cb"]
    changed = control(world, "POST", path + "redirect-uris", redirect_uris=uris)
    assert changed["redirect_uris"] == uris
    assert control(world, "POST", path + "test-users")["test_users"] is None
    assert control(world, "POST", path + "internal")["internal_domain"] is None
    assert control(world, "POST", path + "disable")["status"] == "disabled"
    assert control(world, "POST", path + "delete")["status"] == "deleted"
    assert control(world, "POST", path + "restore")["status"] == "active"
    assert control(world, "POST", path + "rotate-secret", secret="t")["client_secret"] == "t"
    assert len(control(world, "GET", "clients")["clients"]) == 2


def test_a_login_takes_what_an_idp_would_decide(world: World) -> None:
    """Nonce, `iat`, unticked scopes and lifetime show in the token response."""
    answer = control(
        world,
        "POST",
        "login",
        account="ann@gmail.com",
        client=world.client.client_id,
        scopes=["openid", CALENDAR, DRIVE],
        unticked=[DRIVE],
        nonce="n1",
        iat=1_700_000_000,
        lifetime=60,
    )
    claims = pyjwt.decode(answer["id_token"], options={"verify_signature": False})
    assert (claims["nonce"], claims["iat"]) == ("n1", 1_700_000_000)
    assert set(answer["scope"].split()) == {"openid", CALENDAR}
    assert answer["refresh_token_expires_in"] == 60


def test_a_login_follows_the_rules_of_consent(world: World) -> None:
    """The second login has no RT unless consent is forced, and a policy refuses it."""
    fields = {"account": world.account.sub, "client": world.client.client_id, "scopes": CALENDAR}
    assert "refresh_token" in control(world, "POST", "login", **fields)
    assert "refresh_token" not in control(world, "POST", "login", **fields)
    assert "refresh_token" in control(world, "POST", "login", **fields, prompt="consent")
    online = control(world, "POST", "login", **fields, prompt="consent", offline=False)
    assert "refresh_token" not in online
    world.google.accounts.block_scopes(world.account)
    refused = world.http.post(world.url + "/sandbox/login", json=fields)
    assert (refused.status_code, refused.json()["error"]) == (400, "admin_policy_enforced")


def test_refresh_tokens_are_minted_listed_killed_and_lost(world: World) -> None:
    """The routes on RTs do what the methods do."""
    who = {"account": world.account.sub, "client": world.client.client_id}
    minted = [
        control(world, "POST", "refresh-tokens", **who, scopes=CALENDAR)["refresh_token"]
        for _ in range(3)
    ]
    path = f"refresh-tokens?account={world.account.sub}"
    listed = control(world, "GET", path)["refresh_tokens"]
    assert [token["refresh_token"] for token in listed] == minted
    killed = control(world, "POST", "refresh-tokens/kill", **who, refresh_token=minted[0])
    assert killed == {"killed": 1}
    lost = control(world, "POST", "refresh-tokens/lose", refresh_token=minted[1])
    assert lost == {"lost": True}
    control(world, "POST", "revoke-as-user", **who)
    assert control(world, "GET", path)["refresh_tokens"] == []


def test_faults_and_holds_are_listed_and_dropped(world: World) -> None:
    """What was put in force can be seen and taken back, one by one or all."""
    assert "invalid_rapt" in control(world, "GET", "answers")["answers"]
    fault = control(world, "POST", "faults", endpoint="token", status=418, body="x", times=None)
    assert world.refresh(world.mint()).status_code == 418
    (listed,) = control(world, "GET", "faults")["faults"]
    assert (listed["id"], listed["given"], listed["left"]) == (fault["id"], 1, None)
    assert control(world, "DELETE", f"faults/{fault['id']}") == {"cleared": 1}
    hold = control(world, "POST", "holds", endpoint="token", seconds=0.01)
    world.refresh(world.mint())
    (held,) = control(world, "GET", "holds")["holds"]
    assert (held["id"], held["total"]) == (hold["id"], 1)
    assert control(world, "DELETE", "holds") == {"released": 1}
    retry = control(world, "POST", "faults", answer="rate_limit_exceeded", retry_after=9)
    assert retry["endpoint"] is None
    assert world.refresh(world.mint()).headers["Retry-After"] == "9"


def test_time_options_and_keys_are_set(world: World) -> None:
    """The clock goes on, options change, and keys rotate."""
    before = control(world, "GET", "clock")["now"]
    assert control(world, "POST", "clock/advance", seconds=100)["now"] >= before + 100
    assert control(world, "PATCH", "options", narrowing="refused")["narrowing"] == "refused"
    assert control(world, "GET", "options")["narrowing"] == "refused"
    kid = control(world, "POST", "keys/rotate")["kid"]
    assert kid == world.http.get(world.endpoints["certs"]).json()["keys"][0]["kid"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("narrow", "honoured"),
        ("narrowing", "maybe"),
        ("expires_in", "3599"),
        ("expires_in", None),
        ("expires_in", -1),
        ("expires_in", True),
        ("rotate_refresh_tokens", 1),
    ],
)
def test_wrong_options_are_refused_by_name(world: World, option: str, value: object) -> None:
    """An unknown option and a value of the wrong kind are named, and change nothing."""
    before = control(world, "GET", "options")
    answer = world.http.patch(world.url + "/sandbox/options", json={option: value})
    assert answer.status_code == 400
    assert repr(option) in answer.json()["detail"]
    assert control(world, "GET", "options") == before


def test_users_data_can_be_put_in_place(world: World) -> None:
    """A message arrives and a file appears."""
    message = control(world, "POST", "messages", account="ann@gmail.com")
    made = control(world, "POST", "files", account="ann@gmail.com", name="Plan")
    assert world.google.workspace.messages(world.account.sub) == [message]
    assert world.google.workspace.files(world.account.sub) == [made]


def test_counters_are_told_and_reset(world: World) -> None:
    """The counters come as JSON and start anew."""
    world.refresh(world.mint())
    world.consent()
    stats = control(world, "GET", "stats")
    assert (stats["refreshes"], stats["in_flight"]) == (1, 0)
    assert stats["token_calls"][0]["outcome"] == "ok"
    assert stats["consent_screens"][0]["sub"] == world.account.sub
    control(world, "DELETE", "stats")
    assert control(world, "GET", "stats")["endpoints"] == {}


def test_a_reset_forgets_everything(world: World) -> None:
    """Accounts, clients, tokens, faults, options and time are as at the start."""
    token = world.mint()
    world.google.configure(expires_in=1)
    world.google.inject("token", "server_error", times=None)
    control(world, "POST", "reset")
    assert control(world, "GET", "accounts")["accounts"] == []
    assert control(world, "GET", "faults")["faults"] == []
    assert control(world, "GET", "options")["expires_in"] == 3599
    assert world.refresh(token).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("accounts", {"mail": "x"}, "'mail'"),
        ("accounts", {"email": 5}, "'email'"),
        ("accounts", {"kind": "robot"}, "'kind'"),
        ("accounts/ann@gmail.com/fly", {}, "sign-in"),
        ("clients", {"redirect_uris": ["http://a.example.com/"]}, "https"),
        ("clients", {"redirect_uris": [1]}, "'redirect_uris'"),
        ("login", {"account": "ann@gmail.com"}, "'client'"),
        ("faults", {"answer": "oops"}, "'oops'"),
        ("holds", {"seconds": "long"}, "'seconds'"),
        ("clock/advance", {}, "'seconds'"),
        ("risc/events", {"audience": ["x"]}, "'type'"),
    ],
)
def test_mistakes_are_named(world: World, path: str, body: object, told: str) -> None:
    """A bad control request answers 400 and names the field or the choices."""
    answer = world.http.post(f"{world.url}/sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


def test_what_is_no_object_is_refused(world: World) -> None:
    """A body that is no JSON object answers 400."""
    for body in ("[]", "{", "5"):
        assert world.http.post(world.url + "/sandbox/accounts", data=body).status_code == 400


def test_the_unknown_is_not_found(world: World) -> None:
    """An account or client that is not there answers 404."""
    assert world.http.post(world.url + "/sandbox/accounts/nobody/suspend").status_code == 404
    assert world.http.post(world.url + "/sandbox/clients/none/disable").status_code == 404


def test_secrets_do_not_show_in_reprs(world: World) -> None:
    """Records print without tokens and client secrets."""
    answer = world.google.login(world.account, world.client, "openid")
    shown = repr([answer, world.client, world.google.refresh_tokens(world.account)])
    secrets = [answer.refresh_token, answer.access_token, answer.id_token, world.client.secrets[0]]
    assert not any(secret is None or secret in shown for secret in secrets)
