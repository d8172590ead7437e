"""`bridge doctor google` and `bridge doctor`, on a sandbox Google and an unreachable one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from bridge.cli.doctor.google_facts import Redirect, read_authorization
from tests.kit import CALENDAR, SIGN_IN, World, token_fields

Run = Callable[..., Result]
CALLBACK = "http://localhost:8600/oauth/callback"


@pytest.fixture
def world(bridge_world: World) -> World:
    """A bridge whose clients know its redirect URI."""
    for client in (bridge_world.client, bridge_world.data_client, bridge_world.other_client):
        bridge_world.google.clients.set_redirect_uris(client, [CALLBACK])
    return bridge_world


@pytest.fixture
def report(world: World, run: Run) -> Callable[[], Any]:
    """Examine Google's side."""

    def report() -> Any:
        result = run("doctor", "google", "--json")
        found = json.loads(result.stdout)
        assert result.exit_code == (0 if found["ok"] else 1)
        return found

    return report


def told(found: Any) -> list[tuple[str, str]]:
    """Return check and level of each finding."""
    return [(finding["check"], finding["level"]) for finding in found["findings"]]


def test_clients_that_google_takes_are_well(world: World, report: Callable[[], Any]) -> None:
    """Every client of every tenant is asked about; nothing is found."""
    found = report()
    assert (found["ok"], found["findings"]) == (True, [])
    assert found["clock_ahead_s"] == pytest.approx(0, abs=3)
    asked = {(client["tenant"], client["client_id"]) for client in found["clients"]}
    assert asked == {
        ("acme", world.client.client_id),
        ("acme", world.data_client.client_id),
        ("globex", world.other_client.client_id),
    }
    assert {client["accepted"] for client in found["clients"]} == {"yes"}
    assert {client["redirect_uri"] for client in found["clients"]} == {"known"}


def test_asking_shows_nobody_a_consent_screen(world: World, report: Callable[[], Any]) -> None:
    """Not even somebody who is signed in at Google is touched by it."""
    world.google.accounts.sign_in(world.account())
    report()
    assert not any(world.google.stats().consent_screens.values())


@pytest.mark.parametrize(
    ("breaks", "accepted", "message"),
    [
        (
            lambda world: world.google.clients.rotate_secret(world.client),
            "wrong_secret",
            "has a secret that Google does not take",
        ),
        (
            lambda world: world.google.clients.set_status(world.client, "deleted"),
            "deleted_client",
            "was deleted at Google",
        ),
        (
            lambda world: world.google.clients.set_status(world.client, "disabled"),
            "disabled_client",
            "is disabled at Google",
        ),
    ],
    ids=["secret", "deleted", "disabled"],
)
def test_a_client_that_google_refuses_is_named(
    world: World,
    report: Callable[[], Any],
    breaks: Callable[[World], object],
    accepted: str,
    message: str,
) -> None:
    """With its tenant, what is wrong, and where to mend it; the others are well."""
    breaks(world)
    found = report()
    [client] = [it for it in found["clients"] if it["accepted"] != "yes"]
    assert (client["client_id"], client["accepted"]) == (world.client.client_id, accepted)
    finding = found["findings"][0]
    assert finding["where"] == f"the client {world.client.client_id} of acme"
    assert finding["message"] == message
    assert "console.cloud.google.com/auth/clients" in finding["mend"]


def test_a_client_id_that_google_does_not_know_is_named(
    world: World, report: Callable[[], Any]
) -> None:
    """It was mistyped, or belongs to a stand-in."""
    world.config.write_text(
        world.toml().replace(world.data_client.client_id, "1-nobody.apps.googleusercontent.com")
    )
    assert told(report()) == [("client", "error"), ("redirect_uri", "warning")]


def test_a_redirect_uri_that_google_does_not_know_is_named(
    world: World, report: Callable[[], Any]
) -> None:
    """With the URI that is to be added."""
    elsewhere = "http://localhost:1/elsewhere"
    world.google.clients.set_redirect_uris(world.data_client, [elsewhere])
    found = report()
    assert told(found) == [("redirect_uri", "error")]
    assert f"add {CALLBACK}" in found["findings"][0]["mend"]


def test_an_unreachable_google_is_a_warning(world: World, report: Callable[[], Any]) -> None:
    """Nothing is known then, and nothing is claimed."""
    world.config.write_text(
        world.toml(
            base_url="http://127.0.0.1:1",
            connect_timeout_s=0.2,
            read_timeout_s=0.2,
            total_timeout_s=0.9,
        )
    )
    found = report()
    assert found["ok"] is True
    assert set(told(found)) == {
        ("clock", "warning"),
        ("client", "warning"),
        ("redirect_uri", "warning"),
    }


def test_testing_mode_is_suspected_from_the_grants(world: World, report: Callable[[], Any]) -> None:
    """Refresh tokens that end after a week are told for their client alone."""
    world.grant("ann", SIGN_IN)
    assert told(report()) == []
    world.google.clients.publish(world.client, "testing")
    bob = world.account()
    tokens = world.sign_in(bob, f"{SIGN_IN} {CALENDAR}")
    lifetime = {"refresh_token_expires_in": tokens.refresh_token_expires_in}
    world.hook(
        {
            "type": "login",
            "tenant": "acme",
            "subject": "bob",
            "account": {"sub": bob.sub, "email": bob.email},
            "client_id": world.client.client_id,
            "login": {"id": "of-bob"},
            "tokens": token_fields(tokens) | lifetime,
            "obtained_at": int(world.clock.now()),
        }
    )
    found = report()
    assert told(found) == [("testing_mode", "warning")]
    assert found["findings"][0]["where"] == f"the client {world.client.client_id} of acme"
    assert found["findings"][0]["message"].startswith("1 of its grants")


def test_no_secret_is_printed(world: World, run: Run) -> None:
    """Neither in the text nor in JSON, whatever is wrong."""
    world.google.clients.rotate_secret(world.client)
    for arguments in (("doctor", "google"), ("doctor", "google", "--json"), ("doctor",)):
        output = run(*arguments).output
        for client in (world.client, world.data_client, world.other_client):
            assert not any(secret in output for secret in client.secrets)
        assert world.secret not in output


def test_doctor_alone_examines_google(world: World, run: Run) -> None:
    """Keycloak is left out if none is named."""
    text, found = run("doctor"), json.loads(run("doctor", "--json").stdout)
    assert text.exit_code == 0
    assert "# Google" in text.stdout
    assert "# Keycloak" not in text.stdout
    assert (found["ok"], found["keycloak"], found["google"]["ok"]) == (True, None, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor", "--fix"),
        ("doctor", "--user", "ann"),
        ("doctor", "--url", "https://a"),
        ("doctor", "--url", "https://a", "--realm", "r"),
        ("doctor", "--json", "google"),
        ("doctor", "keycloak", "--url", "https://a", "--realm", "r"),
        ("doctor", "keycloak", "--url", "https://a", "--realm", "r", "--client-id", "c"),
        ("doctor", "keycloak", "--realm", "r", "--user", "ann"),
        (
            *("doctor", "keycloak", "--url", "https://a", "--realm", "r"),
            *("--user", "ann", "--client-id", "c"),
        ),
        ("import", "keycloak", "--url", "https://a", "--realm", "r", "--user", "a", "--batch", "0"),
    ],
)
def test_options_that_do_not_go_together_exit_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    """Before anybody is asked anything."""
    assert run(*arguments).exit_code == 2


def test_a_password_is_asked_for_and_not_shown(run: Run) -> None:
    """On standard error, so that `--json` stays whole."""
    named = ("--url", "http://127.0.0.1:1", "--realm", "r", "--user", "ann")
    result = run("doctor", "keycloak", *named, "--json", typed="pw-4hTq\n")
    assert "Password of ann" in result.stderr
    assert "pw-4hTq" not in result.output
    assert json.loads(result.stdout)["code"] == "upstream_unavailable"


def auth_error(text: str) -> str:
    """Return a redirect as Google makes it when it shows an error."""
    error = base64.urlsafe_b64encode(b"\n\x15" + text.encode() + b"\x12\x00").decode().rstrip("=")
    return f"https://accounts.google.com/signin/oauth/error?authError={error}&flowName=General"


@pytest.mark.parametrize(
    ("status", "location", "body", "redirect"),
    [
        (302, f"{CALLBACK}?error=interaction_required", b"", Redirect.KNOWN),
        (302, f"{CALLBACK}.evil.example/?error=login_required", b"", Redirect.UNKNOWN),
        (302, auth_error("redirect_uri_mismatch"), b"", Redirect.MISMATCH),
        (302, auth_error("invalid_client"), b"", Redirect.UNKNOWN),
        (302, auth_error("something_else"), b"", Redirect.UNKNOWN),
        (302, "https://accounts.google.com/signin/oauth/error?authError=%%", b"", Redirect.UNKNOWN),
        (302, "https://accounts.google.com/v3/signin/identifier?a=b", b"", Redirect.KNOWN),
        (302, "https://portal.example/login", b"", Redirect.UNKNOWN),
        (400, "", b"Error 400: <code>redirect_uri_mismatch</code>", Redirect.MISMATCH),
        (401, "", b"Error 401: <code>invalid_client</code>", Redirect.UNKNOWN),
        (200, "", b"<h1>Choose an account</h1>", Redirect.KNOWN),
        (500, "", b"", Redirect.UNKNOWN),
    ],
)
def test_what_the_authorization_endpoint_answers_is_read(
    status: int, location: str, body: bytes, redirect: Redirect
) -> None:
    """What is not recognised is not known."""
    assert read_authorization(status, location, body, CALLBACK) is redirect
