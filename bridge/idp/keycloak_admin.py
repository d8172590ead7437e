"""Keycloak's Admin API, as an admin uses it: sign in, read, change.

Owns the admin's token and how Keycloak's refusals are told. Knows no path and no setting of a
realm. No error holds a token, a password or what Keycloak answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests

from bridge.errors import BridgeError, Code, invalid
from bridge.secret import Secret

_CONNECT_TIMEOUT_S: Final = 5.0
_READ_TIMEOUT_S: Final = 90.0
"""A harvest may work for 20 seconds before it answers, and then counts."""
_EARLY_S: Final = 15.0
_ADMIN_CLI: Final = "admin-cli"
_SUCCESS: Final = 2

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """An admin's user name and password, used with the client `admin-cli`."""

    user: str
    password: Secret

    def form(self) -> dict[str, str]:
        """Return the token request (RFC 6749 section 4.3)."""
        return {
            "grant_type": "password",
            "client_id": _ADMIN_CLI,
            "username": self.user,
            "password": self.password.reveal(),
        }


@dataclass(frozen=True, slots=True)
class ClientLogin:
    """A confidential client whose service account has an admin's roles."""

    client_id: str
    secret: Secret

    def form(self) -> dict[str, str]:
        """Return the token request (RFC 6749 section 4.4)."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret.reveal(),
        }


Login = PasswordLogin | ClientLogin


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int = 60

    def __repr__(self) -> str:
        return "_Token(***)"


@dataclass(slots=True)
class KeycloakAdmin:
    """Asks one Keycloak as one admin; signs in when the token it has is about to end.

    Every method raises:
        BridgeError: `unauthenticated` (the login is wrong), `forbidden` (a role is missing),
            `not_found`, `upstream_unavailable`, or `invalid_request` for anything else.

    Attributes:
        url: Keycloak's, with the path that it is served below, if any.
        login: who asks.
        login_realm: the realm in which that admin is.
        clock: seconds that only grow.
    """

    url: str
    login: Login
    login_realm: str = "master"
    clock: Callable[[], float] = time.monotonic
    _http: requests.Session = field(default_factory=requests.Session, repr=False)
    _token: Secret | None = None
    _token_ends: float = 0.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query:
            raise invalid("Keycloak's URL must be like https://keycloak.example.com.")
        if parts.username or parts.password:
            raise invalid("Keycloak's URL holds a user: name it by --user.")
        self.url = self.url.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, answer: type[_T], path: str, **query: str | int) -> _T:
        """Return what a path below `/admin` answers."""
        return _decoded(answer, self._ask("GET", path, query=query))

    def find(self, answer: type[_T], path: str) -> _T | None:
        """Return what a path below `/admin` answers, None if there is nothing."""
        try:
            return self.get(answer, path)
        except BridgeError as error:
            if error.code is Code.NOT_FOUND:
                return None
            raise

    def act(self, answer: type[_T], path: str, **query: str | int) -> _T:
        """Have something done that takes no body, and return what came of it."""
        return _decoded(answer, self._ask("POST", path, query=query))

    def create(self, path: str, body: object) -> None:
        """Add something."""
        self._ask("POST", path, body=body)

    def change(self, path: str, changes: Mapping[str, Any]) -> None:
        """Change some fields of what is at a path; the others stay as they are."""
        self.replace(path, merged(self.get(dict[str, Any], path), changes))

    def replace(self, path: str, body: object) -> None:
        """Put something in the place of what is there."""
        self._ask("PUT", path, body=body)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
    ) -> bytes:
        answer = self._send(
            method,
            f"{self.url}/admin/{path}",
            headers={"Authorization": f"Bearer {self._bearer().reveal()}"},
            params=query,
            json=body,
        )
        if answer.status_code // 100 != _SUCCESS:
            raise _refusal(method, path, answer.status_code)
        return answer.content

    def _bearer(self) -> Secret:
        if self._token is None or self.clock() >= self._token_ends:
            asked = self.clock()
            token = self._sign_in()
            self._token = Secret(token.access_token)
            # Keycloak's admins hold a token for a minute, which a large realm can outlast.
            self._token_ends = asked + max(token.expires_in - _EARLY_S, 0.0)
        return self._token

    def _sign_in(self) -> _Token:
        realm = quote(self.login_realm, safe="")
        url = f"{self.url}/realms/{realm}/protocol/openid-connect/token"
        answer = self._send("POST", url, data=self.login.form())
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise BridgeError(
                Code.NOT_FOUND, f"There is no Keycloak with the realm {self.login_realm} there."
            )
        if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            raise BridgeError(
                Code.UNAUTHENTICATED,
                f"Keycloak's realm {self.login_realm} does not let this admin in.",
            )
        if answer.status_code != HTTPStatus.OK:
            raise _refusal("POST", "(token endpoint)", answer.status_code)
        return _decoded(_Token, answer.content)

    def _send(self, method: str, url: str, **parts: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        try:
            # A redirect would take the admin's token or password to another place.
            return self._http.request(
                method,
                url,
                timeout=(_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),
                allow_redirects=False,
                **parts,
            )
        except requests.RequestException as error:
            kind = type(error).__name__
            raise BridgeError(
                Code.UPSTREAM_UNAVAILABLE, f"Keycloak cannot be reached ({kind})."
            ) from None


def part(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with some fields changed, and some of the objects in it."""
    new = dict(old)
    for name, value in changes.items():
        inner = new.get(name)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            new[name] = merged(inner, value)
        else:
            new[name] = value
    return new


def _decoded(answer: type[_T], body: bytes) -> _T:
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.DecodeError:
        raise BridgeError(
            Code.UPSTREAM_UNAVAILABLE, "Keycloak's answer cannot be read: is this URL Keycloak's?"
        ) from None


def _refusal(method: str, path: str, status: int) -> BridgeError:
    asked = f"{method} /admin/{path}"
    if status == HTTPStatus.FORBIDDEN:
        return BridgeError(
            Code.FORBIDDEN, f"Keycloak refuses {asked}: this admin lacks a role for it."
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return BridgeError(Code.UNAUTHENTICATED, f"Keycloak takes no token of this admin: {asked}.")
    if status == HTTPStatus.NOT_FOUND:
        return BridgeError(Code.NOT_FOUND, f"Keycloak knows no {asked}.")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return BridgeError(
            Code.UPSTREAM_UNAVAILABLE, f"Keycloak answers {asked} with the status {status}."
        )
    return invalid(f"Keycloak answers {asked} with the status {status}.")
