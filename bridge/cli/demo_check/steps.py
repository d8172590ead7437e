"""The steps, each one a check that can fail and then says what to mend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from bridge.cli.demo_check.calls import CALENDAR, Calendar, Called, StepFailedError
from bridge.secret import Secret, fingerprint

_ONE_SECOND: Final = 1.0
_FIRST_TITLE: Final = "grantbridge check"
_SECOND_TITLE: Final = "grantbridge check, changed"


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a step.

    Attributes:
        step: its name.
        passed: None if it was not tried, as one before it failed.
        found: what there was to see.
        mend: what to do about a failure.
    """

    step: str
    passed: bool | None
    found: str = ""
    mend: str = ""


class Hand(Protocol):
    """The user's hand at a browser."""

    def follow(self, url: str) -> str | None:
        """Take a browser through a connect link; return the code that it came back with.

        None: the app behind `return_to` has redeemed it by itself.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is checked.

    Attributes:
        tenant, subject: the user.
        account: the address of the Google account that must come back, if it is to be checked.
        return_to: the page that the connect link leads back to.
        calendar: where Google's APIs are.
    """

    tenant: str
    subject: str
    account: str | None
    return_to: str
    calendar: str


class Check:
    """Runs the steps in order; the first failure ends it."""

    def __init__(self, bridge: Called, wanted: Wanted, hand: Hand) -> None:
        self._bridge = bridge
        self._wanted = wanted
        self._hand = hand
        self._grant: Mapping[str, Any] = {}

    def results(self) -> Iterator[Result]:
        """Yield each step's result as soon as there is one."""
        steps: tuple[tuple[str, Callable[[], str]], ...] = (
            ("serving", self._serving),
            ("connected", self._begin),
            ("disconnect", self._disconnect),
            ("reconnect", self._reconnect),
            ("account and scopes", self._account_and_scopes),
            ("create, read, update", self._calendar),
            ("force a refresh", self._refresh),
        )
        failed = False
        for name, step in steps:
            if failed:
                yield Result(step=name, passed=None)
                continue
            try:
                yield Result(step=name, passed=True, found=step())
            except StepFailedError as error:
                failed = True
                yield Result(step=name, passed=False, found=error.found, mend=error.mend)

    def _serving(self) -> str:
        status, body = self._bridge.get("/ready")
        if status != HTTPStatus.OK:
            raise StepFailedError(_told(status, body), "`bridge check` says more")
        _, version = self._bridge.get("/version")
        return f"{version.get('name')} {version.get('version')} at {self._bridge.url}"

    def _begin(self) -> str:
        present = self._connected()
        if present:
            return f"{len(present)} grant(s) to begin with"
        return f"{self._connect()} as {self._grant['account']['email']}, to begin with"

    def _disconnect(self) -> str:
        present = self._connected()
        for grant in present:
            status, body = self._bridge.delete(f"/v1/grants/{grant['id']}")
            if status >= HTTPStatus.BAD_REQUEST:
                raise StepFailedError(_told(status, body), "try again; another caller changed it")
        status, body = self._token()
        if (status, body.get("code")) != (HTTPStatus.NOT_FOUND, "grant_missing"):
            mend = "report it: a forgotten grant must not serve"
            raise StepFailedError(f"after forgetting: {_told(status, body)}", mend)
        # Google dates a consent in whole seconds, and one of this second counts as forgotten too.
        time.sleep(_ONE_SECOND)
        return f"forgot {len(present)} grant(s); a token request answers grant_missing"

    def _reconnect(self) -> str:
        status = self._connect()
        return f"{status} as {self._grant['account']['email']}"

    def _account_and_scopes(self) -> str:
        served, body = self._token()
        if served != HTTPStatus.OK:
            raise StepFailedError(_told(served, body), _mend(body))
        email, expected = body["account"]["email"] or "", self._wanted.account
        if expected is not None and email.casefold() != expected.casefold():
            mend = "choose that account at Google, or leave --account out"
            raise StepFailedError(f"the account is {email}, not {expected}", mend)
        if CALENDAR not in str(body["scope"]).split():
            mend = "allow the calendar on the consent screen; its box may have been left unticked"
            raise StepFailedError("the token does not carry the calendar's scope", mend)
        return f"{email}, {CALENDAR.rpartition('/')[2]}"

    def _calendar(self) -> str:
        calendar = Calendar(url=self._wanted.calendar, token=self._served())
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        event_id = calendar.create(
            {
                "summary": _FIRST_TITLE,
                "start": {"dateTime": start.isoformat()},
                "end": {"dateTime": (start + timedelta(minutes=15)).isoformat()},
            }
        )
        try:
            _same(calendar.title(event_id), _FIRST_TITLE)
            calendar.rename(event_id, _SECOND_TITLE)
            _same(calendar.title(event_id), _SECOND_TITLE)
        finally:
            calendar.delete(event_id)
        return "an event was created, read, changed, read again and deleted"

    def _refresh(self) -> str:
        before = self._served()
        status, body = self._token(rejected=fingerprint(before))
        if status != HTTPStatus.OK:
            raise StepFailedError(_told(status, body), _mend(body))
        after = Secret(body["access_token"])
        if after == before:
            mend = "report it: a rejected token must be replaced"
            raise StepFailedError("the same token was served again", mend)
        Calendar(url=self._wanted.calendar, token=after).list()
        return f"{fingerprint(before)} was replaced by {fingerprint(after)}, which Calendar takes"

    def _connect(self) -> str:
        """Go through a connect link; return `connected` or `partial`."""
        status, link = self._bridge.post(
            "/v1/connect-links",
            {
                "tenant": self._wanted.tenant,
                "subject": self._wanted.subject,
                "scopes": [CALENDAR],
                "return_to": self._wanted.return_to,
                **({"account": self._wanted.account} if self._wanted.account else {}),
            },
        )
        if status >= HTTPStatus.BAD_REQUEST:
            raise StepFailedError(_told(status, link), "mend what it says, then check again")
        code = self._hand.follow(link["url"])
        if code is not None:
            body = {"code": code, "subject": self._wanted.subject, "tenant": self._wanted.tenant}
            status, made = self._bridge.post("/v1/connections", body)
            if status >= HTTPStatus.BAD_REQUEST:
                raise StepFailedError(_told(status, made), "begin again: a code works once")
        return self._outcome(link["id"])

    def _outcome(self, link_id: str) -> str:
        _, view = self._bridge.get(f"/v1/connect-links/{link_id}")
        if not view.get("grant"):
            raise StepFailedError(
                f"the link's status is {view.get('status')}, and nothing was redeemed",
                _LINK_MENDS.get(str(view.get("status")), "go to the end, and let the app redeem"),
            )
        _, self._grant = self._bridge.get(f"/v1/grants/{view['grant']}")
        return str(view["status"])

    def _connected(self) -> list[Mapping[str, Any]]:
        tenant, subject = self._wanted.tenant, self._wanted.subject
        found: list[Mapping[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            status, page = self._bridge.get("/v1/grants", tenant=tenant, limit="500", **after)
            if status != HTTPStatus.OK:
                raise StepFailedError(_told(status, page), "mend what it says, then check again")
            found += [grant for grant in page["grants"] if grant["subject"] == subject]
            if not page.get("next"):
                return found
            after = {"after": page["next"]}

    def _token(self, **more: str) -> tuple[int, Mapping[str, Any]]:
        tenant, subject = self._wanted.tenant, self._wanted.subject
        body = {"tenant": tenant, "subject": subject, "scopes": [CALENDAR], **more}
        return self._bridge.post("/v1/token", body)

    def _served(self) -> Secret:
        status, body = self._token()
        if status != HTTPStatus.OK:
            raise StepFailedError(_told(status, body), _mend(body))
        return Secret(body["access_token"])


def _told(status: int, body: Mapping[str, Any]) -> str:
    return f"the bridge answered {status} {body.get('code', '')}: {body.get('detail', '')}"


def _mend(body: Mapping[str, Any]) -> str:
    return _TOKEN_MENDS.get(str(body.get("code")), "`POST /v1/preflight` says who can mend it")


def _same(found: str, expected: str) -> None:
    if found != expected:
        mend = "look at the calendar: something else writes to it"
        raise StepFailedError(f"the event is called {found!r}, not {expected!r}", mend)


_LINK_MENDS: Final = {
    "created": "open the printed link in a browser, and press its button",
    "started": "finish at Google; if Google shows an error page, its text names what to mend",
    "denied": "allow it at Google",
    "wrong_account": "choose the account that the check asks for",
}
_TOKEN_MENDS: Final = {
    "reauth_required": "the new consent brought no working refresh token: is the client's app in "
    "Testing, or removed at Google meanwhile?",
    "client_fault": "compare client id and secret with the Google Cloud console",
    "upstream_unavailable": "Google cannot be reached from here: look at proxy and firewall",
    "account_ambiguous": "name one of the user's accounts with --account",
}
