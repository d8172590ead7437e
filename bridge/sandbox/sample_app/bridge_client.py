"""The bridge over HTTP, as a backend calls it: tokens, connect links, redemptions.

Owns requests and their answers. An answer that is no success is a `Problem`, never an exception:
a user whose access is gone is an everyday thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from bridge.sandbox.sample_app.settings import CALENDAR, CalledBridge
from bridge.secret import Secret

_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What the bridge refused (RFC 9457).

    Attributes:
        status: HTTP's; 0 if nobody answered.
        code: for machines.
        detail: for people.
        reason: why a grant needs a new consent.
        mendable: whether the user can mend it, by connecting.
    """

    status: int
    code: str
    detail: str
    reason: str = ""
    mendable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An access token."""

    token: Secret
    expires_in: int
    grant: str
    account_sub: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connected account, once redeemed; `status` is `connected` or `partial`."""

    status: str
    grant: str
    account_sub: str
    email: str


class BridgeClient:
    """Calls one bridge for one tenant with one key."""

    def __init__(self, bridge: CalledBridge) -> None:
        self._bridge = bridge

    def token(self, subject: str, account: str, *, rejected: str | None = None) -> Served | Problem:
        """Return a token for a user's calendar; `rejected` names one that Google refused."""
        body: dict[str, Any] = {"subject": subject, "account": account, "scopes": [CALENDAR]}
        answer = self._post("/v1/token", body | ({"rejected": rejected} if rejected else {}))
        if isinstance(answer, Problem):
            return answer
        return Served(
            token=Secret(answer["access_token"]),
            expires_in=answer["expires_in"],
            grant=answer["grant"],
            account_sub=answer["account"]["sub"],
            email=answer["account"].get("email") or "",
        )

    def connect_link(
        self, subject: str, return_to: str, account: str | None = None
    ) -> str | Problem:
        """Return a URL that takes the user's browser to Google and back to `return_to`.

        Args:
            subject: the user of this browser's session.
            return_to: a page of the app that is on the tenant's list.
            account: the Google account that it must be; None: whichever the user chooses.
        """
        body: dict[str, Any] = {"subject": subject, "scopes": [CALENDAR], "return_to": return_to}
        wish = {"account": account} if account else {"choose_account": True}
        return self._url("/v1/connect-links", body | wish)

    def connections_link(self, subject: str, return_to: str) -> str | Problem:
        """Return a URL of the page that lists the user's connected accounts."""
        return self._url("/v1/connections-links", {"subject": subject, "return_to": return_to})

    def redeem(self, code: str, subject: str) -> Connection | Problem:
        """Make what the user's browser brought a grant of `subject`, who is signed in here."""
        answer = self._post("/v1/connections", {"code": code, "subject": subject})
        if isinstance(answer, Problem):
            return answer
        grant = answer["grant"]
        return Connection(
            status=answer["status"],
            grant=grant["id"],
            account_sub=grant["account"]["sub"],
            email=grant["account"].get("email") or "",
        )

    def forget(self, grant: str) -> Problem | None:
        """Forget a grant, as an admin; None if it is done."""
        answer = self._call("DELETE", f"/v1/grants/{grant}")
        return answer if isinstance(answer, Problem) else None

    def order(self, subject: str, reason: str) -> Problem | None:
        """Have a user asked for consent at the next login, though the grant works."""
        body = {"subjects": [subject], "include_active": True, "reason": reason}
        answer = self._post("/v1/admin/orders", body)
        return answer if isinstance(answer, Problem) else None

    def _url(self, path: str, body: Mapping[str, Any]) -> str | Problem:
        answer = self._post(path, body)
        return answer if isinstance(answer, Problem) else str(answer["url"])

    def _post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any] | Problem:
        return self._call("POST", path, {"tenant": self._bridge.tenant, **body})

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | Problem:
        headers = {"Authorization": f"Bearer {self._bridge.key.reveal()}"}
        try:
            response = requests.request(
                method,
                self._bridge.internal + path,
                json=body,
                headers=headers,
                timeout=_TIMEOUT_S,
            )
            answer = response.json() if response.content else {}
        except (requests.RequestException, ValueError):
            return Problem(status=0, code="unreachable", detail="The bridge does not answer.")
        return answer if response.ok else _problem(response.status_code, answer)


def _problem(status: int, answer: Mapping[str, Any]) -> Problem:
    return Problem(
        status=status,
        code=str(answer.get("code", "")),
        detail=str(answer.get("detail", "")),
        reason=str(answer.get("reason") or ""),
        mendable=bool(answer.get("action")),
    )
