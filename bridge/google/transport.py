"""HTTP to Google: pooled, bounded in time and size, never redirected, never with credentials found.

Owns the one `requests` session of a process and turns everything that can go wrong on the way into
a `Transient`. It raises nothing, because an exception of requests carries the request, and with it
the refresh token and the client secret. Knows nothing of OAuth.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests
from requests.auth import AuthBase
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)

from bridge.clock import Clock
from bridge.google.answer import Answer
from bridge.google.deadline import Deadline, DeadlineAdapter, bounded_by
from bridge.google.outcome import Transient, TransientReason
from bridge.secret import Secret

LARGEST_BODY: Final = 64 * 1024
_REASONS: Final[tuple[tuple[type[Exception], TransientReason], ...]] = (
    (requests.exceptions.SSLError, TransientReason.TLS),
    (requests.exceptions.ProxyError, TransientReason.UNREACHABLE),
    (requests.Timeout, TransientReason.TIMEOUT),
    (ReadTimeoutError, TransientReason.TIMEOUT),
    (TimeoutError, TransientReason.TIMEOUT),
    (DecodeError, TransientReason.MALFORMED),
)
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call may take, in seconds.

    Attributes:
        connect: for a connection to one address, TLS included; a host with several addresses is
            given this for each.
        read: for any single wait for bytes.
        total: for the whole call with its retries and the pauses between them. Only resolving a
            name and connecting to further addresses can go beyond it.
    """

    connect: float = 3.0
    read: float = 10.0
    total: float = 20.0


class _NoAuth(AuthBase):
    """Adds nothing; its presence keeps requests from adding a password out of `~/.netrc`."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class Transport:
    """Sends requests; safe for use by many threads.

    Proxies and a CA bundle are taken from the environment (`HTTPS_PROXY`, `NO_PROXY`,
    `REQUESTS_CA_BUNDLE`), as in any deployment behind a proxy; no variable can switch TLS
    verification off. Build it after a fork, not before: connections cannot be shared.
    """

    def __init__(
        self,
        clock: Clock,
        timeouts: Timeouts | None = None,
        *,
        user_agent: str = "grantbridge",
        pool_size: int = 32,
    ) -> None:
        """Build a transport.

        Args:
            clock: dates answers and measures the time budget.
            timeouts: defaults to `Timeouts()`.
            user_agent: sent with every request.
            pool_size: connections a host that are kept open; more are opened under load and
                closed after use, so that no caller waits for one.
        """
        self._clock = clock
        self._timeouts = timeouts or Timeouts()
        self._session = _session(user_agent, pool_size)
        self._skew: float | None = None

    def deadline(self, budget: float | None = None) -> Deadline:
        """Return the deadline of a call that begins now; `budget` can only shorten `total`."""
        total = self._timeouts.total
        return Deadline.after(self._clock, total if budget is None else min(budget, total))

    def get(self, url: str, deadline: Deadline) -> Answer | Transient:
        """Fetch a public document. The URL is logged by urllib3: it must hold no secret."""
        return self._call("GET", url, None, deadline)

    def post(self, url: str, form: Secret, deadline: Deadline) -> Answer | Transient:
        """Post an encoded form."""
        return self._call("POST", url, form, deadline)

    def clock_skew(self) -> float | None:
        """Return the `skew` of the last answer that carried a date; None before the first."""
        return self._skew

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def _call(
        self, method: str, url: str, form: Secret | None, deadline: Deadline
    ) -> Answer | Transient:
        left = deadline.left()
        if left <= 0:
            return Transient(reason=TransientReason.TIMEOUT, sent=False)
        started = self._clock.now()
        try:
            with (
                bounded_by(deadline),
                self._session.request(
                    method,
                    url,
                    data=None if form is None else form.reveal().encode(),
                    headers=None if form is None else _FORM,
                    timeout=(min(self._timeouts.connect, left), min(self._timeouts.read, left)),
                    # A token endpoint never redirects: this is a captive portal or an attack that
                    # would have the secrets posted elsewhere.
                    allow_redirects=False,
                    verify=True,
                    stream=True,
                ) as response,
            ):
                return self._answer(response, started)
        except (requests.RequestException, HTTPError, OSError) as error:
            return _lost(error)

    def _answer(self, response: requests.Response, started: float) -> Answer | Transient:
        # One byte more than allowed tells "too large" from "just fits" without reading it all.
        body = response.raw.read(LARGEST_BODY + 1, decode_content=True)
        if len(body) > LARGEST_BODY:
            return Transient(reason=TransientReason.MALFORMED)
        headers = {name.lower(): value for name, value in response.headers.items()}
        received = (started + self._clock.now()) / 2
        answer = Answer(response.status_code, headers, body, received)
        if answer.skew is not None:
            self._skew = answer.skew
        return answer


def _session(user_agent: str, pool_size: int) -> requests.Session:
    session = requests.Session()
    session.auth = _NoAuth()
    # One session serves all tenants: a cookie would tie their requests together.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers.clear()
    session.headers.update(
        {
            "Accept": "application/json",
            # Answers are small, and an inflated one could be large.
            "Accept-Encoding": "identity",
            "User-Agent": user_agent,
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, DeadlineAdapter(pool_size))
    return session


def _lost(error: Exception) -> Transient:
    """Name what went wrong; nothing of `error` is kept."""
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), None)
    if _never_connected(error):
        return Transient(reason=reason or TransientReason.UNREACHABLE, sent=False)
    return Transient(reason=reason or TransientReason.CONNECTION_LOST)


def _never_connected(error: Exception) -> bool:
    match error:
        case requests.ConnectTimeout():
            return True
        case requests.ConnectionError(args=[MaxRetryError(reason=NewConnectionError())]):
            return True
        case _:
            return False
