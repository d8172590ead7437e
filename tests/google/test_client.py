from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NewConnectionError

from bridge.google.client import GoogleClient
from bridge.google.credentials import ClientCredentials
from bridge.google.endpoints import Endpoints
from bridge.google.outcome import (
    AlreadyGone,
    CodeRefused,
    Dead,
    Exchanged,
    Reached,
    Refreshed,
    Revoked,
    TokenInfo,
    TokenUnknown,
    Transient,
    TransientReason,
)
from bridge.google.transport import Transport
from bridge.secret import Secret
from tests.google.conftest import CLIENT_ID, DATE, NOW, FakeClock

RT = Secret("1//0the-refresh-token")
OK = {"access_token": "ya29.a", "expires_in": 3599, "token_type": "Bearer"}
BUSY = {"error": "temporarily_unavailable"}


def sent(google: responses.RequestsMock, index: int = -1) -> dict[str, list[str]]:
    body = google.calls[index].request.body
    assert isinstance(body, bytes)
    return parse_qs(body.decode(), keep_blank_values=True)


def never_connected() -> requests.ConnectionError:
    reason = NewConnectionError(None, "refused")  # type: ignore[arg-type] # no pool in a test
    return requests.ConnectionError(MaxRetryError(None, "/token", reason))  # type: ignore[arg-type] # the same


def test_a_refresh_posts_the_token_and_the_clients_secret_as_a_form(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """A refresh is RFC 6749 section 6 with client_secret_post, and nothing more."""
    google.post(endpoints.token, json=OK)
    client.refresh(credentials, RT)
    assert sent(google) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [RT.reveal()],
        "client_id": [CLIENT_ID],
        "client_secret": ["GOCSPX-the-client-secret"],
    }
    request = google.calls[0].request
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    assert "Authorization" not in request.headers


def test_a_narrowed_refresh_names_its_scopes_sorted(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """Scopes that are asked for are sent in one order, separated by spaces."""
    google.post(endpoints.token, json=OK)
    client.refresh(credentials, RT, scopes=frozenset({"b", "c", "a"}))
    assert sent(google)["scope"] == ["a b c"]


def test_an_empty_scope_set_is_never_asked_for(
    client: GoogleClient, credentials: ClientCredentials
) -> None:
    """Narrowing to nothing is refused, since leaving `scope` out would ask for everything."""
    with pytest.raises(ValueError, match="empty scope set"):
        client.refresh(credentials, RT, scopes=frozenset())


def test_a_refresh_returns_what_google_granted(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """All that the answer tells arrives typed: secrets wrapped, scopes in their long names."""
    answer = OK | {
        "scope": "openid email",
        "id_token": "a.b.c",
        "refresh_token": "1//new",
        "refresh_token_expires_in": 604799,
        "new_field": {"of": "google"},
    }
    google.post(endpoints.token, json=answer, headers={"Date": DATE, "X-Request-Id": "r1"})
    assert client.refresh(credentials, RT) == Refreshed(
        access_token=Secret("ya29.a"),
        expires_in=3599,
        scopes=frozenset({"openid", "https://www.googleapis.com/auth/userinfo.email"}),
        id_token=Secret("a.b.c"),
        refresh_token=Secret("1//new"),
        refresh_token_expires_in=604799,
        request_id="r1",
        date=NOW,
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"scope": "", "id_token": "", "refresh_token": "", "refresh_token_expires_in": 0},
        {"scope": None, "id_token": None, "refresh_token": None, "refresh_token_expires_in": "x"},
    ],
    ids=["absent", "empty", "null"],
)
def test_what_google_does_not_tell_is_none(
    more: dict[str, Any],
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """Absent, empty and null come out alike, so that no empty RT ever replaces a stored one."""
    google.post(endpoints.token, json=OK | more)
    assert client.refresh(credentials, RT) == Refreshed(
        access_token=Secret("ya29.a"),
        expires_in=3599,
        scopes=None,
        id_token=None,
        refresh_token=None,
        refresh_token_expires_in=None,
    )


def test_a_dead_grant_is_not_asked_about_twice(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """`invalid_grant` is never retried."""
    google.post(endpoints.token, status=400, json={"error": "invalid_grant"})
    assert isinstance(client.refresh(credentials, RT), Dead)
    assert len(google.calls) == 1
    assert clock.slept == []


def test_a_busy_google_is_asked_three_times_with_doubling_pauses(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """Three tries, one and two seconds apart, and the last outcome is returned."""
    google.post(endpoints.token, status=503, json=BUSY)
    outcome = client.refresh(credentials, RT)
    assert outcome == Transient(
        reason=TransientReason.SERVER_ERROR, error="temporarily_unavailable"
    )
    assert len(google.calls) == 3
    assert clock.slept == [1.0, 2.0]


def test_a_second_try_that_works_is_the_answer(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """A transient failure followed by success is a success."""
    google.post(endpoints.token, status=500)
    google.post(endpoints.token, json=OK)
    assert isinstance(client.refresh(credentials, RT), Refreshed)
    assert clock.slept == [1.0]


@pytest.mark.parametrize(("jitter", "pauses"), [(0.0, [0.9, 1.8]), (1.0, [1.1, 2.2])])
def test_pauses_are_spread_by_a_tenth(
    *,
    jitter: float,
    pauses: list[float],
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    transport: Transport,
    google: responses.RequestsMock,
) -> None:
    """Jitter moves a pause by up to 10 % either way."""
    client = GoogleClient(endpoints, clock, transport, jitter=lambda: jitter)
    google.post(endpoints.token, status=503)
    client.refresh(credentials, RT)
    assert clock.slept == pytest.approx(pauses)


def test_retry_after_lengthens_the_pause(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """Google is not asked again before the time that it named."""
    google.post(endpoints.token, status=429, headers={"Retry-After": "4"})
    google.post(endpoints.token, json=OK)
    assert isinstance(client.refresh(credentials, RT), Refreshed)
    assert clock.slept == [pytest.approx(4.2)]


def test_a_retry_after_beyond_the_budget_is_returned_at_once(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """A pause that cannot be afforded is not begun; the caller learns how long to wait."""
    google.post(endpoints.token, status=429, headers={"Retry-After": "60"})
    outcome = client.refresh(credentials, RT, budget=10)
    assert outcome == Transient(reason=TransientReason.RATE_LIMITED, retry_after=60)
    assert clock.slept == []


def test_the_budget_covers_all_tries(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    clock: FakeClock,
    google: responses.RequestsMock,
) -> None:
    """With 2.5 seconds there is time for the first pause and not for the second."""
    google.post(endpoints.token, status=503)
    client.refresh(credentials, RT, budget=2.5)
    assert clock.slept == [1.0]
    assert len(google.calls) == 2


def test_a_spent_budget_makes_no_call(
    client: GoogleClient, credentials: ClientCredentials, google: responses.RequestsMock
) -> None:
    """Without time left nothing is sent, and the outcome says so."""
    outcome = client.refresh(credentials, RT, budget=0)
    assert outcome == Transient(reason=TransientReason.TIMEOUT, sent=False)
    assert len(google.calls) == 0


@pytest.mark.parametrize("status", [302, 400], ids=["redirect", "unknown-error"])
def test_what_seconds_cannot_mend_is_not_retried(
    status: int,
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """A redirect or an unknown error is returned after one call."""
    google.post(endpoints.token, status=status, json={"error": "brand_new"})
    assert isinstance(client.refresh(credentials, RT), Transient)
    assert len(google.calls) == 1


def exchange(client: GoogleClient, credentials: ClientCredentials) -> object:
    return client.exchange_code(
        credentials, Secret("4/0code"), "https://app.test/cb", Secret("the-verifier")
    )


def test_an_exchange_sends_the_code_with_its_verifier_and_redirect_uri(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """An exchange is RFC 6749 section 4.1.3 with PKCE, and returns the new RT."""
    google.post(endpoints.token, json=OK | {"refresh_token": "1//new", "scope": "openid"})
    outcome = exchange(client, credentials)
    assert isinstance(outcome, Exchanged)
    assert outcome.refresh_token == Secret("1//new")
    assert sent(google) == {
        "grant_type": ["authorization_code"],
        "code": ["4/0code"],
        "code_verifier": ["the-verifier"],
        "redirect_uri": ["https://app.test/cb"],
        "client_id": [CLIENT_ID],
        "client_secret": ["GOCSPX-the-client-secret"],
    }


def test_an_exchange_is_repeated_where_no_connection_came_about(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """A code that cannot have reached Google may be sent again."""
    google.post(endpoints.token, body=never_connected())
    google.post(endpoints.token, body=requests.ConnectTimeout("slow"))
    google.post(endpoints.token, json=OK)
    assert isinstance(exchange(client, credentials), Exchanged)


@pytest.mark.parametrize(
    "failure",
    [requests.ReadTimeout("slow"), requests.ConnectionError("reset"), ConnectionResetError()],
    ids=["read-timeout", "connection-lost", "reset"],
)
def test_an_exchange_that_may_have_arrived_is_not_repeated(
    failure: Exception,
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """A code works once: after an ambiguous failure it is left alone."""
    google.post(endpoints.token, body=failure)
    outcome = exchange(client, credentials)
    assert isinstance(outcome, Transient)
    assert outcome.sent
    assert len(google.calls) == 1


def test_an_exchange_answered_with_503_is_not_repeated(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """Whoever answers has had the code, whatever the status says."""
    google.post(endpoints.token, status=503, json=BUSY)
    assert isinstance(exchange(client, credentials), Transient)
    assert len(google.calls) == 1


def test_a_used_code_is_refused_and_nobody_dies(
    client: GoogleClient,
    endpoints: Endpoints,
    credentials: ClientCredentials,
    google: responses.RequestsMock,
) -> None:
    """`invalid_grant` to an exchange is about the code."""
    google.post(endpoints.token, status=400, json={"error": "invalid_grant"})
    assert isinstance(exchange(client, credentials), CodeRefused)


def test_a_revocation_tells_googles_time(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """A revoke is a form with the token alone; its time is Google's."""
    google.post(endpoints.revocation, json={}, headers={"Date": DATE})
    assert client.revoke(RT) == Revoked(date=NOW)
    assert sent(google) == {"token": [RT.reveal()]}


def test_a_token_that_is_gone_counts_as_revoked(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """400 `invalid_token` means that there is nothing left to revoke."""
    refusal = {"error": "invalid_token", "error_description": "Token expired or revoked"}
    google.post(endpoints.revocation, status=400, json=refusal, headers={"Date": DATE})
    assert client.revoke(RT) == AlreadyGone(date=NOW)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error": "invalid_request"}'),
        (401, '{"error": "invalid_token"}'),
        (400, "<html>"),
        (503, ""),
        (302, ""),
        (200, "<html>Sign in to the network</html>"),
    ],
)
def test_nothing_else_counts_as_revoked(
    status: int,
    body: str,
    client: GoogleClient,
    endpoints: Endpoints,
    google: responses.RequestsMock,
) -> None:
    """A revoke that Google did not confirm is transient."""
    google.post(endpoints.revocation, status=status, body=body)
    assert isinstance(client.revoke(RT), Transient)


def test_a_revocation_whose_answer_got_lost_is_repeated(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """Revoking twice does no harm, so a lost answer is asked for again."""
    google.post(endpoints.revocation, body=ConnectionResetError())
    google.post(endpoints.revocation, status=400, json={"error": "invalid_token"})
    assert isinstance(client.revoke(RT), AlreadyGone)


def test_tokeninfo_is_posted_and_read_though_its_numbers_are_text(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """The token stays out of the URL, and Google's strings become numbers."""
    answer = {
        "aud": CLIENT_ID,
        "azp": CLIENT_ID,
        "sub": "117",
        "scope": "openid profile",
        "exp": "1760003600",
        "expires_in": "3600",
        "email_verified": "true",
    }
    google.post(endpoints.tokeninfo, json=answer)
    assert client.tokeninfo(Secret("ya29.a")) == TokenInfo(
        audience=CLIENT_ID,
        sub="117",
        scopes=frozenset({"openid", "https://www.googleapis.com/auth/userinfo.profile"}),
        expires_at=1_760_003_600,
    )
    assert google.calls[0].request.url == endpoints.tokeninfo
    assert sent(google) == {"access_token": ["ya29.a"]}


def test_tokeninfo_does_not_know_a_dead_token(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """400 `invalid_token` is an answer, not a failure."""
    google.post(endpoints.tokeninfo, status=400, json={"error": "invalid_token"})
    assert client.tokeninfo(Secret("ya29.a")) == TokenUnknown()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "{}"),
        (200, '{"aud": "", "exp": "1"}'),
        (200, '{"aud": "c", "exp": "soon"}'),
        (200, '{"aud": "c", "exp": "1", "scope": "a\\u00e9"}'),
        (200, "<html>"),
        (400, '{"error_description": "Invalid Value"}'),
        (400, '{"error": "brand_new"}'),
        (500, ""),
    ],
)
def test_an_unclear_tokeninfo_is_transient(
    status: int,
    body: str,
    client: GoogleClient,
    endpoints: Endpoints,
    google: responses.RequestsMock,
) -> None:
    """Nothing is concluded from a tokeninfo answer that is not whole."""
    google.post(endpoints.tokeninfo, status=status, body=body)
    assert isinstance(client.tokeninfo(Secret("ya29.a")), Transient)


def test_a_probe_tells_how_far_ahead_the_host_is(
    client: GoogleClient, endpoints: Endpoints, clock: FakeClock, google: responses.RequestsMock
) -> None:
    """The skew is our time less Google's, with half a second for the header's cut fraction."""
    clock.advance(120.5)
    google.get(endpoints.certs, json={"keys": []}, headers={"Date": DATE})
    assert client.clock_skew() is None
    assert client.probe() == Reached(skew=120.0, date=NOW)
    assert client.clock_skew() == 120.0


def test_a_cached_answer_does_not_look_like_a_wrong_clock(
    client: GoogleClient, endpoints: Endpoints, clock: FakeClock, google: responses.RequestsMock
) -> None:
    """`Age` is added to `Date`, since Google's keys come through caches."""
    clock.advance(5000.5)
    google.get(endpoints.certs, json={}, headers={"Date": DATE, "Age": "5000"})
    assert client.probe() == Reached(skew=0.0, date=NOW)


def test_a_probe_of_an_unreachable_google_is_transient(
    client: GoogleClient, endpoints: Endpoints, google: responses.RequestsMock
) -> None:
    """A probe is asked once, and tells that it did not get through."""
    google.get(endpoints.certs, body=never_connected())
    assert client.probe() == Transient(reason=TransientReason.UNREACHABLE, sent=False)
