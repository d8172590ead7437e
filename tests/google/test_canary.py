"""Nothing that the package prints, logs, raises or leaves lying about holds a secret."""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import responses

from bridge.clock import SystemClock
from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.id_token import IdTokenInvalidError, IdTokenVerifier
from bridge.google.outcome import Refreshed
from bridge.google.transport import Transport
from bridge.secret import Secret
from tests.google.conftest import CLIENT_ID, Behaviour, Loopback, Signer, http, read_request

RT = "1//0cAnArYrEfReShToKeN-qwertzuiopasdfgh"
CLIENT_SECRET = "GOCSPX-cAnArYcLiEnTsEcReT-yxcvbnm"
ACCESS = "ya29.cAnArYaCcEsSToKeN-lkjhgfdsapoi"
CREDENTIALS = ClientCredentials(CLIENT_ID, Secret(CLIENT_SECRET))

Start = Callable[[Behaviour], Loopback]


def leaks(text: str) -> list[str]:
    """Return every 12-character window of a secret, plain or URL-encoded, that `text` holds."""
    windows = (
        form[start : start + 12]
        for secret in (RT, CLIENT_SECRET, ACCESS)
        for form in (secret, quote(secret, safe=""))
        for start in range(len(form) - 11)
    )
    return [window for window in windows if window in text]


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    for record in caplog.records:
        assert leaks(repr(record.__dict__) + record.getMessage()) == []
    assert leaks(caplog.text) == []


def test_the_search_finds_what_it_is_meant_to_find() -> None:
    """A control: each secret is found whole, in part, and encoded."""
    assert leaks(f"x {RT[5:20]} y")
    assert leaks(quote(RT, safe="")[:14])
    assert leaks(repr({"secret": CLIENT_SECRET}))
    assert not leaks("1//0cAnArY")


def echoing(connection: socket.socket, _stop: threading.Event) -> None:
    """Answer like a server that throws everything back at whoever sent it."""
    request = read_request(connection)
    echo = request.decode().replace("\r\n", " ")
    head = f"HTTP/1.1 400 {RT}\r\nX-Request-Id: {RT}\r\nX-Echo: {echo}\r\n".encode()
    body = http({"error": RT, "error_subtype": RT, "error_description": echo})
    connection.sendall(head + body.partition(b"\r\n")[2])


def resetting(connection: socket.socket, _stop: threading.Event) -> None:
    read_request(connection)


def redirecting(connection: socket.socket, _stop: threading.Event) -> None:
    read_request(connection)
    location = f"Location: /?{quote(RT)}\r\n\r\n".encode()
    connection.sendall(http("", "302 Found").replace(b"\r\n\r\n", b"\r\n" + location))


@pytest.mark.enable_socket
@pytest.mark.parametrize("behave", [echoing, resetting, redirecting])
def test_a_failing_call_shows_no_secret(
    behave: Behaviour,
    loopback: Start,
    hasty: Transport,
    logs: pytest.LogCaptureFixture,
) -> None:
    """Whatever a server throws back, outcome and debug logs stay clean."""
    client = GoogleClient(Endpoints.at(loopback(behave).url), SystemClock(), hasty)
    outcomes = (
        client.refresh(CREDENTIALS, Secret(RT)),
        client.exchange_code(CREDENTIALS, Secret(RT), "https://app.test/", Secret(ACCESS)),
        client.revoke(Secret(RT)),
        client.tokeninfo(Secret(ACCESS)),
    )
    assert leaks(repr(outcomes)) == []
    assert leaks(str(outcomes)) == []
    assert any(record.name.startswith("urllib3") for record in logs.records)


@pytest.mark.enable_socket
def test_a_successful_call_shows_no_secret(
    loopback: Start, hasty: Transport, logs: pytest.LogCaptureFixture
) -> None:
    """The tokens of an answer are wrapped before anything can print them."""

    def behave(connection: socket.socket, _stop: threading.Event) -> None:
        read_request(connection)
        body = {"access_token": ACCESS, "expires_in": 9, "refresh_token": RT, "id_token": RT}
        connection.sendall(http(body))

    client = GoogleClient(Endpoints.at(loopback(behave).url), SystemClock(), hasty)
    outcome = client.refresh(CREDENTIALS, Secret(RT))
    assert isinstance(outcome, Refreshed)
    assert outcome.access_token.reveal() == ACCESS
    assert leaks(repr(outcome) + repr(CREDENTIALS) + str(vars(client))) == []
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(outcome)


def test_a_bad_id_token_is_in_no_traceback(
    verifier: IdTokenVerifier,
    endpoints: Endpoints,
    signer: Signer,
    google: responses.RequestsMock,
    logs: pytest.LogCaptureFixture,
) -> None:
    """A refused token shows neither itself nor its claims, in the error or behind it."""
    google.get(endpoints.certs, json=signer.jwks("k1"))
    for token in (signer.token(sub=RT, aud=ACCESS), signer.token(exp=RT, nonce=ACCESS)):
        with pytest.raises(IdTokenInvalidError) as caught:
            verifier.verify(token, audiences={CLIENT_ID}, check_expiry=True)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
        assert leaks(shown) == []
        assert token.reveal()[-40:] not in shown
