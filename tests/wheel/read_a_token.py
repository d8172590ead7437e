"""A login through the hook and a token read, with what the wheel brings and nothing else."""

from __future__ import annotations

import base64
import json
import secrets
import tempfile
import time
from pathlib import Path

from werkzeug.test import Client

from bridge.config import load
from bridge.config.keys import generate, write_keys
from bridge.model import CallerKey
from bridge.sandbox import SandboxServer
from bridge.secret import Secret
from bridge.services import build
from bridge.signing.webhooks import sign
from bridge.web import logs
from bridge.web.apps import internal_flask, internal_routes

CALENDAR = "https://www.googleapis.com/auth/calendar"


def main() -> None:
    """Play the story; any failure is an exception."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with tempfile.TemporaryDirectory() as name, SandboxServer() as sandbox:
        folder = Path(name)
        client = sandbox.google.clients.create()
        account = sandbox.google.accounts.create()
        config = folder / "bridge.toml"
        config.write_text(f"""
            mode = "development"
            public_url = "http://localhost:8600"
            google.base_url = "{sandbox.url}"
            log.level = "error"
            [tenants.acme]
            issuer = "http://localhost:8080"
            hook_secrets = ["{secret}"]
            [[tenants.acme.clients]]
            client_id = "{client.client_id}"
            client_secret = "{client.secrets[0]}"
        """)
        write_keys(folder / "bridge.keys.json", generate(time.time()))
        settings = load(config, {})
        logs.configure(settings.log)
        services = build(settings)
        services.start()
        http = Client(internal_flask(services, internal_routes(services)))

        tokens = sandbox.google.login(account, client, f"openid email {CALENDAR}")
        body = json.dumps(
            {
                "type": "login",
                "tenant": "acme",
                "subject": "user-1",
                "account": {"sub": account.sub},
                "client_id": client.client_id,
                "login": {"id": "login-1"},
                "tokens": {"refresh_token": tokens.refresh_token, "id_token": tokens.id_token},
            }
        ).encode()
        stamp = int(time.time())
        headers = {
            "webhook-id": "message-1",
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(Secret(secret), "message-1", stamp, body),
        }
        taken = http.post("/hooks/acme", data=body, headers=headers)
        assert taken.get_json()["result"] == "captured", taken.text

        _, key = services.callers.create(
            CallerKey(
                id="",
                digest=b"",
                name="backend",
                tenants=("acme",),
                scopes=(CALENDAR,),
                permissions=("token",),
                created_at=0,
            )
        )
        read = http.post(
            "/v1/token",
            json={"tenant": "acme", "subject": "user-1", "scopes": [CALENDAR]},
            headers={"Authorization": f"Bearer {key.reveal()}"},
        )
        assert read.status_code == 200, read.text
        assert read.get_json()["access_token"].startswith("ya29.")
        services.close()
    print("served")  # noqa: T201 - what the test waits for


if __name__ == "__main__":
    main()
