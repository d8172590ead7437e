"""Rows of "Cross-Account Protection": what the transmitter sends, and what it makes of answers."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import get_args

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.sandbox.security_event import EventType, Flaw, SecurityEvent
from tests.sandbox.conftest import World

RISC = "https://schemas.openid.net/secevent/risc/event-type/"
OAUTH = "https://schemas.openid.net/secevent/oauth/event-type/"


class Receiver(HTTPServer):
    """Keeps what is posted to it, and answers with the next of its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.received: list[tuple[str, str, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/risc?tenant=a"


class _Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, self.headers["Content-Type"], body))
        status, answer = self.server.answers.pop(0) if self.server.answers else (202, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing."""


@pytest.fixture
def receiver(world: World) -> Iterator[Receiver]:
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        world.google.risc.configure(running.url)
        yield running
        running.shutdown()
        thread.join()


def event(world: World, **changes: object) -> SecurityEvent:
    fields: dict[str, object] = {
        "type": "sessions-revoked",
        "audience": (world.client.client_id,),
        "sub": world.account.sub,
        "email": world.account.email,
    }
    return SecurityEvent(**{**fields, **changes})  # type: ignore[arg-type]  # any field, by name


def claims_of(world: World, token: str) -> dict[str, object]:
    configuration = world.http.get(world.endpoints["risc_configuration"]).json()
    keys = KeySet.import_key_set(world.http.get(configuration["jwks_uri"]).json())
    return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)


def test_the_configuration_names_issuer_and_keys(world: World) -> None:
    """The RISC configuration document has Google's issuer and our key URL."""
    found = world.http.get(world.endpoints["risc_configuration"]).json()
    assert found["issuer"] == "https://accounts.google.com/"
    assert found["jwks_uri"] == world.endpoints["certs"]


def test_an_event_is_posted_as_one_compact_jwt(world: World, receiver: Receiver) -> None:
    """The receiver gets a signed token of the right media type, and its answer is reported."""
    delivery = world.google.risc.send(event(world))
    path, media_type, body = receiver.received[0]
    assert (path, media_type, body) == (
        "/risc?tenant=a",
        "application/secevent+jwt",
        delivery.token,
    )
    assert (delivery.status, delivery.body, delivery.accepted) == (202, "", True)
    claims = claims_of(world, body)
    assert claims["aud"] == world.client.client_id
    assert claims["jti"] == delivery.jti
    assert "exp" not in claims


@pytest.mark.parametrize("kind", get_args(EventType))
def test_each_event_type_has_its_uri(world: World, kind: EventType) -> None:
    """Token events are of the OAuth namespace, the others of RISC's."""
    token = world.google.risc.token(event(world, type=kind))
    events = claims_of(world, token)["events"]
    base = OAUTH if kind in {"tokens-revoked", "token-revoked"} else RISC
    assert isinstance(events, dict)
    assert list(events) == [base + kind]


def payload(world: World, **changes: object) -> dict[str, object]:
    events = claims_of(world, world.google.risc.token(event(world, **changes)))["events"]
    assert isinstance(events, dict)
    (only,) = events.values()
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("reason", ["hijacking", "bulk-account"])
def test_a_disabled_account_has_a_reason(world: World, reason: str) -> None:
    """`account-disabled` tells why."""
    assert payload(world, type="account-disabled", reason=reason)["reason"] == reason


def test_a_verification_carries_its_state(world: World) -> None:
    """`verification` has a state and no subject."""
    assert payload(world, type="verification", state="abc") == {"state": "abc"}


@pytest.mark.parametrize("slash", [True, False])
def test_the_issuer_comes_with_and_without_a_slash(world: World, *, slash: bool) -> None:
    """Both forms occur, in the token and in its subject."""
    token = world.google.risc.token(event(world, issuer_slash=slash))
    issuer = "https://accounts.google.com" + ("/" if slash else "")
    assert claims_of(world, token)["iss"] == issuer
    assert payload(world, issuer_slash=slash)["subject"] == {
        "subject_type": "iss-sub",
        "iss": issuer,
        "sub": world.account.sub,
    }


def test_a_subject_can_be_id_token_claims(world: World) -> None:
    """The form `id_token_claims` has the email too."""
    subject = payload(world, subject_form="id_token_claims")["subject"]
    assert isinstance(subject, dict)
    assert subject["subject_type"] == "id_token_claims"
    assert (subject["sub"], subject["email"]) == (world.account.sub, world.account.email)


def test_a_token_is_named_by_its_prefix(world: World) -> None:
    """The algorithm `prefix` is the first 16 characters."""
    token = world.mint()
    subject = payload(
        world,
        type="token-revoked",
        subject_form="oauth_token",
        refresh_token=token,
        token_algorithm="prefix",
    )["subject"]
    assert subject == {
        "subject_type": "oauth_token",
        "token_type": "refresh_token",
        "token_identifier_alg": "prefix",
        "token": token[:16],
    }


def test_a_token_is_named_by_its_double_hash(world: World) -> None:
    """The other algorithm is base64 of SHA-512 of the raw SHA-512."""
    token = world.mint()
    subject = payload(world, type="token-revoked", subject_form="oauth_token", refresh_token=token)[
        "subject"
    ]
    inner = hashlib.sha512(token.encode()).digest()
    assert isinstance(subject, dict)
    assert subject["token_identifier_alg"] == "hash_base64_sha512_sha512"
    assert subject["token"] == base64.b64encode(hashlib.sha512(inner).digest()).decode()


UNVERIFIABLE = {"unknown_key", "bad_signature", "hs256", "unsigned", "not_a_jwt"}


@pytest.mark.parametrize("flaw", get_args(Flaw))
def test_each_flaw_breaks_what_it_says(world: World, flaw: Flaw) -> None:
    """Broken signatures do not verify; broken contents verify and lack or lie."""
    token = world.google.risc.token(event(world, flaw=flaw))
    if flaw in UNVERIFIABLE:
        with pytest.raises((JoseError, ValueError)):
            claims_of(world, token)
        return
    claims = claims_of(world, token)
    wrong = {
        "wrong_issuer": not str(claims["iss"]).startswith("https://accounts.google.com"),
        "wrong_audience": claims["aud"] != world.client.client_id,
        "no_jti": "jti" not in claims,
        "no_events": "events" not in claims,
        "unknown_event": "sessions-revoked" not in str(claims.get("events")),
    }
    assert [name for name, is_so in wrong.items() if is_so and name != "unknown_event"] == (
        [] if flaw == "unknown_event" else [flaw]
    )
    assert wrong["unknown_event"] == (flaw in {"unknown_event", "no_events"})


def test_a_refusal_is_reported_and_not_repeated(world: World, receiver: Receiver) -> None:
    """A 400 is final, and its body is in the report."""
    receiver.answers = [(400, b'{"err":"invalid_key"}')]
    delivery = world.google.risc.send(event(world), attempts=3)
    assert (delivery.status, delivery.body, delivery.attempts) == (
        400,
        '{"err":"invalid_key"}',
        1,
    )


def test_retries_are_limited(world: World, receiver: Receiver) -> None:
    """A failing receiver is tried as often as told, always with the same token."""
    receiver.answers = [(503, b""), (503, b""), (202, b"")]
    assert world.google.risc.send(event(world), attempts=2).status == 503
    assert world.google.risc.send(event(world), attempts=2).attempts == 1
    assert receiver.received[0] == receiver.received[1]


def test_an_event_can_come_twice_and_late(world: World, receiver: Receiver) -> None:
    """The same `jti` and an old `iat` can be sent on purpose."""
    for _ in range(2):
        world.google.risc.send(event(world, jti="j1", iat=1_000_000_000))
    claims = [claims_of(world, body) for _, _, body in receiver.received]
    assert [(c["jti"], c["iat"]) for c in claims] == [("j1", 1_000_000_000)] * 2


def test_a_receiver_that_is_not_there_is_reported(world: World) -> None:
    """No answer is status 0; no receiver at all is refused."""
    with pytest.raises(ValueError, match="no receiver"):
        world.google.risc.send(event(world))
    world.google.risc.configure("http://127.0.0.1:1/risc")
    assert world.google.risc.send(event(world)).status == 0


def test_events_are_sent_through_the_control_api(world: World, receiver: Receiver) -> None:
    """The control API sends, reports and lists."""
    body = {
        "type": "account-disabled",
        "reason": "hijacking",
        "account": world.account.email,
        "audience": [world.client.client_id],
    }
    sent = world.http.post(world.url + "/sandbox/risc/events", json=body).json()
    listed = world.http.get(world.url + "/sandbox/risc/deliveries").json()["deliveries"]
    assert (sent["status"], listed) == (202, [sent])
    assert receiver.received[0][2] == sent["token"]
