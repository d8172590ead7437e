"""The contract vectors, and a real bridge at their fixed time to try them on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import responses
from joserfc.jwk import RSAKey
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse

from bridge.config import load
from bridge.config.keys import generate, write_keys
from bridge.config.keys.material import HookKey, KeyFile
from bridge.google.endpoints import GOOGLE
from bridge.secret import Secret
from bridge.services import Services, build
from tests.wsgi import internal_wsgi

FOLDER = Path(__file__).parents[2] / "hooks" / "contract"
VECTORS: list[dict[str, Any]] = [
    json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
]


class FixedClock:
    """A wall clock that shows what a vector says."""

    def __init__(self, now: int) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a hook waited for {seconds} s")


class Recipient:
    """A bridge that a vector's messages are sent to."""

    def __init__(self, services: Services, clock: FixedClock) -> None:
        self.services = services
        self._clock = clock
        self._http = HttpClient(internal_wsgi(services))

    def send(self, message: dict[str, Any]) -> TestResponse:
        self._clock.time = message["at"]
        body = message["body"].encode()
        return self._http.post(message["path"], data=body, headers=message["headers"])

    def grants(self, tenants: dict[str, Any]) -> list[dict[str, str]]:
        """Return what it holds, in the form of a vector's `grants`."""
        return [
            {
                "tenant": tenant,
                "subject": held.record.subject,
                "account": held.record.account.sub,
                "client": held.record.client_id,
                "state": held.record.state.value,
            }
            for tenant in tenants
            for held in self.services.grants.page(tenant, state=None, after=None, limit=100)
        ]


@contextmanager
def recipient(folder: Path, vector: dict[str, Any]) -> Iterator[Recipient]:
    """Run a bridge with a vector's tenants and the contract's keys; only Google is not real."""
    config = folder / "bridge.toml"
    config.write_text("\n".join(_toml(vector["tenants"])))
    clock = FixedClock(vector["messages"][0]["at"])
    write_keys(folder / "bridge.keys.json", _keys(clock.now()))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as google:
        google.get(GOOGLE.certs, json=_google_keys())
        services = build(load(config, {}), clock)
        try:
            services.prove()
            yield Recipient(services, clock)
        finally:
            services.close()


def _toml(tenants: dict[str, Any]) -> Iterator[str]:
    yield 'mode = "development"'
    yield 'public_url = "http://localhost:8600"'
    for name, tenant in tenants.items():
        yield f"[tenants.{name}]"
        yield f'issuer = "http://localhost:8080/realms/{name}"'
        yield f"hook_secrets = {json.dumps(tenant['secrets'])}"
        if "recovery" in tenant:
            yield f'recovery = "{tenant["recovery"]}"'
        for client in tenant["clients"]:
            yield f"[[tenants.{name}.clients]]"
            yield f'client_id = "{client}"'
            yield 'client_secret = "GOCSPX-made-up-for-the-contract"'


def _keys(now: float) -> KeyFile:
    made = generate(now)
    jwk = json.loads((FOLDER / "keys" / "hook.json").read_text())
    private = {name: jwk[name] for name in ("kty", "crv", "kid", "x", "y", "d")}
    hook = HookKey(jwk["kid"], Secret(json.dumps(private)), int(now))
    return KeyFile(made.record_keys, made.hash_keys, (hook,))


def _google_keys() -> dict[str, Any]:
    key = RSAKey.import_key(json.loads((FOLDER / "keys" / "google.json").read_text()))
    return {"keys": [key.as_dict(private=False)]}
