"""Who acts in the story: the IdP with its login hook, and the app's backend."""

from __future__ import annotations

import json
import secrets
import shlex
import time
from dataclasses import dataclass
from typing import Any, Final

import requests
from joserfc import jwe
from joserfc.jwk import ECKey

from bridge.cli.demo.place import CALENDAR, TENANT, Place
from bridge.sandbox.records import TokenAnswer
from bridge.secret import Secret, fingerprint
from bridge.signing.webhooks import sign

SUBJECT: Final = "user-1"
SIGN_IN: Final = "openid email profile"
_TIMEOUT_S: Final = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status and its JSON."""

    status: int
    json: Any

    @property
    def token(self) -> Secret:
        """The access token in it."""
        return Secret(self.json["access_token"])


class IdentityProvider:
    """Signs Ann in with Google, and tells the bridge's hook."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def sign_in(self, *, prompt: str = "") -> TokenAnswer:
        """Return what the IdP's code exchange with Google brings."""
        place = self._place
        scopes = f"{SIGN_IN} {CALENDAR}"
        return place.sandbox.google.login(place.account, place.client, scopes, prompt=prompt)

    def message(self, tokens: TokenAnswer) -> dict[str, Any]:
        """Return the hook's message about a login, its tokens encrypted to the bridge."""
        place = self._place
        return {
            "type": "login",
            "tenant": TENANT,
            "subject": SUBJECT,
            "account": {"sub": place.account.sub, "email": place.account.email},
            "client_id": place.client.client_id,
            "login": {"id": secrets.token_hex(8)},
            "tokens_jwe": self._encrypted(tokens),
        }

    def tell(self, message: dict[str, Any]) -> Answer:
        """Send a message as Standard Webhooks wants it: with an id, a time, and signed."""
        body, stamp = json.dumps(message).encode(), int(time.time())
        message_id = f"msg_{secrets.token_hex(8)}"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(self._place.hook_secret, message_id, stamp, body),
        }
        url = f"{self._place.internal}/hooks/{TENANT}"
        return _answer(requests.post(url, data=body, headers=headers, timeout=_TIMEOUT_S))

    def _encrypted(self, tokens: TokenAnswer) -> str:
        place = self._place
        jwks = requests.get(f"{place.internal}/.well-known/jwks.json", timeout=_TIMEOUT_S).json()
        key = ECKey.import_key(jwks["keys"][0])
        sealed = {
            "tenant": TENANT,
            "sub": place.account.sub,
            "tokens": {"refresh_token": tokens.refresh_token, "id_token": tokens.id_token},
        }
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid}
        return jwe.encrypt_compact(header, json.dumps(sealed).encode(), key)


class Backend:
    """Asks the bridge for tokens, and calls Google with them."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def request(self, **more: str) -> dict[str, Any]:
        """Return the body of a token request for Ann."""
        return {"tenant": TENANT, "subject": SUBJECT, "scopes": [CALENDAR], **more}

    def read(self, **more: str) -> Answer:
        """Ask for a token."""
        url, body = f"{self._place.internal}/v1/token", self.request(**more)
        return _answer(requests.post(url, json=body, headers=self._key(), timeout=_TIMEOUT_S))

    def state(self, grant: str) -> str:
        """Return the state of a grant."""
        url = f"{self._place.internal}/v1/grants/{grant}"
        shown = requests.get(url, headers=self._key(), timeout=_TIMEOUT_S).json()
        return str(shown["state"])

    def calendar(self, token: Secret) -> int:
        """List Ann's calendar events; return the HTTP status."""
        url, bearer = self.calendar_url(), {"Authorization": f"Bearer {token.reveal()}"}
        return requests.get(url, headers=bearer, timeout=_TIMEOUT_S).status_code

    def calendar_url(self) -> str:
        """Return where Ann's calendar events are."""
        return f"{self._place.sandbox.url}/calendar/v3/calendars/primary/events"

    def read_command(self, **more: str) -> str:
        """Return `read` as a curl command; the key stays in its file."""
        header = shlex.quote(f"@{self._place.key_header}")
        body = shlex.quote(json.dumps(self.request(**more)))
        return (
            f"curl -s {self._place.internal}/v1/token -H {header}"
            f" -H 'Content-Type: application/json' -d {body}"
        )

    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._place.key.reveal()}"}


def named(token: Secret | str | None) -> str:
    """Return how the story names a token: by its fingerprint."""
    return "none" if token is None else fingerprint(token)


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.json())
