"""Keycloak's Admin API, as far as the tests and an operator's first steps need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from tools.keycloak.server import ADMIN, Keycloak

_TIMEOUT_S = 60


@dataclass
class Admin:
    """An admin of the realm `master`."""

    keycloak: Keycloak
    _http: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **query: str) -> Any:
        """Return what a path below `/admin/realms` answers."""
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: object = None) -> Any:
        """Create something; return the answer's JSON, None without a body."""
        answer = self._ask("POST", path, json=body)
        return answer.json() if answer.content else None

    def put(self, path: str, body: object) -> None:
        """Change something."""
        self._ask("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self._ask("DELETE", path)

    def user(self, realm: str, email: str) -> dict[str, Any] | None:
        """Return the user with an email address."""
        found = self.get(f"{realm}/users", email=email, exact="true")
        return found[0] if found else None

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        # A new token each time: one lives for a minute only.
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": ADMIN,
            "password": self.keycloak.admin_password,
        }
        url = f"{self.keycloak.issuer('master')}/protocol/openid-connect/token"
        token = self._http.post(url, data=form, timeout=_TIMEOUT_S).json()["access_token"]
        answer = self._http.request(
            method,
            f"{self.keycloak.url}/admin/realms/{path}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            **more,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer
