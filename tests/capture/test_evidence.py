"""What the tokens of a login prove, and what of an adapter's word is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import convert

from bridge.capture.wire import Login
from bridge.config.keys import generate, read_keys, write_keys
from bridge.errors import BridgeError
from bridge.google.id_token import CLOCK_SKEW
from bridge.model import UNKNOWN_TIME, Source, State
from bridge.sandbox.records import TokenAnswer
from tests.capture.idp import Idp
from tests.kit import CALENDAR, DAY, HOUR, World, token_fields

CLAIMED = ("access_token", "refresh_token")


def _claims_only(tokens: TokenAnswer) -> dict[str, Any]:
    return {name: value for name, value in token_fields(tokens).items() if name in CLAIMED}


# Google's keys


def test_an_id_token_is_checked_later_while_googles_keys_are_away(
    bridge_world: World, idp: Idp
) -> None:
    """A capture during Google's outage waits, and is claimed with what its ID token says."""
    tokens = idp.sign_in(iat=idp.now - 30)
    bridge_world.google.interference.set_down("503")
    answer = bridge_world.hook(idp.capture(tokens, obtained_at=None))
    assert answer == {"result": "captured", "reason": "id_token_unchecked"}
    assert bridge_world.hook(idp.bind()) == {"result": "waiting"}
    assert bridge_world.grants_of("u1") == []

    bridge_world.google.interference.set_down(None)
    bridge_world.clock.advance(60)
    bridge_world.services.upkeep.rare()

    token = idp.only()
    assert token.mark in idp.marks(tokens)
    assert token.account_proven
    assert abs(token.time - (idp.now - 90)) <= 2
    assert bridge_world.grant_of("u1").account.email == idp.account.email


def test_a_login_during_googles_outage_is_captured(bridge_world: World, idp: Idp) -> None:
    """A login needs no key of Google's: its refresh token proves itself at the first refresh."""
    bridge_world.google.interference.set_down("503")
    tokens = idp.sign_in()
    assert bridge_world.hook(idp.login(tokens))["result"] == "captured"
    assert not idp.only().account_proven

    bridge_world.google.interference.set_down(None)

    assert bridge_world.read("u1", CALENDAR).account.sub == idp.account.sub


def test_an_id_token_of_a_retired_key_does_not_contradict(bridge_world: World, idp: Idp) -> None:
    """A message that waited for longer than Google keeps its keys is no forgery: it is captured."""
    tokens = idp.sign_in()
    bridge_world.google.rotate_keys()
    bridge_world.google.rotate_keys()  # it publishes the one before
    bridge_world.clock.advance(30 * DAY)

    assert bridge_world.hook(idp.login(tokens))["result"] == "captured"
    assert not idp.only().account_proven


def test_an_id_token_from_ahead_of_our_clock_is_checked_later(
    bridge_world: World, idp: Idp
) -> None:
    """While our clock is slow, a good ID token is kept, and is claimed when the clock is right."""
    tokens = idp.sign_in(iat=idp.now + HOUR)
    assert bridge_world.hook(idp.capture(tokens))["reason"] == "id_token_unchecked"
    bridge_world.hook(idp.bind())

    bridge_world.clock.advance(HOUR)
    bridge_world.services.upkeep.rare()

    assert idp.held() == idp.marks(tokens)


def test_a_forged_id_token_contradicts(bridge_world: World, idp: Idp) -> None:
    """An ID token whose signature does not hold keeps its refresh token apart."""
    tokens = token_fields(idp.sign_in())
    head, body, _ = tokens["id_token"].split(".")
    forged = tokens | {"id_token": f"{head}.{body}.{'A' * 342}"}

    assert bridge_world.hook(idp.login(None, tokens=forged))["result"] == "quarantined"
    assert bridge_world.grants_of("u1") == []


# Time


def test_the_id_token_tells_the_time(bridge_world: World, idp: Idp) -> None:
    """Google's `iat` counts, not what the adapter tells."""
    iat = idp.now - 500
    bridge_world.hook(idp.login(idp.sign_in(iat=iat), obtained_at=idp.now))
    assert idp.only().time == iat


def test_without_an_id_token_the_message_tells_the_time(bridge_world: World, idp: Idp) -> None:
    """The adapter's `obtained_at` is the second best."""
    then = idp.now - 500
    message = idp.login(None, tokens=_claims_only(idp.sign_in()), obtained_at=then)
    bridge_world.hook(message)
    assert idp.only().time == then


def test_an_unknown_time_is_the_oldest(bridge_world: World, idp: Idp) -> None:
    """A token of which nobody knows the time is older than every other, and tried last."""
    newer = idp.sign_in()
    bridge_world.hook(idp.login(newer))
    message = idp.login(None, tokens=_claims_only(idp.sign_in()), obtained_at=None)
    bridge_world.hook(message)

    times = [token.time for token in bridge_world.grant_of("u1").candidates]

    assert times[0] > times[1] == UNKNOWN_TIME


def test_a_time_from_the_future_is_not_believed(bridge_world: World, idp: Idp) -> None:
    """An adapter whose clock is years ahead cannot date a token beyond later revocations."""
    ahead = idp.now + 3650 * DAY
    message = idp.login(None, tokens=_claims_only(idp.sign_in()), obtained_at=ahead)
    bridge_world.hook(message)
    assert idp.only().time <= idp.now + CLOCK_SKEW


def test_googles_lifetime_of_a_refresh_token_is_kept(bridge_world: World, idp: Idp) -> None:
    """`refresh_token_expires_in` stays with the token, to explain its death later."""
    tokens = token_fields(idp.sign_in()) | {"refresh_token_expires_in": 604799}
    bridge_world.hook(idp.login(None, tokens=tokens))
    assert (idp.only().lifetime, idp.only().source) == (604799, Source.CAPTURE)


# Clients and accounts


def test_a_client_that_is_not_configured_blocks_its_grant(bridge_world: World, idp: Idp) -> None:
    """A token of an unknown client is kept, blocked, and no other grant is touched."""
    bridge_world.grant("u1", account=idp.account)
    stranger = bridge_world.google.clients.create(project="999999999999")
    tokens = idp.sign_in(client=stranger)

    answer = bridge_world.hook(idp.login(tokens, client_id=stranger.client_id))

    assert answer["result"] == "captured"
    blocked, served = sorted(
        bridge_world.grants_of("u1"), key=lambda g: g.state is not State.BLOCKED
    )
    assert (blocked.state, blocked.reason) == (State.BLOCKED, "wrong_client")
    assert {token.mark for token in blocked.tokens} == idp.marks(tokens)
    assert served.state is State.UNVERIFIED


def test_a_forged_account_never_displaces_a_live_grant(bridge_world: World, idp: Idp) -> None:
    """Another account's refresh token, sent as this one's, falls at its first refresh."""
    bridge_world.grant("u1", account=idp.account)
    served = bridge_world.read("u1", CALENDAR)
    foreign = idp.sign_in(account=bridge_world.account())
    bridge_world.hook(idp.login(None, tokens=_claims_only(foreign)))
    bridge_world.clock.advance(2 * HOUR)

    again = bridge_world.read("u1", CALENDAR)

    assert again.grant == served.grant
    assert again.account.sub == idp.account.sub
    assert bridge_world.google.owner(again.access_token.reveal())[0] == idp.account.sub
    assert idp.held().isdisjoint(idp.marks(foreign))


def test_labels_that_are_not_told_are_kept(bridge_world: World, idp: Idp) -> None:
    """A login that tells no email leaves the one that is known."""
    bridge_world.hook(idp.login(idp.sign_in()))
    bridge_world.hook(idp.login(None, account={"sub": idp.account.sub}))
    assert bridge_world.grant_of("u1").account.email == idp.account.email


# Encrypted tokens


def test_tokens_for_an_unknown_key_are_taken_once_the_key_is_there(
    bridge_world: World, idp: Idp
) -> None:
    """A JWE for a key that this bridge lacks is refused as such, and taken when it has the key."""
    present = read_keys(bridge_world.key_file)
    coming = generate(bridge_world.clock.now()).hook_keys
    public = json.loads(coming[0].jwk.reveal())
    del public["d"]
    tokens = idp.sign_in()
    message = idp.login(None, tokens_jwe=idp.sealed(tokens, public))
    refused = bridge_world.post_hook(message, message_id="m1")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "key_unavailable")
    assert bridge_world.grants_of("u1") == []

    hook_keys = (*present.hook_keys, *coming)
    write_keys(
        bridge_world.key_file, type(present)(present.record_keys, present.hash_keys, hook_keys)
    )
    assert bridge_world.services.upkeep.reload_keys()

    assert bridge_world.hook(message, message_id="m1")["result"] == "captured"
    assert idp.held() == idp.marks(tokens)


def test_tokens_are_sealed_to_the_published_keys(bridge_world: World, idp: Idp) -> None:
    """An adapter that encrypts to the first key of the JWKS is understood."""
    [key] = bridge_world.http.get("/.well-known/jwks.json").get_json()["keys"]
    assert (key["use"], key["alg"]) == ("enc", "ECDH-ES")
    tokens = idp.sign_in()

    bridge_world.hook(idp.login(None, tokens_jwe=idp.sealed(tokens, key)))

    assert idp.held() == idp.marks(tokens)


@pytest.mark.parametrize(
    "changed", [{"tenant": "globex"}, {"sub": "42"}, {"extra": 1}, {"tokens": [[[]]]}]
)
def test_tokens_of_another_principal_are_not_swapped_in(
    bridge_world: World, idp: Idp, changed: dict[str, Any]
) -> None:
    """Encrypted tokens name their tenant and account; in another's message they are refused."""
    [key] = bridge_world.http.get("/.well-known/jwks.json").get_json()["keys"]
    tokens = idp.sign_in()

    refused = bridge_world.post_hook(idp.login(None, tokens_jwe=idp.sealed(tokens, key, **changed)))

    assert (refused.status_code, refused.get_json()["field"]) == (400, "tokens_jwe")
    assert str(tokens.refresh_token) not in refused.text


# Profiles


def test_a_profile_comes_back_without_what_was_just_captured(bridge_world: World, idp: Idp) -> None:
    """Tokens are struck from a profile by their value too, wherever an IdP has put them."""
    tokens = idp.sign_in()
    profile = {
        "name": "Ann",
        "notes": f"kept {tokens.refresh_token} here",
        "identities": [{"provider": "google", "at": tokens.access_token}],
        "claims": {"raw": tokens.id_token, "age": 41},
    }

    answer = bridge_world.hook(idp.login(tokens, profile=profile))

    text = json.dumps(answer)
    for secret in (tokens.refresh_token, tokens.access_token, tokens.id_token):
        assert str(secret) not in text
    assert answer["profile"]["name"] == "Ann"
    assert answer["profile"]["claims"]["age"] == 41


def test_a_quarantined_logins_profile_is_stripped_too(bridge_world: World, idp: Idp) -> None:
    """A contradicted login still gets its profile without tokens."""
    tokens = idp.sign_in(account=bridge_world.account())
    answer = bridge_world.hook(idp.login(tokens, profile={"note": tokens.refresh_token, "n": 1}))
    assert answer["result"] == "quarantined"
    assert str(tokens.refresh_token) not in json.dumps(answer)
    assert answer["profile"]["n"] == 1


# Bad input


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "a\0b"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"account": {"sub": "1\n"}}, "account.sub"),
        ({"obtained_at": 10**15}, "obtained_at"),
        ({"tokens": {"refresh_token_expires_in": 10**30}}, "tokens.refresh_token_expires_in"),
        ({"tokens": {"refresh_token": 5}}, "tokens.refresh_token"),
        ({"tokens": {"refresh_token": "x" * 513}}, "tokens.refresh_token"),
        ({"tokens_jwe": ""}, "tokens_jwe"),
        ({"tokens_jwe": "a.b.c.d.e"}, "tokens_jwe"),
        ({"tokens_jwe": "x" * 70000}, "tokens_jwe"),
        ({"login": {"id": "1", "scopes": ["x"] * 101}}, "login.scopes"),
    ],
)
def test_a_field_at_fault_is_named(
    bridge_world: World, idp: Idp, change: dict[str, Any], field: str
) -> None:
    """A wrong value is the sender's to mend: 400, and the field's name."""
    refused = bridge_world.post_hook(idp.login(None) | change)
    assert refused.status_code == 400
    assert refused.get_json()["field"] == field


@pytest.mark.parametrize("member", ["profile", "tokens", "login"])
def test_a_body_nested_without_end_is_refused(bridge_world: World, idp: Idp, member: str) -> None:
    """A hundred thousand brackets are bad input, and no fault of the bridge."""
    message = idp.login(None) | {member: "HERE"}
    body = json.dumps(message).replace('"HERE"', "[" * 100_000 + "]" * 100_000)
    assert bridge_world.post_hook(body.encode()).status_code == 400


@pytest.mark.parametrize("depth", [50, 200, 900])
def test_a_profile_nested_deep_is_answered(bridge_world: World, idp: Idp, depth: int) -> None:
    """A profile is stripped, or refused as nested too deep; never is it a fault of the bridge."""
    nested = "[" * depth + "]" * depth
    message = json.dumps(idp.login(None) | {"profile": "HERE"}).replace('"HERE"', nested)
    assert bridge_world.post_hook(message.encode()).status_code in (200, 400)


def test_an_errors_text_holds_no_token(bridge_world: World, idp: Idp) -> None:
    """A refresh token in a wrong place, also as a field's name, is not repeated by the answer."""
    token = str(idp.sign_in().refresh_token)
    for change in ({token: 1}, {"type": token}, {"tokens": token}, {"account": {token: 1}}):
        refused = bridge_world.post_hook(idp.login(None) | change)
        assert refused.status_code == 400
        assert token[3:] not in refused.text


def test_an_error_about_encrypted_tokens_leads_to_none(bridge_world: World, idp: Idp) -> None:
    """The exception behind a refused JWE has no cause to be traced into, and no token in it."""
    [key] = bridge_world.http.get("/.well-known/jwks.json").get_json()["keys"]
    message = idp.login(None, tokens_jwe=idp.sealed(idp.sign_in(), key, tokens="1//secret"))

    with pytest.raises(BridgeError) as raised:
        bridge_world.services.hook.planner.examiner.examine(convert(message, Login), idp.now)

    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert "1//secret" not in repr(raised.value)
